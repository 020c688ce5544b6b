/*
 * A provider's signing side, for tests: keys of every kind, their public halves as JSON Web
 * Keys, and tokens that are signed with them, rightly or in a way that must be refused.
 */
#ifndef TA_TESTS_SIGNER_H
#define TA_TESTS_SIGNER_H

#include <apr_pools.h>
#include <openssl/evp.h>

#include "jose/key_set.h"
#include "util/bytes.h"

/* Fresh private keys. */
typedef struct signer_keys {
    EVP_PKEY *rsa; /* 2048 bits */
    EVP_PKEY *p256;
    EVP_PKEY *p384;
    EVP_PKEY *p521;
    EVP_PKEY *ed25519;
} signer_keys;

/* How to sign; zeros for what the algorithm prescribes. */
typedef struct signing {
    const char *algorithm; /* as in the header */
    EVP_PKEY *key;
    const char *mgf1; /* PSS: another digest for the mask */
    int salt;         /* PSS: another salt length, or one of OpenSSL's RSA_PSS_SALTLEN_… */
} signing;

/** Makes the keys; the end of p frees them. */
signer_keys *signer_keys_make(apr_pool_t *p);

/** The key that fits an algorithm of our table. */
EVP_PKEY *signer_key_for(const signer_keys *keys, const char *algorithm);

/** The public half as a JWK; more is appended to its members (",\"kid\":\"a\"" or ""). */
const char *signer_jwk(apr_pool_t *p, EVP_PKEY *key, const char *more);

/** A parsed key set of the JWKs given; NULL behind the last. */
ta_key_set *signer_key_set(apr_pool_t *p, ...) __attribute__((sentinel));

/** What OpenSSL signs: DER for ECDSA. */
ta_bytes signer_openssl_signature(apr_pool_t *p, const signing *how, const char *text);

/** The signature as a JWS has it: r and s for ECDSA. */
ta_bytes signer_signature(apr_pool_t *p, const signing *how, const char *text);

/** base64url(header) "." base64url(payload) */
const char *signer_input(apr_pool_t *p, const char *header, const char *payload);

/** input "." base64url(signature) */
const char *signer_join(apr_pool_t *p, const char *input, ta_bytes signature);

/** A compact JWS of this header and payload. */
const char *signer_token(apr_pool_t *p, const signing *how, const char *header,
                         const char *payload);

#endif
