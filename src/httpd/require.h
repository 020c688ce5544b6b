/*
 * Require oauth-group, oauth-user, oauth-email and oauth-claim.
 */
#ifndef TA_HTTPD_REQUIRE_H
#define TA_HTTPD_REQUIRE_H

#include <apr_pools.h>

/** Registers the authorization providers. */
void ta_require_register(apr_pool_t *p);

#endif
