/*
 * What a connection remembers: that it is used only for the same cookie and the same bytes, and
 * that requests which are still being answered keep what they read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/recent.h"
#include "session/session.h"
#include "world.h"

#define ID    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"

static ta_bytes write_record(apr_pool_t *p, const char *user, apr_uint32_t flags)
{
    ta_record record;
    ta_bytes bytes;

    memset(&record, 0, sizeof(record));
    record.flags = flags;
    ta_record_set_text(&record, TA_RECORD_USER, user);
    ta_record_set_text(&record, TA_RECORD_GROUPS, "");
    assert_int_equal(ta_record_write(p, &record, &bytes), APR_SUCCESS);
    return bytes;
}

static ta_bytes copy_of(apr_pool_t *p, ta_bytes bytes)
{
    return (ta_bytes){apr_pmemdup(p, bytes.data, bytes.len), bytes.len};
}

static void test_key_is_of_the_same_id_only(void **state)
{
    static const char *const others[] = {OTHER, "", "A", ID "A", "BAAAAAAAAAAAAAAAAAAAAAAAAA"};
    unsigned char key[TA_STORE_KEY_LEN] = {1, 2, 3}, found[TA_STORE_KEY_LEN];
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);

    assert_int_equal(ta_recent_get_key(recent, ID, found), 0);
    ta_recent_set_key(recent, ID, key);
    assert_int_equal(ta_recent_get_key(recent, ID, found), 1);
    assert_memory_equal(found, key, sizeof(key));
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(ta_recent_get_key(recent, others[i], found), 0);
    }
    ta_recent_set_key(recent, OTHER, key);
    assert_int_equal(ta_recent_get_key(recent, ID, found), 0);
    assert_int_equal(ta_recent_get_key(NULL, ID, found), 0);
    ta_recent_set_key(NULL, ID, key);
}

/* Every bit, behind a record that was good. */
static void test_changed_record_is_refused_after_a_good_one(void **state)
{
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    ta_bytes good = write_record(w->pool, "alice", 0);
    unsigned char *bad = apr_pmemdup(w->pool, good.data, good.len);
    ta_record record;

    for (apr_size_t i = 0; i < good.len * 8; i++) {
        assert_int_equal(ta_recent_read_record(recent, good, 0, &record), APR_SUCCESS);
        bad[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_int_equal(ta_recent_read_record(recent, (ta_bytes){bad, good.len}, 0, &record),
                         APR_EINVAL);
        bad[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    assert_int_equal(ta_recent_read_record(recent, (ta_bytes){bad, good.len - 1}, 0, &record),
                     APR_EINVAL);
    assert_int_equal(ta_recent_read_record(recent, (ta_bytes){NULL, 0}, 0, &record), APR_EINVAL);
}

static void test_record_points_into_the_bytes_that_were_given(void **state)
{
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    ta_bytes first = write_record(w->pool, "alice", TA_RECORD_EMAIL_VERIFIED);
    ta_bytes again = copy_of(w->pool, first), other = write_record(w->pool, "bobby", 0);
    ta_record a, b, c;

    assert_int_equal(ta_recent_read_record(recent, first, 0, &a), APR_SUCCESS);
    assert_int_equal(ta_recent_read_record(recent, again, 0, &b), APR_SUCCESS);
    assert_int_equal(ta_recent_read_record(recent, other, 0, &c), APR_SUCCESS);
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        assert_true(a.slots[i].data > first.data && a.slots[i].data < first.data + first.len);
        assert_true(b.slots[i].data - again.data == a.slots[i].data - first.data);
        assert_int_equal(b.slots[i].len, a.slots[i].len);
    }
    assert_int_equal(b.flags, TA_RECORD_EMAIL_VERIFIED);
    assert_string_equal(ta_record_text(&a, TA_RECORD_USER), "alice");
    assert_string_equal(ta_record_text(&b, TA_RECORD_USER), "alice");
    assert_string_equal(ta_record_text(&c, TA_RECORD_USER), "bobby");
}

static void test_version_is_of_the_key_and_the_record(void **state)
{
    unsigned char key[TA_STORE_KEY_LEN] = {1, 2, 3};
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    ta_bytes alice = write_record(w->pool, "alice", 0), bob = write_record(w->pool, "bob", 0);
    ta_bytes child = write_record(w->pool, "", TA_RECORD_HAS_PARENT);
    ta_record record;

    assert_int_equal(ta_recent_get_version(NULL), 0);
    assert_int_equal(ta_recent_get_version(recent), 0);
    ta_recent_set_key(recent, ID, key);
    assert_int_equal(ta_recent_read_record(recent, alice, 7, &record), APR_SUCCESS);
    assert_int_equal(ta_recent_get_version(recent), 7);
    /* the same bytes, written again */
    assert_int_equal(ta_recent_read_record(recent, alice, 8, &record), APR_SUCCESS);
    assert_int_equal(ta_recent_get_version(recent), 8);
    /* a login of a child, which has no version of its own under this key */
    assert_int_equal(ta_recent_read_record(recent, alice, 0, &record), APR_SUCCESS);
    assert_int_equal(ta_recent_get_version(recent), 0);
    assert_int_equal(ta_recent_read_record(recent, bob, 9, &record), APR_SUCCESS);
    assert_int_equal(ta_recent_get_version(recent), 9);
    /* another cookie on the same connection */
    ta_recent_set_key(recent, OTHER, key);
    assert_int_equal(ta_recent_get_version(recent), 0);
    assert_int_equal(ta_recent_read_record(recent, child, 10, &record), APR_SUCCESS);
    assert_int_equal(ta_recent_get_version(recent), 0);
}

static void test_record_that_is_too_long_has_no_version(void **state)
{
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    char *user = apr_pcalloc(w->pool, TA_RECENT_BYTES_MAX + 1);
    ta_record record;

    memset(user, 'a', TA_RECENT_BYTES_MAX);
    assert_int_equal(ta_recent_read_record(recent, write_record(w->pool, "bob", 0), 9, &record),
                     APR_SUCCESS);
    assert_int_equal(ta_recent_read_record(recent, write_record(w->pool, user, 0), 10, &record),
                     APR_SUCCESS);
    assert_int_equal(ta_recent_get_version(recent), 0);
}

/* What a request has of it stays when the connection's next request remembers another. */
static void test_remembered_record_is_a_copy(void **state)
{
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    ta_bytes alice = write_record(w->pool, "alice", TA_RECORD_EMAIL_VERIFIED), bytes;
    ta_record record, other;

    assert_int_equal(ta_recent_read_record(recent, alice, 7, &other), APR_SUCCESS);
    ta_recent_get_record(recent, w->pool, &bytes, &record);
    assert_int_equal(ta_recent_read_record(recent, write_record(w->pool, "bobby", 0), 8, &other),
                     APR_SUCCESS);
    assert_int_equal(bytes.len, alice.len);
    assert_memory_equal(bytes.data, alice.data, alice.len);
    assert_string_equal(ta_record_text(&record, TA_RECORD_USER), "alice");
    assert_int_equal(record.flags, TA_RECORD_EMAIL_VERIFIED);
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        assert_true(record.slots[i].data > bytes.data &&
                    record.slots[i].data < bytes.data + bytes.len);
    }
}

static void save_record(world *w, const char *id, ta_bytes record)
{
    unsigned char key[TA_STORE_KEY_LEN];

    assert_int_equal(ta_session_id_key(id, key), APR_SUCCESS);
    assert_int_equal(w->port.save(w, w->pool, key, record, WORLD_NOW + 60), APR_SUCCESS);
}

static apr_status_t (*load_any)(void *context, apr_pool_t *p, const unsigned char *key,
                                apr_uint64_t *version, ta_bytes *record, ta_bytes *parent);
static apr_uint64_t stored_version; /* of whatever is in the store */

static apr_status_t load_newer(void *context, apr_pool_t *p, const unsigned char *key,
                               apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    if (*version == stored_version) {
        return TA_STORE_UNCHANGED;
    }
    *version = stored_version;
    return load_any(context, p, key, NULL, record, parent);
}

static void test_an_unchanged_session_is_the_remembered_one(void **state)
{
    world *w = *state;
    ta_store versions = w->port;
    ta_recent *recent = ta_recent_make(w->pool);
    ta_session *first, *again;

    save_record(w, ID, write_record(w->pool, "alice", 0));
    save_record(w, OTHER, write_record(w->pool, "bob", 0));
    load_any = versions.load;
    versions.load = load_newer;
    stored_version = 7;
    assert_int_equal(ta_session_load(w->pool, &versions, recent, ID, &first), APR_SUCCESS);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ta_session_load(w->pool, &versions, recent, ID, &again), APR_SUCCESS);
        assert_memory_equal(again->login_key, first->login_key, sizeof(first->login_key));
        assert_int_equal(again->login_bytes.len, first->login_bytes.len);
        assert_memory_equal(again->login_bytes.data, first->login_bytes.data,
                            first->login_bytes.len);
        assert_ptr_not_equal(again->login_bytes.data, first->login_bytes.data);
        assert_string_equal(ta_record_text(&again->login, TA_RECORD_USER), "alice");
        /* now it is gone from the store, which only says that nothing has changed */
        assert_int_equal(w->port.remove(w, w->pool, first->key), APR_SUCCESS);
    }
    /* what is remembered is of this cookie and of this version alone */
    assert_int_equal(ta_session_load(w->pool, &versions, recent, OTHER, &again), APR_SUCCESS);
    assert_string_equal(ta_record_text(&again->login, TA_RECORD_USER), "bob");
    stored_version = 8;
    assert_int_equal(ta_session_load(w->pool, &versions, recent, ID, &again), APR_NOTFOUND);
}

/* Each length, also those that are not remembered, in any order. */
static void test_records_of_all_lengths(void **state)
{
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    ta_record record;

    for (int i = 0; i < 200; i++) {
        apr_size_t len = (apr_size_t)(i * 7919) % (2 * TA_RECENT_BYTES_MAX);
        char *user = apr_palloc(w->pool, len + 1);
        ta_bytes bytes;

        memset(user, 'a' + i % 26, len);
        user[len] = '\0';
        bytes = write_record(w->pool, user, 0);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(ta_recent_read_record(recent, bytes, 0, &record), APR_SUCCESS);
            assert_string_equal(ta_record_text(&record, TA_RECORD_USER), user);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_key_is_of_the_same_id_only),
        TEST(test_changed_record_is_refused_after_a_good_one),
        TEST(test_record_points_into_the_bytes_that_were_given),
        TEST(test_version_is_of_the_key_and_the_record),
        TEST(test_record_that_is_too_long_has_no_version),
        TEST(test_remembered_record_is_a_copy),
        TEST(test_an_unchanged_session_is_the_remembered_one),
        TEST(test_records_of_all_lengths),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
