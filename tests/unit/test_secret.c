/*
 * Secrets: comparing, hashing and deriving, against vectors of the standards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>

#include "util/secret.h"

static apr_pool_t *pool;

static int make_pool(void **state)
{
    (void)state;
    return apr_initialize() || apr_pool_create(&pool, NULL);
}

static int end_pool(void **state)
{
    (void)state;
    apr_terminate();
    return 0;
}

static void equal_strings_are_equal(void **state)
{
    char copy[] = "secret";

    (void)state;
    assert_true(ta_secret_equal("secret", copy));
    assert_true(ta_secret_equal("", ""));
}

static void other_strings_are_not(void **state)
{
    (void)state;
    assert_false(ta_secret_equal("secret", "secreT"));
    assert_false(ta_secret_equal("Secret", "secret"));
    assert_false(ta_secret_equal("secret", "secret1"));
    assert_false(ta_secret_equal("secret1", "secret"));
    assert_false(ta_secret_equal("secret", ""));
}

/* Two values that are both missing must not pass for the same one. */
static void null_equals_nothing(void **state)
{
    (void)state;
    assert_false(ta_secret_equal(NULL, NULL));
    assert_false(ta_secret_equal(NULL, ""));
    assert_false(ta_secret_equal("", NULL));
    assert_false(ta_secret_equal_bytes(NULL, 0, NULL, 0));
    assert_false(ta_secret_equal_bytes("", 0, NULL, 0));
    assert_false(ta_secret_equal_bytes(NULL, 0, "", 0));
}

static void bytes_are_compared_behind_a_nul(void **state)
{
    (void)state;
    assert_true(ta_secret_equal_bytes("a\0b", 3, "a\0b", 3));
    assert_false(ta_secret_equal_bytes("a\0b", 3, "a\0c", 3));
    assert_false(ta_secret_equal_bytes("a\0b", 3, "a\0b", 2));
}

static void random_bytes_differ(void **state)
{
    unsigned char a[32] = {0}, b[32] = {0}, zero[32] = {0};

    (void)state;
    assert_int_equal(ta_secret_random(a, sizeof(a)), APR_SUCCESS);
    assert_int_equal(ta_secret_random(b, sizeof(b)), APR_SUCCESS);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, zero, sizeof(a));
    assert_memory_not_equal(a + 16, zero, 16);
}

static void more_random_bytes_than_openssl_can_count_are_refused(void **state)
{
    unsigned char a[1];

    (void)state;
    assert_int_equal(ta_secret_random(a, (apr_size_t)INT32_MAX + 1), APR_EGENERAL);
    assert_int_equal(ta_secret_random(a, (apr_size_t)UINT32_MAX + 2), APR_EGENERAL);
}

static void sha256_vectors_of_fips_180(void **state)
{
    static const unsigned char of_abc[TA_SHA256_LEN] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const unsigned char of_nothing[TA_SHA256_LEN] = {
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
        0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
        0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    unsigned char out[TA_SHA256_LEN];

    (void)state;
    assert_int_equal(ta_secret_sha256("abc", 3, out), APR_SUCCESS);
    assert_memory_equal(out, of_abc, sizeof(out));
    assert_int_equal(ta_secret_sha256("", 0, out), APR_SUCCESS);
    assert_memory_equal(out, of_nothing, sizeof(out));
}

/* RFC 5869 appendix A.3: no salt, no info; the first 32 of its 42 bytes */
static void hkdf_vector_of_rfc_5869(void **state)
{
    static const unsigned char expected[TA_KEY_LEN] = {
        0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80,
        0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1,
        0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d};
    unsigned char key[22], out[TA_KEY_LEN];

    (void)state;
    memset(key, 0x0b, sizeof(key));
    assert_int_equal(ta_secret_derive(key, sizeof(key), "", out), APR_SUCCESS);
    assert_memory_equal(out, expected, sizeof(out));
}

/* The second half of the same vector. */
static void expand_vector_of_rfc_5869(void **state)
{
    static const unsigned char key[TA_KEY_LEN] = {0x19, 0xef, 0x24, 0xa3, 0x2c, 0x71, 0x7b, 0x16,
                                                  0x7f, 0x33, 0xa9, 0x1d, 0x6f, 0x64, 0x8b, 0xdf,
                                                  0x96, 0x59, 0x67, 0x76, 0xaf, 0xdb, 0x63, 0x77,
                                                  0xac, 0x43, 0x4c, 0x1c, 0x29, 0x3c, 0xcb, 0x04};
    static const unsigned char expected[TA_KEY_LEN] = {
        0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80,
        0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1,
        0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d};
    char too_long[TA_PURPOSE_BYTES + 2];
    unsigned char out[TA_KEY_LEN], other[TA_KEY_LEN];

    (void)state;
    assert_int_equal(ta_secret_expand(key, "", out), APR_SUCCESS);
    assert_memory_equal(out, expected, sizeof(out));
    assert_int_equal(ta_secret_expand(key, "session", other), APR_SUCCESS);
    assert_memory_not_equal(other, out, sizeof(out));
    memset(too_long, 'a', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(ta_secret_expand(key, too_long, out), APR_EGENERAL);
}

static void each_purpose_has_its_own_key(void **state)
{
    unsigned char a[TA_KEY_LEN], b[TA_KEY_LEN], again[TA_KEY_LEN];

    (void)state;
    assert_int_equal(ta_secret_derive("key", 3, "session", a), APR_SUCCESS);
    assert_int_equal(ta_secret_derive("key", 3, "login", b), APR_SUCCESS);
    assert_int_equal(ta_secret_derive("key", 3, "session", again), APR_SUCCESS);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_equal(a, again, sizeof(a));
    assert_int_equal(ta_secret_derive("kex", 3, "session", again), APR_SUCCESS);
    assert_memory_not_equal(a, again, sizeof(a));
}

/* Everybody could derive from it. */
static void no_key_gives_no_key(void **state)
{
    unsigned char out[TA_KEY_LEN];

    (void)state;
    assert_int_equal(ta_secret_derive("", 0, "session", out), APR_EGENERAL);
    assert_int_equal(ta_secret_derive(NULL, 32, "session", out), APR_EGENERAL);
}

static void wiped_bytes_are_zero(void **state)
{
    char bytes[] = "secret!";

    (void)state;
    ta_secret_wipe(bytes, 6);
    assert_memory_equal(bytes, "\0\0\0\0\0\0!", 8);
}

/* Cut off it would give two purposes one key. */
static void a_purpose_that_is_too_long_gives_no_key(void **state)
{
    char purpose[TA_PURPOSE_BYTES + 2] = {0};
    unsigned char longest[TA_KEY_LEN], shorter[TA_KEY_LEN];

    (void)state;
    memset(purpose, 'p', TA_PURPOSE_BYTES);
    assert_int_equal(ta_secret_derive("key", 3, purpose, longest), APR_SUCCESS);
    assert_int_equal(ta_secret_derive("key", 3, purpose + 1, shorter), APR_SUCCESS);
    assert_memory_not_equal(longest, shorter, sizeof(longest));
    purpose[TA_PURPOSE_BYTES] = 'p';
    assert_int_equal(ta_secret_derive("key", 3, purpose, longest), APR_EGENERAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_strings_are_equal),
        cmocka_unit_test(other_strings_are_not),
        cmocka_unit_test(null_equals_nothing),
        cmocka_unit_test(bytes_are_compared_behind_a_nul),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(more_random_bytes_than_openssl_can_count_are_refused),
        cmocka_unit_test(sha256_vectors_of_fips_180),
        cmocka_unit_test(hkdf_vector_of_rfc_5869),
        cmocka_unit_test(expand_vector_of_rfc_5869),
        cmocka_unit_test(each_purpose_has_its_own_key),
        cmocka_unit_test(no_key_gives_no_key),
        cmocka_unit_test(wiped_bytes_are_zero),
        cmocka_unit_test(a_purpose_that_is_too_long_gives_no_key),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
