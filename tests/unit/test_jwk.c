/*
 * Reading JSON Web Keys: the examples of the RFCs, and every way in which a key may be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "jose/jwk.h"
#include "util/base64url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 7517 appendix A.1 */
#define EC_X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define RSA_N                                                                                      \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP" \
    "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY" \
    "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f" \
    "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

/* RFC 7515 appendix A.4 */
#define P521_X                                                                                     \
    "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"
#define P521_Y                                                                                     \
    "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"

/* RFC 8037 appendix A.2 */
#define OKP_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define EC_KEY(crv, x, y) "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define EC_WITH(more)                                                                              \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"" more "}"
#define RSA_WITH(more) "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"" more "}"
#define OKP_WITH(more) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\"" more "}"

typedef struct jwk_case {
    const char *what;
    const char *json;
    apr_status_t expected;
} jwk_case;

/* The document is parsed from a block of its exact size, which is gone afterwards. */
static const ta_json *parse_json(apr_pool_t *p, const char *text)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len);
    const ta_json *json;

    memcpy(copy, text, len);
    assert_int_equal(ta_json_parse(p, (ta_bytes){.data = copy, .len = len}, &json), APR_SUCCESS);
    free(copy);
    return json;
}

static apr_status_t parse(apr_pool_t *p, const char *text, ta_jwk **jwk)
{
    return ta_jwk_parse(p, parse_json(p, text), jwk);
}

static void assert_cases(apr_pool_t *p, const jwk_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ta_jwk *jwk;
        apr_status_t status = parse(p, cases[i].json, &jwk);

        if (status != cases[i].expected) {
            print_error("%s: status %d, expected %d\n", cases[i].what, status, cases[i].expected);
        }
        assert_int_equal(status, cases[i].expected);
        assert_int_equal(jwk != NULL, status == APR_SUCCESS);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static const char *rsa_key(apr_pool_t *p, const unsigned char *n, size_t n_len,
                           const unsigned char *e, size_t e_len)
{
    return apr_pstrcat(p, "{\"kty\":\"RSA\",\"n\":\"", ta_base64url_encode(p, n, n_len),
                       "\",\"e\":\"", ta_base64url_encode(p, e, e_len), "\"}", NULL);
}

/* A modulus of the given size whose outermost bits are set. */
static const char *rsa_key_of_bits(apr_pool_t *p, int bits)
{
    static const unsigned char exponent[] = {1, 0, 1};
    size_t len = ((size_t)bits + 7) / 8;
    unsigned char *n = apr_pcalloc(p, len);

    n[0] = (unsigned char)(1 << ((bits - 1) % 8));
    n[len - 1] |= 1;
    return rsa_key(p, n, len, exponent, sizeof(exponent));
}

static const char *rsa_key_of_exponent(apr_pool_t *p, const unsigned char *e, size_t e_len)
{
    unsigned char n[256];

    memset(n, 0xff, sizeof(n));
    return rsa_key(p, n, sizeof(n), e, e_len);
}

static void the_keys_of_the_rfcs_are_read(void **state)
{
    ta_jwk *jwk;

    /* RFC 7517 appendix A.1 */
    assert_int_equal(parse(*state, EC_WITH(",\"use\":\"enc\",\"kid\":\"1\""), &jwk), APR_SUCCESS);
    assert_int_equal(jwk->kind, TA_KEY_EC);
    assert_string_equal(jwk->curve, "P-256");
    assert_string_equal(jwk->use, "enc");
    assert_string_equal(jwk->kid, "1");
    assert_null(jwk->alg);
    assert_int_equal(EVP_PKEY_get_bits(jwk->key), 256);

    assert_int_equal(parse(*state, RSA_WITH(",\"alg\":\"RS256\",\"kid\":\"2011-04-29\""), &jwk),
                     APR_SUCCESS);
    assert_int_equal(jwk->kind, TA_KEY_RSA);
    assert_null(jwk->curve);
    assert_null(jwk->use);
    assert_string_equal(jwk->alg, "RS256");
    assert_string_equal(jwk->kid, "2011-04-29");
    assert_int_equal(EVP_PKEY_get_bits(jwk->key), 2048);

    /* RFC 7515 appendix A.4 */
    assert_int_equal(parse(*state, EC_KEY("P-521", P521_X, P521_Y), &jwk), APR_SUCCESS);
    assert_string_equal(jwk->curve, "P-521");
    assert_int_equal(EVP_PKEY_get_bits(jwk->key), 521);

    /* RFC 8037 appendix A.2 */
    assert_int_equal(parse(*state, OKP_WITH(""), &jwk), APR_SUCCESS);
    assert_int_equal(jwk->kind, TA_KEY_OKP);
    assert_string_equal(jwk->curve, "Ed25519");
    assert_null(jwk->kid);
    assert_int_equal(EVP_PKEY_get_id(jwk->key), EVP_PKEY_ED25519);
}

/* RFC 7517 appendix A.2 and A.3, RFC 8037 appendix A.1: whoever publishes such a key has
 * lost it, and everybody can sign with it. */
static void private_and_symmetric_keys_are_refused(void **state)
{
    static const jwk_case cases[] = {
        {"EC d", EC_WITH(",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\""), APR_EINVAL},
        {"OKP d", OKP_WITH(",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""), APR_EINVAL},
        {"d of another type", RSA_WITH(",\"d\":7"), APR_EINVAL},
        {"RSA d", RSA_WITH(",\"d\":\"AQ\""), APR_EINVAL},
        {"RSA p", RSA_WITH(",\"p\":\"AQ\""), APR_EINVAL},
        {"RSA q", RSA_WITH(",\"q\":\"AQ\""), APR_EINVAL},
        {"RSA dp", RSA_WITH(",\"dp\":\"AQ\""), APR_EINVAL},
        {"RSA dq", RSA_WITH(",\"dq\":\"AQ\""), APR_EINVAL},
        {"RSA qi", RSA_WITH(",\"qi\":\"AQ\""), APR_EINVAL},
        {"RSA oth", RSA_WITH(",\"oth\":[]"), APR_EINVAL},
        {"k beside RSA", RSA_WITH(",\"k\":\"AQ\""), APR_EINVAL},
        {"oct", "{\"kty\":\"oct\",\"alg\":\"A128KW\",\"k\":\"GawgguFyGrWKav7AX4VKUg\"}",
         APR_EINVAL},
        {"oct without k", "{\"kty\":\"oct\"}", APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void unknown_kinds_and_curves_are_told_from_broken_keys(void **state)
{
    static const jwk_case cases[] = {
        {"unknown kty", "{\"kty\":\"AKP\",\"pub\":\"AQ\"}", APR_ENOTIMPL},
        {"kty in lower case", "{\"kty\":\"rsa\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", APR_ENOTIMPL},
        {"secp256k1", EC_KEY("secp256k1", EC_X, EC_Y), APR_ENOTIMPL},
        {"OpenSSL's name of a curve", EC_KEY("prime256v1", EC_X, EC_Y), APR_ENOTIMPL},
        {"X25519", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" OKP_X "\"}", APR_ENOTIMPL},
        {"Ed448", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" OKP_X "\"}", APR_ENOTIMPL},
        {"Ed25519 as EC", EC_KEY("Ed25519", EC_X, EC_Y), APR_ENOTIMPL},
        {"no kty", "{\"crv\":\"P-256\"}", APR_EINVAL},
        {"kty no string", "{\"kty\":1}", APR_EINVAL},
        {"EC without crv", "{\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", APR_EINVAL},
        {"OKP without crv", "{\"kty\":\"OKP\",\"x\":\"" OKP_X "\"}", APR_EINVAL},
        {"an array", "[\"kty\"]", APR_EINVAL},
        {"a string", "\"RSA\"", APR_EINVAL},
        {"null", "null", APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void members_of_the_wrong_type_are_refused(void **state)
{
    static const jwk_case cases[] = {
        {"kid a number", RSA_WITH(",\"kid\":1"), APR_EINVAL},
        {"use an array", RSA_WITH(",\"use\":[\"sig\"]"), APR_EINVAL},
        {"alg an object", RSA_WITH(",\"alg\":{}"), APR_EINVAL},
        {"n a number", "{\"kty\":\"RSA\",\"n\":65537,\"e\":\"AQAB\"}", APR_EINVAL},
        {"no n", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", APR_EINVAL},
        {"no e", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", APR_EINVAL},
        {"no y", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}", APR_EINVAL},
        {"unknown members do no harm", RSA_WITH(",\"x5t\":7,\"ext\":true"), APR_SUCCESS},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void base64url_of_keys_is_strict(void **state)
{
    static const jwk_case cases[] = {
        {"padding", EC_KEY("P-256", EC_X "=", EC_Y), APR_EINVAL},
        {"plain base64", EC_KEY("P-256", "+KBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", EC_Y),
         APR_EINVAL},
        /* the same bytes with other left-over bits */
        {"left-over bits", EC_KEY("P-256", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D5", EC_Y),
         APR_EINVAL},
        {"line break", EC_KEY("P-256", "MKBCTNIcKUSDii11ySs3\\n526iDZ8AiTo7Tu6KPAqv7D4", EC_Y),
         APR_EINVAL},
        {"padded modulus", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "==\",\"e\":\"AQAB\"}", APR_EINVAL},
        {"empty", EC_KEY("P-256", "", ""), APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

/* RFC 7518 6.2.1.2: "The length of this octet string MUST be the full size of a coordinate" */
static void coordinates_have_the_length_of_their_curve(void **state)
{
    static const jwk_case cases[] = {
        {"x that ends in a zero",
         EC_KEY("P-256", "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYxQA",
                "XTrUsvIzI3k8LtKktnUVZyxZcONCg5juiTVoC3hBo7s"),
         APR_SUCCESS},
        {"the same without it",
         EC_KEY("P-256", "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYxQ",
                "XTrUsvIzI3k8LtKktnUVZyxZcONCg5juiTVoC3hBo7s"),
         APR_EINVAL},
        {"x too short", EC_KEY("P-256", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7A", EC_Y),
         APR_EINVAL},
        {"y too short", EC_KEY("P-256", EC_X, "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFw"),
         APR_EINVAL},
        {"x with a zero in front",
         EC_KEY("P-256", "ADCgQkzSHClEg4otdckrN-duog2fAIk6O07uijwKr-w-", EC_Y), APR_EINVAL},
        {"P-256 as P-384", EC_KEY("P-384", EC_X, EC_Y), APR_EINVAL},
        {"P-521 as P-256", EC_KEY("P-256", P521_X, P521_Y), APR_EINVAL},
        {"Ed25519 one byte short",
         "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
         "7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
         APR_EINVAL},
        {"Ed25519 one byte long",
         "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
         "7TyWQHOg7hcvPapiMlrwIaaPcHURoA\"}",
         APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

/* A point off its curve lies on another, weaker one. */
static void points_off_their_curve_are_refused(void **state)
{
    static const jwk_case cases[] = {
        {"another y", EC_KEY("P-256", EC_X, "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyI"),
         APR_EINVAL},
        {"x and y exchanged", EC_KEY("P-256", EC_Y, EC_X), APR_EINVAL},
        {"zero",
         EC_KEY("P-256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
         APR_EINVAL},
        {"beyond the field", EC_KEY("P-256", "__________________________________________8", EC_Y),
         APR_EINVAL},
        {"P-521 off", EC_KEY("P-521", P521_Y, P521_X), APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void rsa_moduli_have_a_safe_size(void **state)
{
    const jwk_case cases[] = {
        {"512", rsa_key_of_bits(*state, 512), APR_EINVAL},
        {"1024", rsa_key_of_bits(*state, 1024), APR_EINVAL},
        {"2047", rsa_key_of_bits(*state, 2047), APR_EINVAL},
        {"2048", rsa_key_of_bits(*state, 2048), APR_SUCCESS},
        {"4096", rsa_key_of_bits(*state, 4096), APR_SUCCESS},
        {"8192", rsa_key_of_bits(*state, 8192), APR_SUCCESS},
        {"8193", rsa_key_of_bits(*state, 8193), APR_EINVAL},
        {"16384", rsa_key_of_bits(*state, 16384), APR_EINVAL},
        {"8 million", rsa_key_of_bits(*state, 8000000), APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

static void rsa_numbers_that_make_no_key_are_refused(void **state)
{
    static const unsigned char f4[] = {1, 0, 1};
    static const unsigned char zero[] = {0};
    static const unsigned char one[] = {1};
    static const unsigned char two[] = {2};
    static const unsigned char three[] = {3};
    static const unsigned char even[] = {1, 0, 0};
    static const unsigned char longest[] = {255, 255, 255, 255, 255, 255, 255, 255};
    static const unsigned char longer[] = {1, 0, 0, 0, 0, 0, 0, 0, 1};
    unsigned char even_modulus[256];
    const jwk_case cases[] = {
        {"e 0", rsa_key_of_exponent(*state, zero, sizeof(zero)), APR_EINVAL},
        {"e 1", rsa_key_of_exponent(*state, one, sizeof(one)), APR_EINVAL},
        {"e 2", rsa_key_of_exponent(*state, two, sizeof(two)), APR_EINVAL},
        {"e 3", rsa_key_of_exponent(*state, three, sizeof(three)), APR_SUCCESS},
        {"e 65536", rsa_key_of_exponent(*state, even, sizeof(even)), APR_EINVAL},
        {"e 2^64-1", rsa_key_of_exponent(*state, longest, sizeof(longest)), APR_SUCCESS},
        {"e 2^64+1", rsa_key_of_exponent(*state, longer, sizeof(longer)), APR_EINVAL},
        {"n even",
         rsa_key(*state, memset(even_modulus, 0xfe, sizeof(even_modulus)), sizeof(even_modulus), f4,
                 sizeof(f4)),
         APR_EINVAL},
    };

    assert_cases(*state, cases, COUNT(cases));
}

/* RFC 7518 6.3.1.1 forbids it and tells of the libraries that do it; it changes nothing. */
static void a_zero_byte_in_front_of_a_modulus_is_tolerated(void **state)
{
    static const unsigned char f4[] = {1, 0, 1};
    unsigned char modulus[TA_JWK_RSA_MAX_BITS / 8 + 1];

    memset(modulus, 0xff, sizeof(modulus));
    modulus[0] = 0;
    for (size_t len = 257; len <= sizeof(modulus); len += sizeof(modulus) - 257) {
        ta_jwk *jwk;

        assert_int_equal(parse(*state, rsa_key(*state, modulus, len, f4, sizeof(f4)), &jwk),
                         APR_SUCCESS);
        assert_int_equal(EVP_PKEY_get_bits(jwk->key), (len - 1) * 8);
    }
}

static void a_key_needs_nothing_of_its_document(void **state)
{
    const ta_json *json = parse_json(*state, RSA_WITH(",\"kid\":\"k\",\"use\":\"sig\","
                                                      "\"alg\":\"RS256\""));
    ta_jwk *jwk;

    assert_int_equal(ta_jwk_parse(*state, json, &jwk), APR_SUCCESS);
    assert_ptr_not_equal(jwk->kid, ta_json_string(json, "kid"));
    assert_ptr_not_equal(jwk->use, ta_json_string(json, "use"));
    assert_ptr_not_equal(jwk->alg, ta_json_string(json, "alg"));
}

static void a_copy_outlives_the_pool_of_its_original(void **state)
{
    apr_pool_t *first;
    ta_jwk *jwk;
    ta_jwk *copy;

    apr_pool_create(&first, *state);
    assert_int_equal(
        parse(first, EC_WITH(",\"kid\":\"k\",\"use\":\"sig\",\"alg\":\"ES256\""), &jwk),
        APR_SUCCESS);
    copy = ta_jwk_copy(*state, jwk);
    assert_non_null(copy);
    assert_ptr_equal(copy->key, jwk->key);
    assert_ptr_not_equal(copy->kid, jwk->kid);
    assert_ptr_not_equal(copy->use, jwk->use);
    assert_ptr_not_equal(copy->alg, jwk->alg);
    apr_pool_destroy(first);
    assert_string_equal(copy->kid, "k");
    assert_string_equal(copy->use, "sig");
    assert_string_equal(copy->alg, "ES256");
    assert_string_equal(copy->curve, "P-256");
    assert_int_equal(copy->kind, TA_KEY_EC);
    assert_int_equal(EVP_PKEY_get_bits(copy->key), 256);
}

static int set_up(void **state)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return -1;
    }
    *state = pool;
    return 0;
}

static int tear_down(void **state)
{
    apr_pool_destroy(*state);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_of_the_rfcs_are_read),
        cmocka_unit_test(private_and_symmetric_keys_are_refused),
        cmocka_unit_test(unknown_kinds_and_curves_are_told_from_broken_keys),
        cmocka_unit_test(members_of_the_wrong_type_are_refused),
        cmocka_unit_test(base64url_of_keys_is_strict),
        cmocka_unit_test(coordinates_have_the_length_of_their_curve),
        cmocka_unit_test(points_off_their_curve_are_refused),
        cmocka_unit_test(rsa_moduli_have_a_safe_size),
        cmocka_unit_test(rsa_numbers_that_make_no_key_are_refused),
        cmocka_unit_test(a_zero_byte_in_front_of_a_modulus_is_tolerated),
        cmocka_unit_test(a_key_needs_nothing_of_its_document),
        cmocka_unit_test(a_copy_outlives_the_pool_of_its_original),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
