/*
 * The URLs that are ours, and who answers them.
 */
#ifndef TA_FLOW_ENDPOINT_H
#define TA_FLOW_ENDPOINT_H

#include "flow/env.h"
#include "flow/reply.h"

#define TA_CALLBACK_PATH "/api/oauth/callback/"

typedef struct ta_endpoint ta_endpoint;

/** The endpoint of a decoded path on a host, or NULL where the path is the application's.
 *  @param is_login_host whether logins of this site live on the request's host: callbacks
 *         and a provider's orders to log out are ours only there */
const ta_endpoint *ta_endpoint_find(const ta_site *site, const char *path, int is_login_host);

/** True for a path (decoded; slashes in a row count as one) that is ours on some host. */
int ta_endpoint_is_ours(const ta_site *site, const char *path);

/** Answers a request to an endpoint; never NULL. */
ta_reply *ta_endpoint_run(const ta_env *env, const ta_endpoint *endpoint);

#endif
