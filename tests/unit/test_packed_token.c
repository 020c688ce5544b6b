/*
 * Tokens among packed values: every one comes back byte for byte, and a JSON web token takes
 * three quarters of its room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/packed_token.h"
#include "world.h"

static ta_bytes write_token(apr_pool_t *p, const char *token)
{
    ta_text out;
    ta_bytes bytes;

    ta_text_init(&out, p, 100000);
    ta_packed_token_write(p, &out, token);
    assert_int_equal(ta_packed_finish(&out, &bytes), APR_SUCCESS);
    return bytes;
}

static const char *read_token(apr_pool_t *p, ta_bytes bytes)
{
    ta_packed_reader reader;
    const char *token;

    ta_packed_read_start(&reader, bytes);
    token = ta_packed_token_read(p, &reader);
    return ta_packed_read_done(&reader) ? token : NULL;
}

static void test_every_token_comes_back(void **state)
{
    world *w = *state;
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "a",
        "ab",
        "abc",
        "AA",
        "AB",
        "eyJhbGciOiJub25lIn0.e30.",
        "e30.e30.e30",
        "e30.e30.e30.e30.e30",
        "e30.e30.e30.e30.e30.e30",
        "e30=.e30",
        "e+0.e/0",
        "e30 .e30",
        "no base64url: ä\r\n",
        "ory_at_abcdefghijklmnopqrstuvwxyz-_0123456789.abc",
        ".e30",
        "e30.",
    };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
        assert_string_equal(read_token(w->pool, write_token(w->pool, tokens[i])), tokens[i]);
    }
    assert_string_equal(read_token(w->pool, write_token(w->pool, NULL)), "");
}

static void test_a_web_token_takes_less(void **state)
{
    world *w = *state;
    char *token = apr_pcalloc(w->pool, 1000);
    ta_bytes bytes;

    memset(token, 'A', 900);
    token[99] = token[199] = '.';
    token[200 + 600] = '\0';
    bytes = write_token(w->pool, token);
    assert_true(bytes.len < 620);
    assert_string_equal(read_token(w->pool, bytes), token);
}

static void test_cut_bytes_are_no_token(void **state)
{
    world *w = *state;
    ta_bytes bytes = write_token(w->pool, "eyJhbGciOiJub25lIn0.e30.abcd");

    for (apr_size_t len = 0; len < bytes.len; len++) {
        /* a copy of that length, so that a read beyond it is seen */
        assert_null(read_token(w->pool, (ta_bytes){apr_pmemdup(w->pool, bytes.data, len), len}));
    }
}

/* A length has two bytes: a part that needs more must not come back as another one. */
static void test_a_part_that_is_too_long_is_refused(void **state)
{
    world *w = *state;
    char *token = apr_palloc(w->pool, 4 * 0x10000);
    apr_size_t longest = 0xffff / 3 * 4;
    ta_bytes bytes;
    ta_text out;

    memset(token, 'A', 4 * 0x10000);
    memcpy(token + longest, ".AAAA", 6);
    assert_string_equal(read_token(w->pool, write_token(w->pool, token)), token);
    memcpy(token + longest, "AA.AAAA", 8);
    ta_text_init(&out, w->pool, 200000);
    ta_packed_token_write(w->pool, &out, token);
    assert_int_equal(ta_packed_finish(&out, &bytes), APR_ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_token_comes_back),
        TEST(test_a_web_token_takes_less),
        TEST(test_cut_bytes_are_no_token),
        TEST(test_a_part_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
