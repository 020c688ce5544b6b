/*
 * A provider's signing side, for tests. It asserts that OpenSSL does what it is asked for, so
 * that a test never passes because nothing was signed.
 */
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <apr_strings.h>

#include "util/base64url.h"

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

static EVP_PKEY *keep(apr_pool_t *p, EVP_PKEY *key)
{
    assert_non_null(key);
    apr_pool_cleanup_register(p, key, free_key, apr_pool_cleanup_null);
    return key;
}

signer_keys *signer_keys_make(apr_pool_t *p)
{
    signer_keys *keys = apr_pcalloc(p, sizeof(*keys));

    keys->rsa = keep(p, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
    keys->p256 = keep(p, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
    keys->p384 = keep(p, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"));
    keys->p521 = keep(p, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"));
    keys->ed25519 = keep(p, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    return keys;
}

EVP_PKEY *signer_key_for(const signer_keys *keys, const char *algorithm)
{
    const ta_algorithm *found = ta_algorithm_find(algorithm);

    assert_non_null(found);
    switch (found->kind) {
    case TA_KEY_RSA:
        return keys->rsa;
    case TA_KEY_OKP:
        return keys->ed25519;
    case TA_KEY_EC:
        break;
    }
    if (strcmp(found->curve, "P-256") == 0) {
        return keys->p256;
    }
    return strcmp(found->curve, "P-384") == 0 ? keys->p384 : keys->p521;
}

/* len 0: as many bytes as the number needs */
static const char *encode_number(apr_pool_t *p, EVP_PKEY *key, const char *name, int len)
{
    BIGNUM *number = NULL;
    unsigned char *bytes;

    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    len = len > 0 ? len : BN_num_bytes(number);
    bytes = apr_palloc(p, (apr_size_t)len);
    assert_int_equal(BN_bn2binpad(number, bytes, len), len);
    BN_free(number);
    return ta_base64url_encode(p, bytes, (apr_size_t)len);
}

const char *signer_jwk(apr_pool_t *p, EVP_PKEY *key, const char *more)
{
    unsigned char raw[32];
    size_t len = sizeof(raw);
    int bits = EVP_PKEY_get_bits(key);
    int bytes = (bits + 7) / 8;

    if (EVP_PKEY_is_a(key, "RSA")) {
        return apr_psprintf(p, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
                            encode_number(p, key, OSSL_PKEY_PARAM_RSA_N, 0),
                            encode_number(p, key, OSSL_PKEY_PARAM_RSA_E, 0), more);
    }
    if (EVP_PKEY_is_a(key, "ED25519")) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
        return apr_psprintf(p, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}",
                            ta_base64url_encode(p, raw, len), more);
    }
    return apr_psprintf(p, "{\"kty\":\"EC\",\"crv\":\"P-%d\",\"x\":\"%s\",\"y\":\"%s\"%s}", bits,
                        encode_number(p, key, OSSL_PKEY_PARAM_EC_PUB_X, bytes),
                        encode_number(p, key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes), more);
}

ta_key_set *signer_key_set(apr_pool_t *p, ...)
{
    const char *text = "";
    const char *jwk;
    ta_bytes document;
    ta_key_set *set;
    va_list keys;

    va_start(keys, p);
    while ((jwk = va_arg(keys, const char *)) != NULL) {
        text = apr_pstrcat(p, text, *text != '\0' ? "," : "", jwk, NULL);
    }
    va_end(keys);
    text = apr_pstrcat(p, "{\"keys\":[", text, "]}", NULL);
    document = (ta_bytes){.data = (const unsigned char *)text, .len = strlen(text)};
    assert_int_equal(ta_key_set_parse(p, document, &set), APR_SUCCESS);
    assert_int_equal(set->skipped, 0);
    return set;
}

static void set_pss(EVP_PKEY_CTX *context, const signing *how, const char *digest)
{
    int salt = how->salt != 0 ? how->salt : RSA_PSS_SALTLEN_DIGEST;
    const char *mgf1 = how->mgf1 != NULL ? how->mgf1 : digest;

    assert_true(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, mgf1, NULL) > 0);
}

ta_bytes signer_openssl_signature(apr_pool_t *p, const signing *how, const char *text)
{
    const ta_algorithm *algorithm = ta_algorithm_find(how->algorithm);
    const unsigned char *bytes = (const unsigned char *)text;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context;
    size_t len = (size_t)EVP_PKEY_get_size(how->key);
    unsigned char *signature = apr_palloc(p, len);

    assert_int_equal(
        EVP_DigestSignInit_ex(context, &key_context, algorithm->digest, NULL, NULL, how->key, NULL),
        1);
    if (algorithm->pss) {
        set_pss(key_context, how, algorithm->digest);
    }
    assert_int_equal(EVP_DigestSign(context, signature, &len, bytes, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    return (ta_bytes){.data = signature, .len = len};
}

ta_bytes signer_signature(apr_pool_t *p, const signing *how, const char *text)
{
    const ta_algorithm *algorithm = ta_algorithm_find(how->algorithm);
    ta_bytes der = signer_openssl_signature(p, how, text);
    const unsigned char *at = der.data;
    int half = (int)(algorithm->signature_len / 2);
    unsigned char *raw;
    ECDSA_SIG *signature;

    if (algorithm->kind != TA_KEY_EC) {
        return der;
    }
    raw = apr_palloc(p, algorithm->signature_len);
    signature = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    assert_non_null(signature);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, half), half);
    ECDSA_SIG_free(signature);
    return (ta_bytes){.data = raw, .len = algorithm->signature_len};
}

const char *signer_input(apr_pool_t *p, const char *header, const char *payload)
{
    return apr_pstrcat(p, ta_base64url_encode(p, header, strlen(header)), ".",
                       ta_base64url_encode(p, payload, strlen(payload)), NULL);
}

const char *signer_join(apr_pool_t *p, const char *input, ta_bytes signature)
{
    return apr_pstrcat(p, input, ".", ta_base64url_encode(p, signature.data, signature.len), NULL);
}

const char *signer_token(apr_pool_t *p, const signing *how, const char *header, const char *payload)
{
    const char *input = signer_input(p, header, payload);

    return signer_join(p, input, signer_signature(p, how, input));
}
