/*
 * Which JSON Web Keys become a key of OpenSSL: public signature keys of RSA (2048 to 8192
 * bits), P-256, P-384, P-521 and Ed25519, whose members have exactly the form that RFC 7518
 * section 6 and RFC 8037 section 2 give them. Everything else is refused here, before any
 * arithmetic is done with it.
 */
#include "jose/jwk.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <apr_strings.h>

#include "util/base64url.h"

/* A modulus may have one zero octet in front: RFC 7518 6.3.1.1 forbids it, but names the
 * libraries that put it there. The exponent has 64 bits at most. */
#define RSA_MODULUS_BYTES  (TA_JWK_RSA_MAX_BITS / 8 + 1)
#define RSA_EXPONENT_BYTES 8

#define ED25519_BYTES 32

typedef struct ec_curve {
    const char *name;      /* crv */
    const char *group;     /* OpenSSL's name */
    apr_size_t coordinate; /* bytes of x and of y (RFC 7518 6.2.1.2) */
} ec_curve;

static const ec_curve curves[] = {
    {.name = "P-256", .group = "prime256v1", .coordinate = 32},
    {.name = "P-384", .group = "secp384r1", .coordinate = 48},
    {.name = "P-521", .group = "secp521r1", .coordinate = 66},
};

/* A key set that holds one of these has published a secret: RFC 7518 6.2.2, 6.3.2, 6.4. */
static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

/* Gives the reference of key to jwk, and to the end of p. */
static void keep_key(apr_pool_t *p, ta_jwk *jwk, EVP_PKEY *key)
{
    jwk->key = key;
    apr_pool_cleanup_register(p, key, free_key, apr_pool_cleanup_null);
}

/* Decodes a member that may have at most max bytes; a longer one is refused undecoded. */
static apr_status_t read_bytes(apr_pool_t *p, const ta_json *json, const char *name, apr_size_t max,
                               ta_bytes *bytes)
{
    const char *text = ta_json_string(json, name);
    apr_size_t len;

    if (text == NULL) {
        return APR_EINVAL;
    }
    len = strlen(text);
    if (len == 0 || len > (max * 4 + 2) / 3) {
        return APR_EINVAL;
    }
    return ta_base64url_decode(p, text, len, bytes);
}

/* The same for a member that has exactly len bytes. */
static apr_status_t read_exactly(apr_pool_t *p, const ta_json *json, const char *name,
                                 apr_size_t len, ta_bytes *bytes)
{
    apr_status_t status = read_bytes(p, json, name, len, bytes);

    if (status != APR_SUCCESS) {
        return status;
    }
    return bytes->len == len ? APR_SUCCESS : APR_EINVAL;
}

/* A string that may be absent, but is nothing else than a string when it is there. */
static apr_status_t read_optional(apr_pool_t *p, const ta_json *json, const char *name,
                                  const char **result)
{
    const ta_json *value = ta_json_get(json, name);

    *result = apr_pstrdup(p, ta_json_text(value));
    return value == NULL || *result != NULL ? APR_SUCCESS : APR_EINVAL;
}

/* NULL when OpenSSL refuses the parameters; a point off its curve is refused here, too. */
static EVP_PKEY *import_key(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

static int rsa_numbers_are_sane(const BIGNUM *modulus, const BIGNUM *exponent)
{
    int bits = BN_num_bits(modulus);

    /* RFC 7518 3.3 and 3.5: "A key of size 2048 bits or larger MUST be used" */
    if (bits < TA_JWK_RSA_MIN_BITS || bits > TA_JWK_RSA_MAX_BITS || !BN_is_odd(modulus)) {
        return 0;
    }
    /* with e = 1 every message would be its own signature */
    return BN_is_odd(exponent) && !BN_is_one(exponent);
}

static EVP_PKEY *import_rsa(const BIGNUM *modulus, const BIGNUM *exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        params = OSSL_PARAM_BLD_to_param(builder);
    }
    if (params != NULL) {
        key = import_key("RSA", params);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static apr_status_t read_rsa(apr_pool_t *p, const ta_json *json, ta_jwk *jwk)
{
    EVP_PKEY *key = NULL;
    BIGNUM *modulus;
    BIGNUM *exponent;
    ta_bytes n;
    ta_bytes e;

    if (read_bytes(p, json, "n", RSA_MODULUS_BYTES, &n) != APR_SUCCESS ||
        read_bytes(p, json, "e", RSA_EXPONENT_BYTES, &e) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    modulus = BN_bin2bn(n.data, (int)n.len, NULL);
    exponent = BN_bin2bn(e.data, (int)e.len, NULL);
    if (modulus != NULL && exponent != NULL && rsa_numbers_are_sane(modulus, exponent)) {
        key = import_rsa(modulus, exponent);
    }
    BN_free(modulus);
    BN_free(exponent);
    if (key == NULL) {
        return APR_EINVAL;
    }
    keep_key(p, jwk, key);
    return APR_SUCCESS;
}

static const ec_curve *find_curve(const char *name)
{
    for (apr_size_t i = 0; i < LENGTH_OF(curves); i++) {
        if (strcmp(curves[i].name, name) == 0) {
            return &curves[i];
        }
    }
    return NULL;
}

static EVP_PKEY *import_ec(apr_pool_t *p, const ec_curve *curve, ta_bytes x, ta_bytes y)
{
    apr_size_t len = 1 + 2 * curve->coordinate;
    unsigned char *point = apr_palloc(p, len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, apr_pstrdup(p, curve->group),
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
        OSSL_PARAM_construct_end(),
    };

    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.data, curve->coordinate);
    memcpy(point + 1 + curve->coordinate, y.data, curve->coordinate);
    return import_key("EC", params);
}

static apr_status_t read_ec(apr_pool_t *p, const ta_json *json, ta_jwk *jwk)
{
    const char *name = ta_json_string(json, "crv");
    const ec_curve *curve;
    EVP_PKEY *key;
    ta_bytes x;
    ta_bytes y;

    if (name == NULL) {
        return APR_EINVAL;
    }
    curve = find_curve(name);
    if (curve == NULL) {
        return APR_ENOTIMPL;
    }
    if (read_exactly(p, json, "x", curve->coordinate, &x) != APR_SUCCESS ||
        read_exactly(p, json, "y", curve->coordinate, &y) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    key = import_ec(p, curve, x, y);
    if (key == NULL) {
        return APR_EINVAL;
    }
    jwk->curve = curve->name;
    keep_key(p, jwk, key);
    return APR_SUCCESS;
}

static apr_status_t read_okp(apr_pool_t *p, const ta_json *json, ta_jwk *jwk)
{
    const char *name = ta_json_string(json, "crv");
    EVP_PKEY *key;
    ta_bytes x;

    if (name == NULL) {
        return APR_EINVAL;
    }
    if (strcmp(name, "Ed25519") != 0) {
        return APR_ENOTIMPL;
    }
    if (read_exactly(p, json, "x", ED25519_BYTES, &x) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x.data, x.len);
    if (key == NULL) {
        return APR_EINVAL;
    }
    jwk->curve = "Ed25519";
    keep_key(p, jwk, key);
    return APR_SUCCESS;
}

/* A symmetric key has no place in a published key set. */
static apr_status_t refuse_oct(apr_pool_t *p, const ta_json *json, ta_jwk *jwk)
{
    (void)p;
    (void)json;
    (void)jwk;
    return APR_EINVAL;
}

typedef struct key_type {
    const char *name; /* kty */
    ta_key_kind kind;
    apr_status_t (*read)(apr_pool_t *p, const ta_json *json, ta_jwk *jwk);
} key_type;

static const key_type key_types[] = {
    {.name = "RSA", .kind = TA_KEY_RSA, .read = read_rsa},
    {.name = "EC", .kind = TA_KEY_EC, .read = read_ec},
    {.name = "OKP", .kind = TA_KEY_OKP, .read = read_okp},
    {.name = "oct", .read = refuse_oct},
};

static apr_status_t read_by_type(apr_pool_t *p, const ta_json *json, const char *name, ta_jwk *jwk)
{
    for (apr_size_t i = 0; i < LENGTH_OF(key_types); i++) {
        if (strcmp(key_types[i].name, name) == 0) {
            jwk->kind = key_types[i].kind;
            return key_types[i].read(p, json, jwk);
        }
    }
    return APR_ENOTIMPL;
}

static int is_private(const ta_json *json)
{
    for (apr_size_t i = 0; i < LENGTH_OF(private_members); i++) {
        if (ta_json_get(json, private_members[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

apr_status_t ta_jwk_parse(apr_pool_t *p, const ta_json *json, ta_jwk **result)
{
    const char *type = ta_json_string(json, "kty");
    ta_jwk *jwk = apr_pcalloc(p, sizeof(*jwk));
    apr_status_t status;

    *result = NULL;
    if (type == NULL || is_private(json)) {
        return APR_EINVAL;
    }
    if (read_optional(p, json, "kid", &jwk->kid) != APR_SUCCESS ||
        read_optional(p, json, "use", &jwk->use) != APR_SUCCESS ||
        read_optional(p, json, "alg", &jwk->alg) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    status = read_by_type(p, json, type, jwk);
    if (status != APR_SUCCESS) {
        /* what OpenSSL noted must not look like an error of this thread's next connection */
        ERR_clear_error();
        return status;
    }
    *result = jwk;
    return APR_SUCCESS;
}

ta_jwk *ta_jwk_copy(apr_pool_t *p, const ta_jwk *jwk)
{
    ta_jwk *copy = apr_pmemdup(p, jwk, sizeof(*jwk));

    if (EVP_PKEY_up_ref(jwk->key) != 1) {
        return NULL;
    }
    keep_key(p, copy, jwk->key);
    copy->kid = apr_pstrdup(p, jwk->kid);
    copy->use = apr_pstrdup(p, jwk->use);
    copy->alg = apr_pstrdup(p, jwk->alg);
    return copy;
}
