/*
 * The signature algorithms that we accept (RFC 7518 section 3, RFC 8037, RFC 9864): RSA,
 * RSA-PSS, ECDSA and Ed25519. "none" and HMAC are not in the table, so nothing can ask for them.
 */
#ifndef TA_JOSE_ALGORITHM_H
#define TA_JOSE_ALGORITHM_H

#include <apr.h>

typedef enum ta_key_kind { TA_KEY_RSA, TA_KEY_EC, TA_KEY_OKP } ta_key_kind;

typedef struct ta_algorithm {
    const char *name;         /* as in the JWS header: "RS256" */
    ta_key_kind kind;         /* kty of the key */
    const char *curve;        /* crv of the key; NULL for RSA */
    const char *digest;       /* OpenSSL's name; NULL where the signature hashes by itself */
    const char *hash;         /* digest for at_hash (OIDC Core 3.1.3.6) */
    int pss;                  /* RSASSA-PSS padding */
    apr_size_t signature_len; /* bytes of the signature; 0: as long as the RSA modulus */
} ta_algorithm;

/** The algorithm of exactly this name, or NULL. */
const ta_algorithm *ta_algorithm_find(const char *name);

/** The algorithms in a row: NULL beyond the last. For lists in messages and tests. */
const ta_algorithm *ta_algorithm_at(apr_size_t index);

#endif
