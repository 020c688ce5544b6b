/*
 * Which signature algorithms exist for us. A token may only name a row of this table, and the
 * row alone decides kind of key, curve, digest and padding; nothing of that is taken from the
 * token or the key. "none" and HMAC are absent on purpose: a public key must never be able to
 * serve as an HMAC secret.
 */
#include "jose/algorithm.h"

#include <string.h>

/*
 * RFC 7518 section 3.1 and RFC 8037 section 3.1; "Ed25519" is RFC 9864's name for what most
 * providers call "EdDSA". The hash of at_hash is not fixed by OIDC Core for the two of them:
 * the common reading is SHA-512, which Ed25519 itself uses, but some providers take SHA-256,
 * so whoever checks at_hash has to allow both there.
 */
static const ta_algorithm algorithms[] = {
    {.name = "RS256", .kind = TA_KEY_RSA, .digest = "SHA256", .hash = "SHA256"},
    {.name = "RS384", .kind = TA_KEY_RSA, .digest = "SHA384", .hash = "SHA384"},
    {.name = "RS512", .kind = TA_KEY_RSA, .digest = "SHA512", .hash = "SHA512"},
    {.name = "PS256", .kind = TA_KEY_RSA, .digest = "SHA256", .hash = "SHA256", .pss = 1},
    {.name = "PS384", .kind = TA_KEY_RSA, .digest = "SHA384", .hash = "SHA384", .pss = 1},
    {.name = "PS512", .kind = TA_KEY_RSA, .digest = "SHA512", .hash = "SHA512", .pss = 1},
    {.name = "ES256",
     .kind = TA_KEY_EC,
     .curve = "P-256",
     .digest = "SHA256",
     .hash = "SHA256",
     .signature_len = 64},
    {.name = "ES384",
     .kind = TA_KEY_EC,
     .curve = "P-384",
     .digest = "SHA384",
     .hash = "SHA384",
     .signature_len = 96},
    {.name = "ES512",
     .kind = TA_KEY_EC,
     .curve = "P-521",
     .digest = "SHA512",
     .hash = "SHA512",
     .signature_len = 132},
    {.name = "EdDSA",
     .kind = TA_KEY_OKP,
     .curve = "Ed25519",
     .hash = "SHA512",
     .signature_len = 64},
    {.name = "Ed25519",
     .kind = TA_KEY_OKP,
     .curve = "Ed25519",
     .hash = "SHA512",
     .signature_len = 64},
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

const ta_algorithm *ta_algorithm_find(const char *name)
{
    if (name == NULL) {
        return NULL;
    }
    /* RFC 7515 4.1.1: "alg" is case-sensitive */
    for (apr_size_t i = 0; i < ALGORITHMS; i++) {
        if (strcmp(algorithms[i].name, name) == 0) {
            return &algorithms[i];
        }
    }
    return NULL;
}

const ta_algorithm *ta_algorithm_at(apr_size_t index)
{
    return index < ALGORITHMS ? &algorithms[index] : NULL;
}
