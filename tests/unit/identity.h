/*
 * Identities for the tests of claims: documents are written with ' for ", read from blocks of
 * their exact size, and gone before anybody looks at the identity.
 */
#ifndef TA_TESTS_IDENTITY_H
#define TA_TESTS_IDENTITY_H

#include <apr_pools.h>

#include "oidc/claims.h"

#define IDENTITY_SUB "f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e" /* the checked subject */

/** A provider with the defaults for everything that concerns claims. */
ta_provider identity_provider(apr_pool_t *p);

/** The identity of an ID token (NULL: none) and userinfo (NULL: none); fails without one. */
ta_identity *identity_read_good(apr_pool_t *p, const ta_provider *provider, const char *id_token,
                                const char *userinfo);

/** Fails unless the userinfo is refused for that reason. */
void identity_assert_refused(apr_pool_t *p, const ta_provider *provider, const char *userinfo,
                             ta_reason reason);

/** The groups with | between. */
const char *identity_groups(apr_pool_t *p, const ta_identity *identity);

/** An object with one member: an array of so many different strings. */
const char *identity_numbered(apr_pool_t *p, const char *name, int count);

#endif
