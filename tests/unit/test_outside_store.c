/*
 * Sessions in a cache that others can look into and write to: what it may learn, what it can do
 * with what it holds, and what counts while it fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "outside_scene.h"

static void assert_same(ta_bytes a, ta_bytes b)
{
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
}

static void test_records_come_back_with_their_login(void **state)
{
    outside_scene *m = *state;
    ta_bytes login = outside_scene_record(m, 0, NOW), child = outside_scene_record(m, 'A', NOW),
             record, parent;

    outside_scene_save(m, 'A', login);
    outside_scene_save(m, 'B', child);
    assert_int_equal(outside_scene_load(m, 'A', &record, &parent), APR_SUCCESS);
    assert_same(record, login);
    assert_null(parent.data);
    assert_int_equal(outside_scene_load(m, 'B', &record, &parent), APR_SUCCESS);
    assert_same(record, child);
    assert_same(parent, login);
    assert_int_equal(outside_scene_load_only(m, 'C'), APR_NOTFOUND);
    assert_int_equal(m->store->remove(m->store->context, m->pool, outside_scene_key(m, 'A')),
                     APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
    assert_int_equal(outside_scene_load_only(m, 'B'), APR_NOTFOUND);
}

static void test_a_record_is_replaced_only_while_it_is_what_was_read(void **state)
{
    outside_scene *m = *state;
    ta_bytes first = outside_scene_record(m, 0, NOW), second = outside_scene_record(m, 0, NOW + 1),
             record;

    outside_scene_save(m, 'A', first);
    assert_int_equal(outside_scene_replace(m, 'A', second, first), APR_EAGAIN);
    assert_int_equal(outside_scene_replace(m, 'A', first, second), APR_SUCCESS);
    assert_int_equal(outside_scene_replace(m, 'A', first, second), APR_EAGAIN);
    assert_int_equal(outside_scene_load(m, 'A', &record, NULL), APR_SUCCESS);
    assert_same(record, second);
    assert_int_equal(outside_scene_replace(m, 'B', first, second), APR_EAGAIN);
}

/* What a name, an e-mail, a key of ours or the like looks like in what the cache holds. */
static void assert_absent(const outside_scene *m, const void *bytes, apr_size_t len)
{
    for (apr_hash_index_t *at = apr_hash_first(m->pool, m->values); at; at = apr_hash_next(at)) {
        const ta_bytes *value = apr_hash_this_val(at);

        assert_null(memmem(value->data, value->len, bytes, len));
        assert_null(strstr(apr_hash_this_key(at), bytes));
    }
}

static void test_the_cache_learns_nothing(void **state)
{
    outside_scene *m = *state;
    int count;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    outside_scene_save(m, 'B', outside_scene_record(m, 'A', NOW));
    assert_int_equal(outside_scene_claim(m, 'C'), APR_SUCCESS);
    assert_int_equal(outside_scene_end_all(m, 'U', NOW - 1, &count), APR_SUCCESS);
    assert_int_equal(apr_hash_count(m->values), 5);
    assert_absent(m, USER, strlen(USER));
    assert_absent(m, "TAS", 3);
    for (const char *each = "ABCUS"; *each; each++) {
        assert_absent(m, apr_pstrmemdup(m->pool, (const char *)outside_scene_key(m, *each), 8), 8);
        assert_absent(m, apr_psprintf(m->pool, "%02x%02x%02x%02x", *each, *each, *each, *each), 8);
    }
}

static void test_another_secret_finds_and_opens_nothing(void **state)
{
    outside_scene *m = *state;
    ta_store *other;
    ta_bytes record;
    ta_seal_key key_of_others = m->key;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    key_of_others.bytes[0] ^= 1;
    assert_int_equal(ta_outside_store_make(m->pool, &m->port, &key_of_others, LIFETIME, &other),
                     APR_SUCCESS);
    assert_int_equal(
        other->load(other->context, m->pool, outside_scene_key(m, 'A'), NULL, &record, NULL),
        APR_NOTFOUND);
}

/* Whoever can write to the cache makes no session of it, and no other person. */
static void test_every_changed_bit_is_nobodys(void **state)
{
    outside_scene *m = *state;
    ta_bytes *value;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    value = outside_scene_value(m, 'r', 0);
    for (apr_size_t i = 0; i < value->len; i++) {
        ((unsigned char *)value->data)[i] ^= 1;
        assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
        ((unsigned char *)value->data)[i] ^= 1;
    }
    for (apr_size_t i = 0; i < TA_OUTSIDE_HEAD_LEN; i++) {
        unsigned char before = value->data[i];

        ((unsigned char *)value->data)[i] = '\0'; /* where a string would end */
        assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
        ((unsigned char *)value->data)[i] = before;
    }
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_SUCCESS);
    for (apr_size_t len = value->len; value->len > 0; value->len--) {
        assert_int_equal(outside_scene_load_only(m, 'A'),
                         value->len == len ? APR_SUCCESS : APR_NOTFOUND);
    }
}

static void test_records_cannot_change_places(void **state)
{
    outside_scene *m = *state;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    outside_scene_save(m, 'B', outside_scene_record(m, 0, NOW));
    *outside_scene_value(m, 'r', 0) = *outside_scene_value(m, 'r', 1);
    assert_int_not_equal(outside_scene_load_only(m, 'A'),
                         outside_scene_load_only(m, 'B')); /* one is itself, one is not */
}

static void test_a_claim_is_taken_once(void **state)
{
    outside_scene *m = *state;

    assert_int_equal(outside_scene_check_claim(m, 'A'), APR_SUCCESS);
    assert_int_equal(outside_scene_claim(m, 'A'), APR_SUCCESS);
    assert_int_equal(outside_scene_claim(m, 'A'), APR_EEXIST);
    assert_int_equal(outside_scene_check_claim(m, 'A'), APR_EEXIST);
    assert_int_equal(outside_scene_claim(m, 'B'), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
}

static void test_a_cache_that_fails_is_no_word_about_a_session(void **state)
{
    outside_scene *m = *state;
    ta_bytes record = outside_scene_record(m, 0, NOW);
    int count;

    outside_scene_save(m, 'A', record);
    m->status = APR_TIMEUP;
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_TIMEUP);
    assert_int_equal(outside_scene_load_only(m, 'C'), APR_TIMEUP);
    assert_int_equal(outside_scene_replace(m, 'A', record, record), APR_TIMEUP);
    assert_int_equal(outside_scene_end_all(m, 'U', NOW, &count), APR_TIMEUP);
    assert_int_equal(outside_scene_claim(m, 'A'), APR_TIMEUP);
    assert_int_equal(
        m->store->save(m->store->context, m->pool, outside_scene_key(m, 'B'), record, NOW),
        APR_TIMEUP);
    assert_int_equal(m->store->remove(m->store->context, m->pool, outside_scene_key(m, 'A')),
                     APR_TIMEUP);
}

/* Which keys were seen, as a sum of their bytes. */
static apr_status_t add_key(void *context, const unsigned char *at, ta_bytes record)
{
    ta_record read;

    assert_int_equal(ta_record_read(record, &read), APR_SUCCESS);
    *(int *)context += *at;
    return APR_SUCCESS;
}

static void test_all_living_records_are_listed(void **state)
{
    outside_scene *m = *state;
    int sum = 0, count;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    outside_scene_save(m, 'B', outside_scene_record(m, 'A', NOW));
    outside_scene_save(m, 'C', outside_scene_record(m, 0, NOW + 1));
    outside_scene_save(m, 'D', outside_scene_record(m, 'E', NOW)); /* its login is gone */
    assert_int_equal(m->store->iterate(m->store->context, m->pool, add_key, &sum), APR_SUCCESS);
    assert_int_equal(sum, 'A' + 'B' + 'C');
    assert_int_equal(outside_scene_end_all(m, 'U', NOW, &count), APR_SUCCESS);
    sum = 0;
    assert_int_equal(m->store->iterate(m->store->context, m->pool, add_key, &sum), APR_SUCCESS);
    assert_int_equal(sum, 'C');
    /* whether a login whose stamp cannot be read was ended, nobody knows */
    *outside_scene_value(m, 's', 0) = (ta_bytes){(const unsigned char *)"1x", 2};
    *outside_scene_value(m, 's', 1) = (ta_bytes){(const unsigned char *)"1x", 2};
    assert_int_equal(m->store->iterate(m->store->context, m->pool, add_key, &sum), APR_EGENERAL);
}

static apr_status_t save_bytes(const outside_scene *m, apr_size_t len)
{
    ta_bytes bytes = {apr_pcalloc(m->pool, len), len};

    return m->store->save(m->store->context, m->pool, outside_scene_key(m, 'A'), bytes, NOW + 100);
}

/* What could not be opened again is refused before it takes the place of what can. */
static void test_what_is_no_record_is_not_saved(void **state)
{
    outside_scene *m = *state;
    ta_bytes login = outside_scene_record(m, 0, NOW), record;
    ta_bytes nonsense = {(const unsigned char *)"nonsense", 8};
    unsigned values;

    outside_scene_save(m, 'A', login);
    values = apr_hash_count(m->values);
    assert_int_equal(save_bytes(m, TA_STORE_RECORD_BYTES + 1), APR_ENOSPC);
    assert_int_equal(save_bytes(m, 0), APR_EINVAL);
    assert_int_equal(save_bytes(m, 400), APR_EINVAL);
    assert_int_equal(outside_scene_replace(m, 'A', login, nonsense), APR_EINVAL);
    assert_int_equal(outside_scene_replace(m, 'A', nonsense, login), APR_EAGAIN);
    assert_int_equal(apr_hash_count(m->values), values);
    assert_int_equal(outside_scene_load(m, 'A', &record, NULL), APR_SUCCESS);
    assert_same(record, login);
}

static void test_a_cache_that_cannot_list_makes_a_store_that_cannot(void **state)
{
    outside_scene *m = *state;
    ta_store *store;

    assert_non_null(m->store->iterate);
    m->port.iterate = NULL;
    assert_int_equal(ta_outside_store_make(m->pool, &m->port, &m->key, LIFETIME, &store),
                     APR_SUCCESS);
    assert_null(store->iterate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_come_back_with_their_login),
        TEST(test_a_record_is_replaced_only_while_it_is_what_was_read),
        TEST(test_the_cache_learns_nothing),
        TEST(test_another_secret_finds_and_opens_nothing),
        TEST(test_every_changed_bit_is_nobodys),
        TEST(test_records_cannot_change_places),
        TEST(test_a_claim_is_taken_once),
        TEST(test_a_cache_that_fails_is_no_word_about_a_session),
        TEST(test_all_living_records_are_listed),
        TEST(test_what_is_no_record_is_not_saved),
        TEST(test_a_cache_that_cannot_list_makes_a_store_that_cannot),
    };

    return cmocka_run_group_tests(tests, outside_scene_begin, NULL);
}
