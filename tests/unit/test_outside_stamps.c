/*
 * Stamps: which logins end by them, and that guessing leaves none behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "outside_scene.h"

static void test_a_stamp_ends_the_logins_before_it(void **state)
{
    static const int indexes[] = {'U', 'S'};
    outside_scene *m = *state;
    int count;

    for (int i = 0; i < 2; i++) {
        apr_hash_clear(m->values);
        outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
        outside_scene_save(m, 'B', outside_scene_record(m, 'A', NOW));
        outside_scene_save(m, 'C', outside_scene_record(m, 0, NOW + 1));
        assert_int_equal(outside_scene_end_all(m, 'X', NOW, &count), APR_SUCCESS);
        assert_int_equal(outside_scene_end_all(m, indexes[i], NOW - 1, &count), APR_SUCCESS);
        assert_int_equal(outside_scene_load_only(m, 'A'), APR_SUCCESS);
        assert_int_equal(outside_scene_end_all(m, indexes[i], NOW, &count), APR_SUCCESS);
        assert_int_equal(count, -1);
        assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
        assert_int_equal(outside_scene_load_only(m, 'B'), APR_NOTFOUND);
        assert_int_equal(outside_scene_load_only(m, 'C'), APR_SUCCESS);
    }
    for (apr_hash_index_t *at = apr_hash_first(m->pool, m->expiry); at; at = apr_hash_next(at)) {
        if (*(const char *)apr_hash_this_key(at) == 's') {
            assert_true(*(const apr_int64_t *)apr_hash_this_val(at) >= NOW + LIFETIME);
        }
    }
    /* nobody's index ends nobody */
    count = apr_hash_count(m->values);
    assert_int_equal(outside_scene_end_all(m, 0, NOW + 9, &count), APR_SUCCESS);
    assert_int_equal(count, 0);
}

/* Somebody who guesses ends nothing, and leaves nothing behind. */
static void test_a_guess_is_kept_only_where_there_is_such_a_login(void **state)
{
    outside_scene *m = *state;
    ta_store_ending guess = {.before = NOW, .is_guess = 1};
    unsigned before;
    int count;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    before = apr_hash_count(m->values);
    memcpy(guess.sid, outside_scene_key(m, 'X'), TA_STORE_KEY_LEN);
    assert_int_equal(m->store->end_all(m->store->context, m->pool, &guess, &count), APR_SUCCESS);
    assert_int_equal(count, 0);
    assert_int_equal(apr_hash_count(m->values), before);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_SUCCESS);
    memcpy(guess.sid, outside_scene_key(m, 'S'), TA_STORE_KEY_LEN);
    assert_int_equal(m->store->end_all(m->store->context, m->pool, &guess, &count), APR_SUCCESS);
    assert_int_equal(count, -1);
    assert_int_equal(apr_hash_count(m->values), before);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
    /* a login after it does not take the end back */
    outside_scene_save(m, 'C', outside_scene_record(m, 0, NOW + 1));
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
    assert_int_equal(outside_scene_load_only(m, 'C'), APR_SUCCESS);
}

static void test_a_user_and_a_sid_together_end_what_is_of_both(void **state)
{
    outside_scene *m = *state;
    ta_record bare = {.created = NOW};
    ta_bytes bytes;
    int count;

    memcpy(bare.subject_index, outside_scene_key(m, 'U'), TA_STORE_KEY_LEN);
    assert_int_equal(ta_record_write(m->pool, &bare, &bytes), APR_SUCCESS);
    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    outside_scene_save(m, 'B', outside_scene_record(m, 'A', NOW));
    outside_scene_save(m, 'C', bytes);
    assert_int_equal(outside_scene_end_both(m, 'X', 'S', NOW, &count), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'C'), APR_SUCCESS);
    assert_int_equal(outside_scene_end_both(m, 'U', 'T', NOW, &count), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'C'), APR_NOTFOUND); /* it had no sid */
    assert_int_equal(outside_scene_end_both(m, 'U', 'S', NOW, &count), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
    assert_int_equal(outside_scene_load_only(m, 'B'), APR_NOTFOUND);
}

/* A renewed ID token may name a sid where there was none. */
static void test_a_sid_that_comes_later_is_known_too(void **state)
{
    outside_scene *m = *state;
    ta_store_ending guess = {.before = NOW, .is_guess = 1};
    ta_record bare = {.created = NOW};
    ta_bytes bytes;
    int count;

    memcpy(bare.subject_index, outside_scene_key(m, 'U'), TA_STORE_KEY_LEN);
    assert_int_equal(ta_record_write(m->pool, &bare, &bytes), APR_SUCCESS);
    outside_scene_save(m, 'A', bytes);
    assert_int_equal(outside_scene_replace(m, 'A', bytes, outside_scene_record(m, 0, NOW)),
                     APR_SUCCESS);
    memcpy(guess.sid, outside_scene_key(m, 'S'), TA_STORE_KEY_LEN);
    assert_int_equal(m->store->end_all(m->store->context, m->pool, &guess, &count), APR_SUCCESS);
    assert_int_equal(outside_scene_load_only(m, 'A'), APR_NOTFOUND);
}

/* An old login that gets a sid of which others ended since: their end counts as long as they
 * could have lived. */
static void test_a_sid_that_comes_later_shortens_no_end(void **state)
{
    outside_scene *m = *state;
    ta_record old = {.created = NOW - LIFETIME / 2};
    ta_bytes before, after;
    int count;

    memcpy(old.subject_index, outside_scene_key(m, 'V'), TA_STORE_KEY_LEN);
    assert_int_equal(ta_record_write(m->pool, &old, &before), APR_SUCCESS);
    outside_scene_save(m, 'A', before);
    assert_int_equal(outside_scene_end_all(m, 'S', NOW, &count), APR_SUCCESS);
    memcpy(old.sid_index, outside_scene_key(m, 'S'), TA_STORE_KEY_LEN);
    old.checked = NOW + 1;
    assert_int_equal(ta_record_write(m->pool, &old, &after), APR_SUCCESS);
    assert_int_equal(outside_scene_replace(m, 'A', before, after), APR_SUCCESS);
    for (apr_hash_index_t *at = apr_hash_first(m->pool, m->expiry); at; at = apr_hash_next(at)) {
        if (*(const char *)apr_hash_this_key(at) == 's') {
            assert_true(*(const apr_int64_t *)apr_hash_this_val(at) >= NOW + LIFETIME);
        }
    }
}

static void test_a_stamp_that_makes_no_sense_is_an_error(void **state)
{
    static const char *const nonsense[] = {"", "x", "-1", "17x", "99999999999999999999999"};
    outside_scene *m = *state;
    int count;

    outside_scene_save(m, 'A', outside_scene_record(m, 0, NOW));
    assert_int_equal(outside_scene_end_all(m, 'U', NOW - 1, &count), APR_SUCCESS);
    for (apr_hash_index_t *at = apr_hash_first(m->pool, m->values); at; at = apr_hash_next(at)) {
        ta_bytes *value = apr_hash_this_val(at);

        for (int i = 0; *(const char *)apr_hash_this_key(at) == 's' && i < 5; i++) {
            *value = (ta_bytes){(const unsigned char *)nonsense[i], strlen(nonsense[i])};
            assert_int_equal(outside_scene_load_only(m, 'A'), APR_EGENERAL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stamp_ends_the_logins_before_it),
        TEST(test_a_guess_is_kept_only_where_there_is_such_a_login),
        TEST(test_a_user_and_a_sid_together_end_what_is_of_both),
        TEST(test_a_sid_that_comes_later_is_known_too),
        TEST(test_a_sid_that_comes_later_shortens_no_end),
        TEST(test_a_stamp_that_makes_no_sense_is_an_error),
    };

    return cmocka_run_group_tests(tests, outside_scene_begin, NULL);
}
