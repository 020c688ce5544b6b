/*
 * One public key as a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
 */
#ifndef TA_JOSE_JWK_H
#define TA_JOSE_JWK_H

#include <apr_pools.h>
#include <openssl/evp.h>

#include "jose/algorithm.h"
#include "util/json.h"

#define TA_JWK_RSA_MIN_BITS 2048
#define TA_JWK_RSA_MAX_BITS 8192

typedef struct ta_jwk {
    const char *kid; /* NULL where the key has none */
    const char *use; /* NULL or as it stands */
    const char *alg; /* NULL or as it stands */
    ta_key_kind kind;
    const char *curve; /* NULL for RSA */
    EVP_PKEY *key;     /* one reference, given back by the pool */
} ta_jwk;

/**
 * Reads one key.
 * @param p      pool of the result; its end frees the key
 * @param json   the JWK object
 * @param result set to the key; NULL on failure
 * @return APR_SUCCESS; APR_ENOTIMPL for a kind or curve that we do not know; APR_EINVAL for a
 *         key that is broken, private, symmetric, or of an unsafe size
 */
apr_status_t ta_jwk_parse(apr_pool_t *p, const ta_json *json, ta_jwk **result);

/** A second reference to a key, for another pool. */
ta_jwk *ta_jwk_copy(apr_pool_t *p, const ta_jwk *jwk);

#endif
