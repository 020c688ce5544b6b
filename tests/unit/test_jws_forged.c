/*
 * Verifying tokens: every algorithm of our table, and the known attacks on signatures of JSON
 * Web Tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "jose/jws.h"
#include "signer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PAYLOAD "{\"sub\":\"alice\"}"

typedef struct fixture {
    apr_pool_t *pool;
    signer_keys *keys;
    signer_keys *foreign; /* another provider's */
} fixture;

/* Parses a copy of exactly len bytes, which is gone before anything is verified. */
static apr_status_t parse(apr_pool_t *p, const char *token, size_t len, ta_jws **jws,
                          ta_fault *fault)
{
    char *copy = malloc(len > 0 ? len : 1);
    apr_status_t status;

    memcpy(copy, token, len);
    status = ta_jws_parse(p, copy, len, jws, fault);
    memset(copy, 'x', len);
    free(copy);
    return status;
}

static void assert_verdict(apr_pool_t *p, const char *token, const ta_key_set *set,
                           ta_jws_verdict expected)
{
    ta_jws *jws;
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(parse(p, token, strlen(token), &jws, &fault), APR_SUCCESS);
    assert_int_equal(fault.reason, TA_REASON_NONE);
    assert_int_equal(ta_jws_verify(p, jws, set), expected);
    assert_int_equal(ERR_peek_error(), 0);
}

static const char *header_of(apr_pool_t *p, const char *algorithm, const char *more)
{
    return apr_psprintf(p, "{\"alg\":\"%s\"%s}", algorithm, more);
}

/* A token of this algorithm with everything as it should be. */
static const char *good_token(const fixture *f, const char *algorithm, const char *more)
{
    signing how = {.algorithm = algorithm, .key = signer_key_for(f->keys, algorithm)};

    return signer_token(f->pool, &how, header_of(f->pool, algorithm, more), PAYLOAD);
}

static ta_key_set *set_for(const fixture *f, const char *algorithm)
{
    return signer_key_set(f->pool, signer_jwk(f->pool, signer_key_for(f->keys, algorithm), ""),
                          NULL);
}

/* This algorithm's header, and a signature that is given. */
static void assert_bad_signature(const fixture *f, const char *algorithm, ta_bytes signature)
{
    const char *input = signer_input(f->pool, header_of(f->pool, algorithm, ""), PAYLOAD);

    assert_verdict(f->pool, signer_join(f->pool, input, signature), set_for(f, algorithm),
                   TA_JWS_BAD_SIGNATURE);
}

static void every_algorithm_of_the_table_verifies(void **state)
{
    const fixture *f = *state;
    const ta_algorithm *algorithm;

    for (size_t i = 0; (algorithm = ta_algorithm_at(i)) != NULL; i++) {
        assert_verdict(f->pool, good_token(f, algorithm->name, ""), set_for(f, algorithm->name),
                       TA_JWS_VALID);
    }
}

/* The signature of one header and payload under another, one bit away. */
static void a_flipped_bit_in_header_or_payload_is_noticed(void **state)
{
    const fixture *f = *state;
    const ta_algorithm *algorithm;

    for (size_t i = 0; (algorithm = ta_algorithm_at(i)) != NULL; i++) {
        const char *name = algorithm->name;
        signing how = {.algorithm = name, .key = signer_key_for(f->keys, name)};
        const char *header = header_of(f->pool, name, ",\"x\":\"a\"");
        const char *other = header_of(f->pool, name, ",\"x\":\"c\"");
        const char *input = signer_input(f->pool, header, PAYLOAD);
        const char *forged_header = signer_input(f->pool, other, PAYLOAD);
        const char *forged_payload = signer_input(f->pool, header, "{\"sub\":\"clice\"}");
        ta_bytes signature = signer_signature(f->pool, &how, input);
        ta_key_set *set = set_for(f, name);

        assert_verdict(f->pool, signer_join(f->pool, input, signature), set, TA_JWS_VALID);
        assert_verdict(f->pool, signer_join(f->pool, forged_header, signature), set,
                       TA_JWS_BAD_SIGNATURE);
        assert_verdict(f->pool, signer_join(f->pool, forged_payload, signature), set,
                       TA_JWS_BAD_SIGNATURE);
    }
}

/* In the first, a middle and the last byte. */
static void a_flipped_bit_in_the_signature_is_noticed(void **state)
{
    const fixture *f = *state;
    const ta_algorithm *algorithm;

    for (size_t i = 0; (algorithm = ta_algorithm_at(i)) != NULL; i++) {
        const char *name = algorithm->name;
        signing how = {.algorithm = name, .key = signer_key_for(f->keys, name)};
        const char *input = signer_input(f->pool, header_of(f->pool, name, ""), PAYLOAD);
        ta_bytes signature = signer_signature(f->pool, &how, input);
        const size_t places[] = {0, signature.len / 2, signature.len - 1};

        for (size_t j = 0; j < COUNT(places); j++) {
            unsigned char *forged = apr_pmemdup(f->pool, signature.data, signature.len);

            forged[places[j]] ^= 1;
            assert_bad_signature(f, name, (ta_bytes){.data = forged, .len = signature.len});
        }
    }
}

static ta_bytes hmac_with_public_key(const fixture *f, EVP_PKEY *key, const char *input)
{
    BIO *pem = BIO_new(BIO_s_mem());
    unsigned char *out = apr_palloc(f->pool, 32);
    size_t out_len = 0;
    char *secret;
    long len;

    assert_int_equal(PEM_write_bio_PUBKEY(pem, key), 1);
    len = BIO_get_mem_data(pem, &secret);
    assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, (size_t)len,
                              (const unsigned char *)input, strlen(input), out, 32, &out_len));
    BIO_free(pem);
    return (ta_bytes){.data = out, .len = out_len};
}

/* Algorithm confusion: the provider's public key, which everybody knows, taken as the secret of
 * an HMAC. */
static void hmac_with_the_public_key_as_secret_is_refused(void **state)
{
    const fixture *f = *state;
    const char *input = signer_input(f->pool, "{\"alg\":\"HS256\"}", PAYLOAD);
    ta_bytes mac = hmac_with_public_key(f, f->keys->rsa, input);
    const char *token = signer_join(f->pool, input, mac);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_jws *jws;

    assert_int_equal(parse(f->pool, token, strlen(token), &jws, &fault), APR_EGENERAL);
    assert_int_equal(fault.reason, TA_REASON_ID_TOKEN_ALGORITHM);
    assert_null(jws);
    input = signer_input(f->pool, "{\"alg\":\"RS256\"}", PAYLOAD);
    assert_bad_signature(f, "RS256", hmac_with_public_key(f, f->keys->rsa, input));
}

/* CVE-2022-21449: with r = s = 0 the equation of ECDSA holds for every message and key. */
static void psychic_signatures_are_refused(void **state)
{
    static const char *const names[] = {"ES256", "ES384", "ES512", "EdDSA"};
    const fixture *f = *state;

    for (size_t i = 0; i < COUNT(names); i++) {
        signing how = {.algorithm = names[i], .key = signer_key_for(f->keys, names[i])};
        const char *input = signer_input(f->pool, header_of(f->pool, names[i], ""), PAYLOAD);
        ta_bytes good = signer_signature(f->pool, &how, input);
        size_t half = good.len / 2;
        unsigned char *forged = apr_pcalloc(f->pool, good.len);

        assert_bad_signature(f, names[i], (ta_bytes){.data = forged, .len = good.len});
        memcpy(forged, good.data, half);
        assert_bad_signature(f, names[i], (ta_bytes){.data = forged, .len = good.len});
        memset(forged, 0, half);
        memcpy(forged + half, good.data + half, half);
        assert_bad_signature(f, names[i], (ta_bytes){.data = forged, .len = good.len});
    }
}

static void a_signature_in_der_is_refused(void **state)
{
    const fixture *f = *state;
    signing how = {.algorithm = "ES256", .key = f->keys->p256};
    const char *input = signer_input(f->pool, "{\"alg\":\"ES256\"}", PAYLOAD);

    assert_bad_signature(f, "ES256", signer_openssl_signature(f->pool, &how, input));
}

/* RFC 7518 3.4: r and s have the length of the curve's order; the same numbers written longer
 * would be a second signature for the same token. */
static void a_signature_of_another_length_is_refused(void **state)
{
    const fixture *f = *state;
    signing how = {.algorithm = "ES256", .key = f->keys->p256};
    ta_bytes good =
        signer_signature(f->pool, &how, signer_input(f->pool, "{\"alg\":\"ES256\"}", PAYLOAD));
    unsigned char *longer = apr_pcalloc(f->pool, 66);

    memcpy(longer + 1, good.data, 32);
    memcpy(longer + 34, good.data + 32, 32);
    assert_bad_signature(f, "ES256", (ta_bytes){.data = longer, .len = 66});
    assert_bad_signature(f, "ES256", (ta_bytes){.data = good.data, .len = 63});
    assert_bad_signature(f, "ES256", (ta_bytes){.data = good.data, .len = 1});
    memset(longer, 0xff, 66);
    assert_bad_signature(f, "EdDSA", (ta_bytes){.data = longer, .len = 65});
    assert_bad_signature(f, "RS256", (ta_bytes){.data = longer, .len = 66});
}

/* RFC 8017 8.1.2 (1): a signature that lacks its leading zero byte is not valid. */
static void an_rsa_signature_without_its_leading_zero_is_refused(void **state)
{
    const fixture *f = *state;
    signing how = {.algorithm = "PS256", .key = f->keys->rsa};
    const char *input = signer_input(f->pool, "{\"alg\":\"PS256\"}", PAYLOAD);
    ta_bytes signature;

    do {
        signature = signer_signature(f->pool, &how, input);
    } while (signature.data[0] != 0);
    assert_verdict(f->pool, signer_join(f->pool, input, signature), set_for(f, "PS256"),
                   TA_JWS_VALID);
    assert_bad_signature(f, "PS256", (ta_bytes){.data = signature.data + 1, .len = 255});
}

/* RFC 7518 3.5 */
static void pss_with_other_parameters_is_refused(void **state)
{
    const fixture *f = *state;
    const char *input = signer_input(f->pool, "{\"alg\":\"PS256\"}", PAYLOAD);
    const signing wrong[] = {
        {.algorithm = "PS256", .key = f->keys->rsa, .salt = 20},
        {.algorithm = "PS256", .key = f->keys->rsa, .salt = 31},
        {.algorithm = "PS256", .key = f->keys->rsa, .salt = RSA_PSS_SALTLEN_MAX},
        {.algorithm = "PS256", .key = f->keys->rsa, .mgf1 = "SHA1"},
        {.algorithm = "PS384", .key = f->keys->rsa},
        {.algorithm = "RS256", .key = f->keys->rsa},
    };

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_bad_signature(f, "PS256", signer_signature(f->pool, &wrong[i], input));
    }
}

static void pkcs1_signatures_of_another_kind_are_refused(void **state)
{
    const fixture *f = *state;
    const char *input = signer_input(f->pool, "{\"alg\":\"RS256\"}", PAYLOAD);
    const signing wrong[] = {
        {.algorithm = "PS256", .key = f->keys->rsa},
        {.algorithm = "RS512", .key = f->keys->rsa},
        {.algorithm = "RS256", .key = f->foreign->rsa},
    };

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_bad_signature(f, "RS256", signer_signature(f->pool, &wrong[i], input));
    }
}

static void a_key_for_something_else_counts_as_no_key(void **state)
{
    const fixture *f = *state;
    apr_pool_t *p = f->pool;
    signing p256 = {.algorithm = "ES256", .key = f->keys->p256};
    const char *token = good_token(f, "RS256", "");

    assert_verdict(p, token, signer_key_set(p, NULL), TA_JWS_NO_KEY);
    assert_verdict(p, token, set_for(f, "ES256"), TA_JWS_NO_KEY);
    assert_verdict(p, token,
                   signer_key_set(p, signer_jwk(p, f->keys->rsa, ",\"alg\":\"PS256\""), NULL),
                   TA_JWS_NO_KEY);
    assert_verdict(p, token,
                   signer_key_set(p, signer_jwk(p, f->keys->rsa, ",\"use\":\"enc\""), NULL),
                   TA_JWS_NO_KEY);
    assert_verdict(p, signer_token(p, &p256, "{\"alg\":\"ES384\"}", PAYLOAD), set_for(f, "ES256"),
                   TA_JWS_NO_KEY);
}

static void the_kid_selects_the_keys_that_are_tried(void **state)
{
    const fixture *f = *state;
    apr_pool_t *p = f->pool;
    const char *with_kid = good_token(f, "ES256", ",\"kid\":\"b\"");
    const char *without_kid = good_token(f, "ES256", "");
    const char *foreign_b = signer_jwk(p, f->foreign->p256, ",\"kid\":\"b\"");
    const char *own_a = signer_jwk(p, f->keys->p256, ",\"kid\":\"a\"");
    const char *own_b = signer_jwk(p, f->keys->p256, ",\"kid\":\"b\"");

    assert_verdict(p, with_kid, signer_key_set(p, own_a, NULL), TA_JWS_NO_KEY);
    assert_verdict(p, with_kid, signer_key_set(p, foreign_b, own_a, NULL), TA_JWS_BAD_SIGNATURE);
    assert_verdict(p, with_kid, signer_key_set(p, foreign_b, own_b, NULL), TA_JWS_VALID);
    assert_verdict(p, without_kid, signer_key_set(p, foreign_b, own_a, NULL), TA_JWS_VALID);
    assert_verdict(p, without_kid, signer_key_set(p, foreign_b, NULL), TA_JWS_BAD_SIGNATURE);
}

/* The attacker signs with a key of his own and sends it along. */
static void keys_and_addresses_in_the_header_are_ignored(void **state)
{
    const fixture *f = *state;
    apr_pool_t *p = f->pool;
    signing how = {.algorithm = "ES256", .key = f->foreign->p256};
    const char *header = apr_psprintf(
        p,
        "{\"alg\":\"ES256\",\"jwk\":%s,\"jku\":\"https://evil.example/keys\",\"x5c\":[\"AAAA\"],"
        "\"x5u\":\"https://evil.example/cert\"}",
        signer_jwk(p, f->foreign->p256, ""));

    assert_verdict(p, signer_token(p, &how, header, PAYLOAD), set_for(f, "ES256"),
                   TA_JWS_BAD_SIGNATURE);
    assert_verdict(p, signer_token(p, &how, header, PAYLOAD), signer_key_set(p, NULL),
                   TA_JWS_NO_KEY);
}

static int set_up(void **state)
{
    apr_pool_t *pool;
    fixture *f;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return -1;
    }
    f = apr_pcalloc(pool, sizeof(*f));
    f->pool = pool;
    f->keys = signer_keys_make(pool);
    f->foreign = signer_keys_make(pool);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    const fixture *f = *state;

    apr_pool_destroy(f->pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_of_the_table_verifies),
        cmocka_unit_test(a_flipped_bit_in_header_or_payload_is_noticed),
        cmocka_unit_test(a_flipped_bit_in_the_signature_is_noticed),
        cmocka_unit_test(hmac_with_the_public_key_as_secret_is_refused),
        cmocka_unit_test(psychic_signatures_are_refused),
        cmocka_unit_test(a_signature_in_der_is_refused),
        cmocka_unit_test(a_signature_of_another_length_is_refused),
        cmocka_unit_test(an_rsa_signature_without_its_leading_zero_is_refused),
        cmocka_unit_test(pss_with_other_parameters_is_refused),
        cmocka_unit_test(pkcs1_signatures_of_another_kind_are_refused),
        cmocka_unit_test(a_key_for_something_else_counts_as_no_key),
        cmocka_unit_test(the_kid_selects_the_keys_that_are_tried),
        cmocka_unit_test(keys_and_addresses_in_the_header_are_ignored),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
