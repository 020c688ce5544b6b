/*
 * The bytes of a session record: what was written is read, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/packed.h"
#include "session/record.h"
#include "util/checksum.h"
#include "world.h"

#define SLOTS_AT 168 /* where the table of slots begins, as record.h draws it */

static ta_bytes write_record(apr_pool_t *p, const ta_record *record)
{
    ta_bytes bytes;

    assert_int_equal(ta_record_write(p, record, &bytes), APR_SUCCESS);
    return world_foreign_bytes(p, bytes);
}

/* Makes changed bytes a whole record again. */
static void checksum_again(unsigned char *bytes, apr_size_t len)
{
    apr_uint64_t checksum = ta_checksum_make(bytes, len - sizeof(checksum));

    for (apr_size_t i = 0; i < sizeof(checksum); i++) {
        bytes[len - sizeof(checksum) + i] = (unsigned char)(checksum >> (8 * i));
    }
}

static void fill(ta_record *record)
{
    memset(record, 0, sizeof(*record));
    record->flags = TA_RECORD_EMAIL_VERIFIED | TA_RECORD_GROUPS_ABSENT;
    record->created = 7258118400; /* the year 2200 */
    record->last_used = 7258118401;
    record->checked = 7258118402;
    memset(record->provider, 'p', sizeof(record->provider));
    memset(record->parent, 'q', sizeof(record->parent));
    ta_record_set_text(record, TA_RECORD_AUDIENCE, WORLD_APP);
    ta_record_set_text(record, TA_RECORD_USER, "alice");
    record->slots[TA_RECORD_GROUPS] =
        (ta_bytes){.data = (const unsigned char *)"\1\0a\0\2\0bc\0", .len = 9};
    record->slots[TA_RECORD_TOKENS] =
        (ta_bytes){.data = (const unsigned char *)"\0\1\377", .len = 3};
}

static void test_what_was_written_is_read(void **state)
{
    world *w = *state;
    ta_record record, read;

    fill(&record);
    assert_int_equal(ta_record_read(write_record(w->pool, &record), &read), APR_SUCCESS);
    assert_int_equal(read.flags, record.flags);
    assert_int_equal(read.created, record.created);
    assert_int_equal(read.last_used, record.last_used);
    assert_int_equal(read.checked, record.checked);
    assert_memory_equal(read.provider, record.provider, sizeof(read.provider));
    assert_memory_equal(read.parent, record.parent, sizeof(read.parent));
    assert_string_equal(ta_record_text(&read, TA_RECORD_AUDIENCE), WORLD_APP);
    assert_string_equal(ta_record_text(&read, TA_RECORD_USER), "alice");
    assert_string_equal(ta_record_text(&read, TA_RECORD_EMAIL), "");
    assert_int_equal(read.slots[TA_RECORD_TOKENS].len, 3);
    assert_memory_equal(read.slots[TA_RECORD_TOKENS].data, "\0\1\377", 3);
}

static ta_store_ending ending_of(int subject, int sid)
{
    ta_store_ending ending = {.is_guess = 0};

    memset(ending.subject, subject, sizeof(ending.subject));
    memset(ending.sid, sid, sizeof(ending.sid));
    return ending;
}

static int is_meant(ta_bytes bytes, int subject, int sid)
{
    ta_store_ending ending = ending_of(subject, sid);

    return ta_record_is_meant(bytes, &ending);
}

static void test_a_store_sees_the_parent_and_the_indexes(void **state)
{
    world *w = *state;
    ta_record record;
    ta_bytes bytes;

    fill(&record);
    memset(record.subject_index, 'u', sizeof(record.subject_index));
    bytes = write_record(w->pool, &record);
    assert_null(ta_record_parent(bytes));
    assert_true(is_meant(bytes, 'u', 0));
    assert_false(is_meant(bytes, 'v', 0));
    assert_false(is_meant(bytes, 0, 'v'));
    assert_false(is_meant(bytes, 0, 0)); /* it has no sid, but that is no index */
    /* no sid was named for it: it may be of this one, if it is this user's */
    assert_true(is_meant(bytes, 'u', 'v'));
    assert_false(is_meant(bytes, 'w', 'v'));

    record.flags |= TA_RECORD_HAS_PARENT;
    memset(record.sid_index, 'v', sizeof(record.sid_index));
    bytes = write_record(w->pool, &record);
    assert_memory_equal(ta_record_parent(bytes), record.parent, sizeof(record.parent));
    assert_true(is_meant(bytes, 0, 'v'));
    assert_true(is_meant(bytes, 'u', 'v'));
    assert_false(is_meant(bytes, 'u', 'w'));
    assert_false(is_meant(bytes, 'w', 'v'));
    for (bytes.len = 0; bytes.len < SLOTS_AT; bytes.len++) {
        ta_bytes cut = world_foreign_bytes(w->pool, bytes);

        assert_null(ta_record_parent(cut));
        assert_false(is_meant(cut, 0, 'v'));
    }
}

static void test_an_empty_record_is_one_too(void **state)
{
    world *w = *state;
    ta_record record, read;

    memset(&record, 0, sizeof(record));
    assert_int_equal(ta_record_read(write_record(w->pool, &record), &read), APR_SUCCESS);
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        assert_string_equal(ta_record_text(&read, (ta_record_slot)i), "");
        assert_null(ta_record_next(&read, (ta_record_slot)i, NULL));
    }
}

static void test_strings_in_a_row_come_one_by_one(void **state)
{
    static const struct {
        const char *bytes;
        apr_size_t len;
        const char *expected[4];
    } cases[] = {
        {"", 0, {NULL}},
        {"\1\0a\0", 4, {"a", NULL}},
        {"\1\0a\0\2\0bc\0", 9, {"a", "bc", NULL}},
        {"\1\0a\0\0\0\0\1\0b\0", 11, {"a", "", "b", NULL}},
        {"\0\0\0", 3, {"", NULL}},
        /* what ta_record_add does not write ends the row */
        {"\1", 1, {NULL}},
        {"\0\0", 2, {NULL}},
        {"\1\0a\0\2\0bc", 8, {"a", NULL}},
        {"\1\0a\0\3\0bc\0", 9, {"a", NULL}},
        {"\1\0a\0\1\0bc\0", 9, {"a", NULL}},
        {"\1\0a\0\377\377bc\0", 9, {"a", NULL}},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_record record, read;
        const char *at = NULL;

        fill(&record);
        record.slots[TA_RECORD_GROUPS] =
            (ta_bytes){.data = (const unsigned char *)cases[i].bytes, .len = cases[i].len};
        assert_int_equal(ta_record_read(write_record(w->pool, &record), &read), APR_SUCCESS);
        for (size_t j = 0; cases[i].expected[j]; j++) {
            at = ta_record_next(&read, TA_RECORD_GROUPS, at);
            assert_non_null(at);
            assert_string_equal(at, cases[i].expected[j]);
            assert_true(ta_record_has(&read, TA_RECORD_GROUPS, at, strlen(at)));
        }
        assert_null(ta_record_next(&read, TA_RECORD_GROUPS, at));
        assert_false(ta_record_has(&read, TA_RECORD_GROUPS, "bx", 2));
        assert_false(ta_record_has(&read, TA_RECORD_GROUPS, "abc", 3));
    }
}

static void test_a_row_is_written_string_by_string(void **state)
{
    world *w = *state;
    char *longest = apr_pcalloc(w->pool, TA_RECORD_STRING_LEN + 2);
    ta_text row;

    ta_text_init(&row, w->pool, 2 * TA_RECORD_STRING_LEN);
    ta_record_add(&row, "a");
    ta_record_add(&row, "");
    assert_int_equal(row.len, 7);
    assert_memory_equal(row.data, "\1\0a\0\0\0\0", 7);
    memset(longest, 'x', TA_RECORD_STRING_LEN);
    ta_record_add(&row, longest);
    assert_false(row.overflowed);
    ta_text_init(&row, w->pool, 2 * TA_RECORD_STRING_LEN);
    longest[TA_RECORD_STRING_LEN] = 'x';
    ta_record_add(&row, longest);
    assert_true(row.overflowed);
}

static void test_a_record_damaged_in_any_bit_is_refused(void **state)
{
    world *w = *state;
    ta_record record, read;
    ta_bytes whole;
    unsigned char *bytes;

    fill(&record);
    whole = write_record(w->pool, &record);
    bytes = apr_pmemdup(w->pool, whole.data, whole.len);
    for (apr_size_t i = 0; i < whole.len * 8; i++) {
        ta_bytes damaged = {.data = bytes, .len = whole.len};

        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_int_equal(ta_record_read(damaged, &read), APR_EINVAL);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
}

static void test_a_record_of_any_other_length_is_refused(void **state)
{
    world *w = *state;
    ta_record record, read;
    ta_bytes whole, other;

    fill(&record);
    whole = write_record(w->pool, &record);
    for (apr_size_t len = 0; len < whole.len; len++) {
        other = world_foreign_bytes(w->pool, (ta_bytes){.data = whole.data, .len = len});
        assert_int_equal(ta_record_read(other, &read), APR_EINVAL);
    }
    other.data = apr_pcalloc(w->pool, whole.len + 1);
    other.len = whole.len + 1;
    assert_int_equal(ta_record_read(other, &read), APR_EINVAL);
}

/* A checksum is no seal: whoever can write to the store can make one. Then the table of slots
 * must still not lead beyond the record. */
static void test_a_table_that_lies_is_refused_with_a_right_checksum_too(void **state)
{
    static const unsigned values[] = {0, 1, 95, 96, 0x7fffffff, 0x80000000, 0xffffffff};
    world *w = *state;
    ta_record record, read;
    ta_bytes whole;

    fill(&record);
    whole = write_record(w->pool, &record);
    for (apr_size_t i = 0; i < 2 * TA_RECORD_SLOTS * COUNT(values); i++) {
        unsigned char *bytes = apr_pmemdup(w->pool, whole.data, whole.len);
        unsigned char *at = bytes + SLOTS_AT + 4 * (i / COUNT(values));
        unsigned value = values[i % COUNT(values)];
        unsigned char before[4];
        ta_bytes forged = {.data = bytes, .len = whole.len};

        memcpy(before, at, sizeof(before));
        for (int j = 0; j < 4; j++) {
            at[j] = (unsigned char)(value >> (8 * j));
        }
        checksum_again(bytes, whole.len);
        if (memcmp(before, at, sizeof(before)) != 0) {
            assert_int_equal(ta_record_read(world_foreign_bytes(w->pool, forged), &read),
                             APR_EINVAL);
        }
    }
}

static void test_another_version_is_refused(void **state)
{
    world *w = *state;
    ta_record record, read;
    ta_bytes whole;
    unsigned char *bytes;

    fill(&record);
    whole = write_record(w->pool, &record);
    bytes = apr_pmemdup(w->pool, whole.data, whole.len);
    bytes[3]++;
    checksum_again(bytes, whole.len);
    whole.data = bytes;
    assert_int_equal(ta_record_read(whole, &read), APR_EINVAL);
}

static void test_a_record_beyond_the_stores_limit_is_not_written(void **state)
{
    world *w = *state;
    char *text = apr_palloc(w->pool, TA_STORE_RECORD_BYTES);
    ta_record record, read;
    ta_bytes bytes;

    fill(&record);
    memset(text, 'a', TA_STORE_RECORD_BYTES);
    record.slots[TA_RECORD_CLAIMS].data = (const unsigned char *)text;
    record.slots[TA_RECORD_CLAIMS].len = TA_STORE_RECORD_BYTES;
    assert_int_equal(ta_record_write(w->pool, &record, &bytes), APR_ENOSPC);
    record.slots[TA_RECORD_CLAIMS].len = 60000;
    assert_int_equal(ta_record_read(write_record(w->pool, &record), &read), APR_SUCCESS);
    assert_int_equal(read.slots[TA_RECORD_CLAIMS].len, 60000);
}

/* Whoever uses a slot as a string would read on into the next one. */
static void test_a_slot_without_its_nul_is_refused_with_a_right_checksum_too(void **state)
{
    world *w = *state;
    ta_record record, read;
    ta_bytes whole;

    fill(&record);
    whole = write_record(w->pool, &record);
    assert_int_equal(ta_record_read(whole, &record), APR_SUCCESS);
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        apr_size_t end = (apr_size_t)(record.slots[i].data - whole.data) + record.slots[i].len;
        unsigned char *bytes = apr_pmemdup(w->pool, whole.data, whole.len);
        ta_bytes forged = {.data = bytes, .len = whole.len};

        bytes[end] = 'x';
        checksum_again(bytes, whole.len);
        assert_int_equal(ta_record_read(forged, &read), APR_EINVAL);
    }
}

static void test_a_time_that_nobody_can_calculate_with_is_refused(void **state)
{
    static const apr_int64_t times[] = {-1, INT64_MIN, TA_PACKED_LAST_SECOND + 1, INT64_MAX};
    world *w = *state;
    ta_record record, read;
    apr_int64_t *places[] = {&record.created, &record.last_used, &record.checked, &record.asked};

    for (size_t i = 0; i < COUNT(places); i++) {
        fill(&record);
        for (size_t j = 0; j < COUNT(times); j++) {
            *places[i] = times[j];
            assert_int_equal(ta_record_read(write_record(w->pool, &record), &read), APR_EINVAL);
        }
        *places[i] = TA_PACKED_LAST_SECOND;
        assert_int_equal(ta_record_read(write_record(w->pool, &record), &read), APR_SUCCESS);
    }
}

static void test_only_a_record_without_a_parent_is_a_login(void **state)
{
    world *w = *state;
    ta_record record;
    ta_bytes login, child;

    fill(&record);
    login = write_record(w->pool, &record);
    record.flags |= TA_RECORD_HAS_PARENT;
    child = write_record(w->pool, &record);
    assert_true(ta_record_is_login(login));
    assert_false(ta_record_is_login(child));
    /* its beginning is no record of a login, and bytes of something else are none */
    for (login.len = 0; login.len < SLOTS_AT; login.len++) {
        assert_false(ta_record_is_login(world_foreign_bytes(w->pool, login)));
    }
    login.data = memset(apr_palloc(w->pool, 500), 'x', 500);
    login.len = 500;
    assert_false(ta_record_is_login(login));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_written_is_read),
        TEST(test_a_store_sees_the_parent_and_the_indexes),
        TEST(test_an_empty_record_is_one_too),
        TEST(test_strings_in_a_row_come_one_by_one),
        TEST(test_a_row_is_written_string_by_string),
        TEST(test_a_record_damaged_in_any_bit_is_refused),
        TEST(test_a_record_of_any_other_length_is_refused),
        TEST(test_a_table_that_lies_is_refused_with_a_right_checksum_too),
        TEST(test_another_version_is_refused),
        TEST(test_a_record_beyond_the_stores_limit_is_not_written),
        TEST(test_a_slot_without_its_nul_is_refused_with_a_right_checksum_too),
        TEST(test_a_time_that_nobody_can_calculate_with_is_refused),
        TEST(test_only_a_record_without_a_parent_is_a_login),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
