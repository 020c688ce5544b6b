/*
 * What counts as a signed token, and whether one of the provider's keys made it. The header is
 * only asked which algorithm of our table and which known key to try; keys and addresses of
 * keys that it carries itself (jwk, jku, x5c, x5u) are never looked at, because the sender of
 * a forged token writes them, too.
 */
#include "jose/jws.h"

#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <apr_strings.h>

#include "util/base64url.h"

typedef struct jws_header {
    const char *alg;
    const char *kid;
    const char *typ;
    int critical;  /* there is a "crit" */
    int malformed; /* a member that we read is no string */
} jws_header;

/* The members that we read; each is a string (RFC 7515 4.1.1, 4.1.4, 4.1.9). */
static const struct header_member {
    const char *name;
    apr_size_t offset; /* of its field in jws_header */
} header_members[] = {
    {.name = "alg", .offset = offsetof(jws_header, alg)},
    {.name = "kid", .offset = offsetof(jws_header, kid)},
    {.name = "typ", .offset = offsetof(jws_header, typ)},
};

#define HEADER_MEMBERS (sizeof(header_members) / sizeof(header_members[0]))

/* Sees every member, those with the value null among them. */
static int read_member(void *context, const char *name, const ta_json *value)
{
    jws_header *header = context;

    if (strcmp(name, "crit") == 0) {
        header->critical = 1;
        return 1;
    }
    for (apr_size_t i = 0; i < HEADER_MEMBERS; i++) {
        if (strcmp(name, header_members[i].name) == 0) {
            const char **field = (const char **)((char *)header + header_members[i].offset);

            *field = ta_json_text(value);
            header->malformed |= *field == NULL;
            return 1;
        }
    }
    return 1;
}

static apr_status_t read_header(apr_pool_t *p, ta_bytes text, ta_jws *jws, ta_fault *fault)
{
    jws_header header = {.alg = NULL};
    const ta_json *json;

    if (ta_json_parse_object(p, text, &json) != APR_SUCCESS) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "the token's header is no JSON object");
    }
    ta_json_each(json, read_member, &header);
    if (header.malformed || header.alg == NULL) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "alg, kid or typ of the token's header is no string, or alg is "
                            "missing");
    }
    /* RFC 7515 4.1.11: who does not understand and process a critical extension must reject
     * the token; we know no extension */
    if (header.critical) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "the token's header has crit, and we know no extension");
    }
    jws->algorithm = ta_algorithm_find(header.alg);
    if (jws->algorithm == NULL) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_ALGORITHM,
                            "the token's alg is %s, which we do not accept",
                            ta_fault_quote(p, header.alg));
    }
    jws->kid = header.kid;
    jws->typ = header.typ;
    return APR_SUCCESS;
}

/* Cuts the token at its two dots. False unless there are exactly three non-empty parts. */
static int split(const char *token, apr_size_t len, ta_bytes parts[3])
{
    const char *end = token + len;

    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(token, '.', (apr_size_t)(end - token));
        const char *stop = dot != NULL ? dot : end;

        if (stop == token || (dot != NULL) != (i < 2)) {
            return 0;
        }
        parts[i].data = (const unsigned char *)token;
        parts[i].len = (apr_size_t)(stop - token);
        token = stop + (i < 2);
    }
    return 1;
}

static apr_status_t decode(apr_pool_t *p, ta_bytes part, ta_bytes *result)
{
    return ta_base64url_decode(p, (const char *)part.data, part.len, result);
}

/* A JWS gives r and s as two numbers of fixed length (RFC 7518 3.4), OpenSSL takes DER. */
static int ecdsa_to_der(apr_pool_t *p, ta_bytes raw, ta_bytes *der)
{
    int half = (int)(raw.len / 2);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
    BIGNUM *s = BN_bin2bn(raw.data + half, half, NULL);
    unsigned char *bytes = NULL;
    int len;

    if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(signature);
        return 0;
    }
    len = i2d_ECDSA_SIG(signature, &bytes);
    ECDSA_SIG_free(signature);
    if (len <= 0) {
        return 0;
    }
    der->data = apr_pmemdup(p, bytes, (apr_size_t)len);
    der->len = (apr_size_t)len;
    OPENSSL_free(bytes);
    return 1;
}

/* Signatures have one length only; OpenSSL alone would take a PSS signature without its
 * leading zeros (RFC 8017 8.1.2 step 1 does not). */
static int length_fits(const ta_jws *jws, const EVP_PKEY *key)
{
    apr_size_t expected = jws->algorithm->signature_len;

    if (expected == 0) {
        expected = (apr_size_t)EVP_PKEY_get_size(key);
    }
    return jws->signature.len == expected;
}

/* RFC 7518 3.5: the salt is as long as the digest, and MGF1 uses the same digest. */
static int set_pss(EVP_PKEY_CTX *context, const ta_algorithm *algorithm)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, algorithm->digest, NULL) > 0;
}

static int verify_with(apr_pool_t *tmp, const ta_jws *jws, EVP_PKEY *key)
{
    const ta_algorithm *algorithm = jws->algorithm;
    ta_bytes signature = jws->signature;
    EVP_PKEY_CTX *key_context;
    EVP_MD_CTX *context;
    int valid;

    if (!length_fits(jws, key)) {
        return 0;
    }
    if (algorithm->kind == TA_KEY_EC && !ecdsa_to_der(tmp, jws->signature, &signature)) {
        return 0;
    }
    context = EVP_MD_CTX_new();
    valid = context != NULL &&
            EVP_DigestVerifyInit_ex(context, &key_context, algorithm->digest, NULL, NULL, key,
                                    NULL) == 1 &&
            (!algorithm->pss || set_pss(key_context, algorithm)) &&
            EVP_DigestVerify(context, signature.data, signature.len, jws->signing_input.data,
                             jws->signing_input.len) == 1;
    EVP_MD_CTX_free(context);
    return valid;
}

apr_status_t ta_jws_parse(apr_pool_t *p, const char *token, apr_size_t len, ta_jws **result,
                          ta_fault *fault)
{
    ta_jws *jws = apr_pcalloc(p, sizeof(*jws));
    ta_bytes parts[3];
    ta_bytes header;

    *result = NULL;
    if (token == NULL || len > TA_JWS_BYTES) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "the token is absent or longer than %d bytes", TA_JWS_BYTES);
    }
    if (!split(token, len, parts)) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "the token has not exactly three parts with something in them");
    }
    if (decode(p, parts[0], &header) != APR_SUCCESS ||
        decode(p, parts[1], &jws->payload) != APR_SUCCESS ||
        decode(p, parts[2], &jws->signature) != APR_SUCCESS) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "a part of the token is not base64url");
    }
    if (read_header(p, header, jws, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    /* RFC 7515 5.2 (8): what was signed is the text as it came, not what it decodes to */
    jws->signing_input.data = apr_pmemdup(p, token, parts[0].len + 1 + parts[1].len);
    jws->signing_input.len = parts[0].len + 1 + parts[1].len;
    *result = jws;
    return APR_SUCCESS;
}

ta_jws_verdict ta_jws_verify(apr_pool_t *tmp, const ta_jws *jws, const ta_key_set *set)
{
    apr_array_header_t *keys = ta_key_set_candidates(tmp, set, jws->algorithm, jws->kid);
    ta_jws_verdict verdict = keys->nelts > 0 ? TA_JWS_BAD_SIGNATURE : TA_JWS_NO_KEY;

    for (int i = 0; i < keys->nelts && verdict != TA_JWS_VALID; i++) {
        if (verify_with(tmp, jws, APR_ARRAY_IDX(keys, i, ta_jwk *)->key)) {
            verdict = TA_JWS_VALID;
        }
    }
    /* what OpenSSL noted must not look like an error of this thread's next connection */
    ERR_clear_error();
    return verdict;
}
