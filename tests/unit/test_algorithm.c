/*
 * The table of algorithms: exactly what is in it, and that nothing else can be found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/evp.h>

#include "jose/algorithm.h"

static void assert_same_text(const char *found, const char *expected)
{
    if (expected == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
}

/* RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2 */
static void the_table_holds_the_algorithms_of_the_rfcs_and_no_others(void **state)
{
    static const ta_algorithm expected[] = {
        {"RS256", TA_KEY_RSA, NULL, "SHA256", "SHA256", 0, 0},
        {"RS384", TA_KEY_RSA, NULL, "SHA384", "SHA384", 0, 0},
        {"RS512", TA_KEY_RSA, NULL, "SHA512", "SHA512", 0, 0},
        {"PS256", TA_KEY_RSA, NULL, "SHA256", "SHA256", 1, 0},
        {"PS384", TA_KEY_RSA, NULL, "SHA384", "SHA384", 1, 0},
        {"PS512", TA_KEY_RSA, NULL, "SHA512", "SHA512", 1, 0},
        {"ES256", TA_KEY_EC, "P-256", "SHA256", "SHA256", 0, 64},
        {"ES384", TA_KEY_EC, "P-384", "SHA384", "SHA384", 0, 96},
        {"ES512", TA_KEY_EC, "P-521", "SHA512", "SHA512", 0, 132},
        {"EdDSA", TA_KEY_OKP, "Ed25519", NULL, "SHA512", 0, 64},
        {"Ed25519", TA_KEY_OKP, "Ed25519", NULL, "SHA512", 0, 64},
    };
    const size_t count = sizeof(expected) / sizeof(expected[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const ta_algorithm *found = ta_algorithm_find(expected[i].name);

        assert_non_null(found);
        assert_ptr_equal(found, ta_algorithm_at(i));
        assert_string_equal(found->name, expected[i].name);
        assert_int_equal(found->kind, expected[i].kind);
        assert_same_text(found->curve, expected[i].curve);
        assert_same_text(found->digest, expected[i].digest);
        assert_same_text(found->hash, expected[i].hash);
        assert_int_equal(found->pss, expected[i].pss);
        assert_int_equal(found->signature_len, expected[i].signature_len);
    }
    assert_null(ta_algorithm_at(count));
    assert_null(ta_algorithm_at(SIZE_MAX));
}

static void openssl_knows_every_digest_of_the_table(void **state)
{
    const ta_algorithm *algorithm;

    (void)state;
    for (size_t i = 0; (algorithm = ta_algorithm_at(i)) != NULL; i++) {
        assert_non_null(EVP_get_digestbyname(algorithm->hash));
        if (algorithm->digest != NULL) {
            assert_non_null(EVP_get_digestbyname(algorithm->digest));
        }
    }
}

/* The oldest attack on JWTs: a token that says it needs no signature, spelled so that a
 * comparison with "none" misses it. */
static void none_is_not_found_in_any_spelling(void **state)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", " none", "none ", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(ta_algorithm_find(names[i]));
    }
    assert_null(ta_algorithm_find(NULL));
}

static void hmac_encryption_and_unknown_algorithms_are_not_found(void **state)
{
    static const char *const names[] = {"HS256", "HS384",  "HS512", "RSA-OAEP", "dir",   "A128KW",
                                        "Ed448", "ES256K", "RS1",   "RS25",     "RS2566"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(ta_algorithm_find(names[i]));
    }
}

/* RFC 7515 4.1.1: the value is case-sensitive */
static void names_are_compared_byte_for_byte(void **state)
{
    static const char *const names[] = {"rs256", "Rs256", "es256", "EDDSA", "eddsa", "ed25519"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(ta_algorithm_find(names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_the_algorithms_of_the_rfcs_and_no_others),
        cmocka_unit_test(openssl_knows_every_digest_of_the_table),
        cmocka_unit_test(none_is_not_found_in_any_spelling),
        cmocka_unit_test(hmac_encryption_and_unknown_algorithms_are_not_found),
        cmocka_unit_test(names_are_compared_byte_for_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
