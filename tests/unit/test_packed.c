/*
 * Packed numbers and strings: what is written is read, and no byte beyond the end is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "session/packed.h"
#include "world.h"

static ta_bytes finish(const ta_text *out)
{
    ta_bytes bytes;

    assert_int_equal(ta_packed_finish(out, &bytes), APR_SUCCESS);
    return bytes;
}

/* One of everything. */
static ta_bytes write_sample(apr_pool_t *p)
{
    ta_text out;

    ta_text_init(&out, p, 1000);
    ta_packed_write_number(&out, 0xab, 1);
    ta_packed_write_string(&out, "hello");
    ta_packed_write_number(&out, 0xfedcba9876543210, 8);
    ta_packed_write_bytes(&out, "\0\1\2", 3);
    ta_packed_write_string(&out, NULL);
    ta_packed_write_number(&out, 0x89abcdef, 4);
    return finish(&out);
}

/* Reads what write_sample wrote; true when it was that and nothing else. */
static int read_sample(ta_bytes bytes)
{
    ta_packed_reader reader;
    unsigned char raw[3];
    int same;

    ta_packed_read_start(&reader, bytes);
    same = ta_packed_read_number(&reader, 1) == 0xab;
    same &= strcmp(ta_packed_read_string(&reader), "hello") == 0;
    same &= ta_packed_read_number(&reader, 8) == 0xfedcba9876543210;
    ta_packed_read_bytes(&reader, raw, sizeof(raw));
    same &= memcmp(raw, "\0\1\2", 3) == 0;
    same &= *ta_packed_read_string(&reader) == '\0';
    same &= ta_packed_read_number(&reader, 4) == 0x89abcdef;
    return ta_packed_read_done(&reader) && same;
}

static void test_what_was_written_is_read(void **state)
{
    world *w = *state;

    assert_true(read_sample(world_foreign_bytes(w->pool, write_sample(w->pool))));
}

static void test_numbers_are_little_endian(void **state)
{
    world *w = *state;
    ta_bytes bytes;
    ta_text out;

    ta_text_init(&out, w->pool, 100);
    ta_packed_write_number(&out, 0x0102030405060708, 8);
    ta_packed_write_number(&out, 0x0102, 2);
    bytes = finish(&out);
    assert_int_equal(bytes.len, 10);
    assert_memory_equal(bytes.data, "\10\7\6\5\4\3\2\1\2\1", 10);
}

static void test_bytes_that_end_early_are_not_read_beyond(void **state)
{
    world *w = *state;
    ta_bytes whole = write_sample(w->pool);

    for (apr_size_t len = 0; len < whole.len; len++) {
        ta_bytes cut = {.data = whole.data, .len = len};

        assert_false(read_sample(world_foreign_bytes(w->pool, cut)));
    }
}

static void test_bytes_left_over_are_noticed(void **state)
{
    world *w = *state;
    ta_bytes whole = write_sample(w->pool);
    ta_text out;

    ta_text_init(&out, w->pool, 1000);
    ta_packed_write_bytes(&out, whole.data, whole.len);
    ta_packed_write_bytes(&out, "", 1);
    assert_false(read_sample(finish(&out)));
}

static void test_a_string_whose_length_lies_is_empty(void **state)
{
    static const struct {
        const char *bytes;
        apr_size_t len;
    } cases[] = {
        {"", 0},           {"\1", 1},
        {"\5\0hello", 7},                        /* the NUL is missing */
        {"\5\0helloX", 8},                       /* something else in its place */
        {"\5\0he\0lo", 8},                       /* a NUL inside */
        {"\0\0X", 3},      {"\377\377hello", 8}, /* longer than there is */
        {"\4\0hello", 8},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_bytes bytes = {.data = (const unsigned char *)cases[i].bytes, .len = cases[i].len};
        ta_packed_reader reader;

        ta_packed_read_start(&reader, world_foreign_bytes(w->pool, bytes));
        assert_string_equal(ta_packed_read_string(&reader), "");
        assert_false(ta_packed_read_done(&reader));
    }
}

static void test_after_a_failure_everything_is_zero(void **state)
{
    world *w = *state;
    ta_bytes bytes = {.data = (const unsigned char *)"\1\2\3\4\5\6\7", .len = 7};
    unsigned char raw[2] = {9, 9};
    ta_packed_reader reader;

    ta_packed_read_start(&reader, world_foreign_bytes(w->pool, bytes));
    assert_int_equal(ta_packed_read_number(&reader, 8), 0);
    assert_int_equal(ta_packed_read_number(&reader, 1), 0);
    assert_string_equal(ta_packed_read_string(&reader), "");
    ta_packed_read_bytes(&reader, raw, sizeof(raw));
    assert_memory_equal(raw, "\0\0", 2);
    assert_false(ta_packed_read_done(&reader));
}

static void test_what_has_no_room_is_refused_as_a_whole(void **state)
{
    world *w = *state;
    char longest[65537];
    ta_bytes bytes;
    ta_text out;

    ta_text_init(&out, w->pool, 9);
    ta_packed_write_string(&out, "seven c");
    assert_int_equal(ta_packed_finish(&out, &bytes), APR_ENOSPC);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[65536] = '\0';
    ta_text_init(&out, w->pool, 200000);
    ta_packed_write_string(&out, longest);
    assert_int_equal(ta_packed_finish(&out, &bytes), APR_ENOSPC);
    longest[65535] = '\0';
    ta_text_init(&out, w->pool, 200000);
    ta_packed_write_string(&out, longest);
    assert_int_equal(ta_packed_finish(&out, &bytes), APR_SUCCESS);
}

static void test_a_time_that_nobody_wrote_is_a_failure(void **state)
{
    static const struct {
        apr_uint64_t value;
        int is_time;
    } cases[] = {
        {0, 1},
        {WORLD_NOW, 1},
        {253402300799, 1}, /* the last second of the year 9999 */
        {253402300800, 0},
        {APR_INT64_MAX, 0},
        {0x8000000000000000, 0}, /* the most negative number: now minus it cannot be calculated */
        {0xffffffffffffffff, 0},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_packed_reader reader;
        apr_int64_t seconds;
        ta_text out;

        ta_text_init(&out, w->pool, 8);
        ta_packed_write_number(&out, cases[i].value, 8);
        ta_packed_read_start(&reader, finish(&out));
        seconds = ta_packed_read_seconds(&reader);
        assert_int_equal(ta_packed_read_done(&reader), cases[i].is_time);
        assert_true(seconds == (cases[i].is_time ? (apr_int64_t)cases[i].value : 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_written_is_read),
        TEST(test_numbers_are_little_endian),
        TEST(test_bytes_that_end_early_are_not_read_beyond),
        TEST(test_bytes_left_over_are_noticed),
        TEST(test_a_string_whose_length_lies_is_empty),
        TEST(test_after_a_failure_everything_is_zero),
        TEST(test_a_time_that_nobody_wrote_is_a_failure),
        TEST(test_what_has_no_room_is_refused_as_a_whole),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
