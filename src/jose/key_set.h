/*
 * A provider's key set (RFC 7517 section 5), and which of its keys may have made a signature.
 */
#ifndef TA_JOSE_KEY_SET_H
#define TA_JOSE_KEY_SET_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "jose/jwk.h"
#include "util/bytes.h"

#define TA_KEY_SET_KEYS 64 /* keys beyond these are skipped */

typedef struct ta_key_set {
    apr_array_header_t *keys; /* of ta_jwk* */
    int skipped;              /* keys in the document that we cannot use */
} ta_key_set;

/**
 * Reads a key set; keys that we cannot use are skipped and counted.
 * @return APR_SUCCESS (also for a set without usable keys), or APR_EINVAL when it is no key set
 */
apr_status_t ta_key_set_parse(apr_pool_t *p, ta_bytes document, ta_key_set **result);

/** The same keys with references of their own, for another pool. */
ta_key_set *ta_key_set_copy(apr_pool_t *p, const ta_key_set *set);

/**
 * The keys that may have made a signature: kty and curve fit the algorithm, use absent or
 * "sig", alg absent or equal (EdDSA and Ed25519 count as one), and kid equal where one is given.
 * @param kid the token's kid; NULL: any key
 * @return array of ta_jwk*, perhaps empty, in p
 */
apr_array_header_t *ta_key_set_candidates(apr_pool_t *p, const ta_key_set *set,
                                          const ta_algorithm *algorithm, const char *kid);

#endif
