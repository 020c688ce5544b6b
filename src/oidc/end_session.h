/*
 * RP-Initiated Logout 1.0 section 2: the way by which the browser also leaves the provider.
 */
#ifndef TA_OIDC_END_SESSION_H
#define TA_OIDC_END_SESSION_H

#include <apr_pools.h>

#include "oidc/discovery.h"
#include "oidc/provider.h"

/**
 * The URL to send the browser to.
 * @param id_token  the latest raw ID token, or NULL (then Pocket ID asks the user)
 * @param return_to post_logout_redirect_uri
 * @param state     comes back with the browser
 * @return the URL in p; NULL where the provider has no end-session endpoint. An id_token that
 *         would push the URL beyond 8 KB is left out.
 */
const char *ta_end_session_url(apr_pool_t *p, const ta_provider *provider,
                               const ta_metadata *metadata, const char *id_token,
                               const char *return_to, const char *state);

#endif
