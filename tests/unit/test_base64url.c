/*
 * base64url: the vectors of RFC 4648, and that every byte string has one spelling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "util/base64url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

/* Decodes from a block of its exact size. */
static apr_status_t decode(const char *text, apr_size_t len, ta_bytes *result)
{
    char *copy = malloc(len ? len : 1);
    apr_status_t rv;

    memcpy(copy, text, len);
    rv = ta_base64url_decode(pool, copy, len, result);
    free(copy);
    return rv;
}

static void assert_refused(const char *text, apr_size_t len)
{
    ta_bytes result = {.data = NULL, .len = 99};

    assert_int_equal(decode(text, len, &result), APR_EINVAL);
    assert_null(result.data);
}

static void vectors_of_rfc_4648(void **state)
{
    /* section 10, without the padding */
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "-_-_"}, /* "+/+/" in plain base64 */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        apr_size_t len = strlen(vectors[i][0]);
        ta_bytes result;

        assert_string_equal(ta_base64url_encode(pool, vectors[i][0], len), vectors[i][1]);
        assert_int_equal(decode(vectors[i][1], strlen(vectors[i][1]), &result), APR_SUCCESS);
        assert_int_equal(result.len, len);
        assert_memory_equal(result.data, vectors[i][0], len + 1);
    }
}

static void every_byte_comes_back(void **state)
{
    unsigned char bytes[256];

    (void)state;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (unsigned char)(255 - i);
    }
    for (apr_size_t len = 0; len <= sizeof(bytes); len++) {
        const char *text = ta_base64url_encode(pool, bytes, len);
        ta_bytes result;

        assert_int_equal(decode(text, strlen(text), &result), APR_SUCCESS);
        assert_int_equal(result.len, len);
        assert_memory_equal(result.data, bytes, len);
    }
}

/* Only the 64 characters of RFC 4648 table 2; not those of table 1, no padding, no blanks. */
static void other_characters_are_refused(void **state)
{
    int accepted = 0;

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = "AAAA";
        ta_bytes result;

        text[1] = (char)c;
        accepted += decode(text, 4, &result) == APR_SUCCESS;
    }
    assert_int_equal(accepted, 64);
    assert_refused("Zm+v", 4);
    assert_refused("Zm/v", 4);
    assert_refused("Zg==", 4);
    assert_refused("Zm8=", 4);
    assert_refused("Zm9v\n", 5);
    assert_refused(" Zm9v", 5);
    assert_refused("Zm\0v", 4);
}

static void a_single_character_is_no_byte(void **state)
{
    (void)state;
    assert_refused("A", 1);
    assert_refused("Z", 1);
    assert_refused("Zm9vA", 5);
}

/* "Zh" would decode to the byte of "Zg": a revoked or used value must not have a second form. */
static void left_over_bits_are_refused(void **state)
{
    (void)state;
    assert_refused("Zh", 2);
    assert_refused("Zv", 2);
    assert_refused("Zm9", 3);
    assert_refused("Zm-", 3);
    assert_refused("Zm9vYh", 6);
}

static void only_len_characters_are_read(void **state)
{
    ta_bytes result;

    (void)state;
    assert_int_equal(ta_base64url_decode(pool, "Zm9v!!", 4, &result), APR_SUCCESS);
    assert_int_equal(result.len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4648),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(other_characters_are_refused),
        cmocka_unit_test(a_single_character_is_no_byte),
        cmocka_unit_test(left_over_bits_are_refused),
        cmocka_unit_test(only_len_characters_are_read),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
