/*
 * May this request pass? Finds the session behind a request, and says what to answer where
 * there is none.
 */
#ifndef TA_FLOW_ACCESS_H
#define TA_FLOW_ACCESS_H

#include "flow/env.h"
#include "flow/reply.h"
#include "session/session.h"

/**
 * The session of a request: a cookie of ours whose record was made for this host, is within
 * its limits, and was vouched for by a provider that the site has now, for somebody whom the
 * whitelist allows now. Notes the use. Whether a scope takes that provider's sessions is a
 * question of its own (ta_scope_allows).
 * @param result set to the session; NULL on failure
 * @return APR_SUCCESS; APR_NOTFOUND when nobody is signed in; else the store's error
 */
apr_status_t ta_access_find_session(const ta_env *env, ta_session **result);

/** True where nobody is signed in, but would be on a host with longer limits. */
int ta_access_is_over(const ta_env *env);

/**
 * The answer to a request that needs a login: to the login page, straight to the provider, or
 * 401. Nothing is remembered but in the browser.
 */
ta_reply *ta_access_ask(const ta_env *env, const ta_scope *scope);

/** The answer while the store does not work: 503. @param rv the store's error, for the log */
ta_reply *ta_access_unavailable(const ta_env *env, apr_status_t rv);

/**
 * Whether a login's record counts on this site now: within its limits, vouched for by a provider
 * that the site has, and on the whitelist.
 * @param fault TICKET_INVALID (its time is over), PROVIDER_UNKNOWN, or NOT_WHITELISTED
 * @return APR_SUCCESS, or APR_EGENERAL with fault set
 */
apr_status_t ta_access_check_login(const ta_env *env, const ta_record *login, ta_fault *fault);

/** True when the whitelist lets somebody in. @param email_verified see ta_identity */
int ta_access_is_whitelisted(const ta_site *site, const char *email, int email_verified);

#endif
