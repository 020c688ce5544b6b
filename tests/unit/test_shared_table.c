/*
 * The shared table in one process: what is saved is found and nothing else is, whatever came
 * between; what expires or has no room goes; another size keeps everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "shared_scene.h"

#define LATER   (SCENE_NOW + 1000)
#define NUMBERS 400

/* What the table must hold: a version for each number, 0: nothing. */
typedef struct model {
    unsigned versions[NUMBERS];
    apr_size_t lengths[NUMBERS];
    apr_int64_t expiries[NUMBERS];
    apr_uint64_t stamps[NUMBERS]; /* what the table calls … */
    unsigned stamped[NUMBERS];    /* … this version; a reader still has it */
    apr_int64_t now;
    apr_uint64_t seed;
} model;

static int is_living(const model *m, unsigned number)
{
    return m->versions[number] && m->expiries[number] > m->now;
}

static void check_number(shared_scene *scene, model *m, unsigned number)
{
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record;
    apr_status_t rv;

    shared_scene_key(number, key);
    rv = ta_shared_table_load(scene->table, scene->pool, key, apr_time_from_sec(m->now),
                              &m->stamps[number], &record);
    if (is_living(m, number) && m->stamped[number] == m->versions[number]) {
        assert_int_equal(rv, TA_STORE_UNCHANGED);
        assert_null(record.data);
    } else if (is_living(m, number)) {
        assert_int_equal(rv, APR_SUCCESS);
        m->stamped[number] = m->versions[number];
        assert_int_equal(record.len, m->lengths[number]);
        assert_int_equal(shared_scene_version(record, number), m->versions[number]);
    } else {
        assert_int_equal(rv, APR_NOTFOUND);
        m->stamps[number] = m->stamped[number] = 0;
    }
}

static void check_all(shared_scene *scene, model *m)
{
    apr_pool_t *all = scene->pool;

    apr_pool_create(&scene->pool, all);
    for (unsigned number = 0; number < NUMBERS; number++) {
        check_number(scene, m, number);
    }
    apr_pool_destroy(scene->pool);
    scene->pool = all;
}

/* Lengths of all kinds: mostly small, now and then the longest. */
static apr_size_t random_length(model *m)
{
    return shared_scene_random(&m->seed, 100) == 0
               ? TA_STORE_RECORD_BYTES
               : 8 + shared_scene_random(&m->seed, shared_scene_random(&m->seed, 2) ? 300 : 4000);
}

static void save_next(shared_scene *scene, model *m, unsigned number, unsigned version)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_size_t len = random_length(m);
    apr_int64_t expiry = m->now + 1 + shared_scene_random(&m->seed, 2000);

    /* after its end nobody asks for a version of it, for no key is used again */
    if (!is_living(m, number)) {
        m->stamps[number] = m->stamped[number] = 0;
    }
    shared_scene_key(number, key);
    assert_int_equal(ta_shared_table_save(scene->table, key,
                                          shared_scene_record(scene->pool, number, version, len),
                                          expiry, apr_time_from_sec(m->now)),
                     APR_SUCCESS);
    m->versions[number] = version;
    m->lengths[number] = len;
    m->expiries[number] = expiry;
}

/* Replaces a record by its next version, expecting what is there, or an older one. */
static void replace_next(shared_scene *scene, model *m, unsigned number, unsigned version)
{
    unsigned char key[TA_STORE_KEY_LEN];
    int is_stale = shared_scene_random(&m->seed, 3) == 0;
    unsigned expected = m->versions[number] - (unsigned)is_stale;
    apr_size_t len = random_length(m);
    apr_int64_t expiry = m->now + 1 + shared_scene_random(&m->seed, 2000);
    apr_status_t rv;

    if (!m->versions[number]) {
        return;
    }
    shared_scene_key(number, key);
    rv = ta_shared_table_replace(
        scene->table, key, shared_scene_record(scene->pool, number, expected, m->lengths[number]),
        shared_scene_record(scene->pool, number, version, len), expiry, apr_time_from_sec(m->now));
    assert_int_equal(rv, is_living(m, number) && !is_stale ? APR_SUCCESS : APR_EAGAIN);
    if (rv == APR_SUCCESS) {
        m->versions[number] = version;
        m->lengths[number] = len;
        m->expiries[number] = expiry;
    }
}

static void remove_number(shared_scene *scene, model *m, unsigned number)
{
    unsigned char key[TA_STORE_KEY_LEN];

    shared_scene_key(number, key);
    assert_int_equal(ta_shared_table_remove(scene->table, key), APR_SUCCESS);
    m->versions[number] = 0;
}

static void do_something(shared_scene *scene, model *m, unsigned step)
{
    unsigned number = shared_scene_random(&m->seed, NUMBERS);

    switch (shared_scene_random(&m->seed, 8)) {
    case 0:
        remove_number(scene, m, number);
        break;
    case 1:
    case 2:
        save_next(scene, m, number, step);
        break;
    case 3:
        replace_next(scene, m, number, step);
        break;
    case 4:
        m->now += shared_scene_random(&m->seed, 10);
        break;
    default:
        check_number(scene, m, number);
    }
}

static void run_model(shared_scene *scene, model *m, unsigned from, unsigned to)
{
    apr_pool_t *all = scene->pool;

    apr_pool_create(&scene->pool, all);
    for (unsigned step = from; step < to; step++) {
        do_something(scene, m, step);
        if (step % 64 == 0) {
            apr_pool_clear(scene->pool);
        }
    }
    apr_pool_destroy(scene->pool);
    scene->pool = all;
    check_all(scene, m);
}

static void test_is_a_hash_table(void **state)
{
    shared_scene *scene = *state;
    ta_store_fill fill;
    model m = {.now = SCENE_NOW, .seed = 1};

    run_model(scene, &m, 1, 30000);
    assert_int_equal(ta_shared_table_measure(scene->table, &fill), APR_SUCCESS);
    assert_int_equal(fill.evicted, 0);
    assert_true(fill.expired > 0 && fill.records <= NUMBERS);
}

static void test_mending_changes_nothing(void **state)
{
    shared_scene *scene = *state;
    model m = {.now = SCENE_NOW, .seed = 2};

    for (unsigned round = 0; round < 10; round++) {
        run_model(scene, &m, round * 1000 + 1, round * 1000 + 1000);
        assert_int_equal(ta_shared_table_mend(scene->table), APR_SUCCESS);
        check_all(scene, &m);
    }
}

static void test_another_size_keeps_everything(void **state)
{
    static const unsigned megabytes[] = {6, 20, 5, 80, 4, 5};
    shared_scene *scene = *state;
    ta_shared_table *old;
    apr_uint64_t offset;
    model m = {.now = SCENE_NOW, .seed = 3};

    assert_int_equal(ta_shared_file_map(scene->fd, &old, &offset), APR_SUCCESS);
    for (unsigned i = 0; i < sizeof(megabytes) / sizeof(*megabytes); i++) {
        ta_shared_table *current = scene->table;

        run_model(scene, &m, i * 2000 + 1, i * 2000 + 2000);
        assert_int_equal(
            ta_shared_file_resize(scene->fd, (apr_size_t)megabytes[i] << 20, 0, &scene->table),
            APR_SUCCESS);
        check_all(scene, &m);
        current = scene->table;
        /* a process that only knows the first table finds and changes everything */
        scene->table = old;
        run_model(scene, &m, i * 2000 + 2000, i * 2000 + 2001 + 500);
        scene->table = current;
        check_all(scene, &m);
    }
    ta_shared_table_unmap(old);
}

/* Fills a small table with numbers from 1 to `count`, one second apart. */
static void fill_up(shared_scene *scene, unsigned count)
{
    shared_scene_resize(scene, TA_SHARED_MINIMUM);
    for (unsigned number = 1; number <= count; number++) {
        unsigned char key[TA_STORE_KEY_LEN];

        shared_scene_key(number, key);
        assert_int_equal(ta_shared_table_save(scene->table, key,
                                              shared_scene_record(scene->pool, number, 1, 2000),
                                              LATER, apr_time_from_sec(SCENE_NOW) + number),
                         APR_SUCCESS);
    }
}

static void test_when_full_the_one_unused_longest_goes(void **state)
{
    shared_scene *scene = *state;
    ta_store_fill fill;
    ta_bytes record;
    unsigned gone = 0;

    fill_up(scene, 100);
    /* the first one is used again */
    assert_int_equal(shared_scene_save(scene, 1, 2, 2000, LATER), APR_SUCCESS);
    for (unsigned number = 101; number <= 400; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, 2000, LATER), APR_SUCCESS);
    }
    assert_int_equal(ta_shared_table_measure(scene->table, &fill), APR_SUCCESS);
    assert_true(fill.records > 150 && fill.used_bytes > fill.capacity_bytes / 100 * 99);
    gone = 400 - (unsigned)fill.records;
    assert_int_equal(fill.evicted, gone);
    assert_true(gone > 99);
    /* 2, 3, … 100, 1, 101, 102, …: as many from the left as went */
    for (unsigned number = 2; number <= 400; number++) {
        int is_gone = number <= 100 ? number - 1 <= gone : number <= gone;

        assert_int_equal(shared_scene_load(scene, number, &record),
                         is_gone ? APR_NOTFOUND : APR_SUCCESS);
    }
}

static void test_what_expired_makes_room_first(void **state)
{
    shared_scene *scene = *state;
    ta_store_fill fill;
    ta_bytes record;

    fill_up(scene, 100);
    for (unsigned number = 101; number <= 180; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, 2000, SCENE_NOW - number),
                         APR_SUCCESS);
    }
    for (unsigned number = 201; number <= 280; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, 2000, LATER), APR_SUCCESS);
    }
    assert_int_equal(ta_shared_table_measure(scene->table, &fill), APR_SUCCESS);
    assert_int_equal(fill.evicted, 0);
    for (unsigned number = 1; number <= 100; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record), APR_SUCCESS);
    }
}

static void test_a_smaller_size_keeps_the_newest(void **state)
{
    shared_scene *scene = *state;
    ta_store_fill fill;
    ta_bytes record;

    shared_scene_resize(scene, (apr_size_t)32 << 20);
    for (unsigned number = 1; number <= 1000; number++) {
        unsigned char key[TA_STORE_KEY_LEN];

        shared_scene_key(number, key);
        assert_int_equal(ta_shared_table_save(scene->table, key,
                                              shared_scene_record(scene->pool, number, 1, 2000),
                                              LATER, apr_time_from_sec(SCENE_NOW) + number),
                         APR_SUCCESS);
    }
    assert_int_equal(ta_shared_file_resize(scene->fd, TA_SHARED_MINIMUM, 0, &scene->table),
                     APR_SUCCESS);
    assert_int_equal(ta_shared_table_measure(scene->table, &fill), APR_SUCCESS);
    assert_int_equal(fill.records + fill.evicted, 1000);
    for (unsigned number = 1; number <= 1000; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record),
                         number <= fill.evicted ? APR_NOTFOUND : APR_SUCCESS);
    }
}

static void test_a_claim_is_taken_once(void **state)
{
    shared_scene *scene = *state;
    apr_time_t now = apr_time_from_sec(SCENE_NOW);
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record;

    assert_int_equal(shared_scene_save(scene, 1, 1, 100, LATER), APR_SUCCESS);
    shared_scene_key(1, key);
    assert_int_equal(ta_shared_table_check_claim(scene->table, scene->pool, key, now), APR_SUCCESS);
    assert_int_equal(ta_shared_table_claim(scene->table, key, SCENE_NOW + 5, now), APR_SUCCESS);
    assert_int_equal(ta_shared_table_claim(scene->table, key, SCENE_NOW + 5, now), APR_EEXIST);
    assert_int_equal(ta_shared_table_check_claim(scene->table, scene->pool, key, now), APR_EEXIST);
    now += apr_time_from_sec(5);
    assert_int_equal(ta_shared_table_check_claim(scene->table, scene->pool, key, now), APR_SUCCESS);
    assert_int_equal(ta_shared_table_claim(scene->table, key, SCENE_NOW + 9, now), APR_SUCCESS);
    assert_int_equal(ta_shared_file_resize(scene->fd, (apr_size_t)8 << 20, 0, &scene->table),
                     APR_SUCCESS);
    assert_int_equal(ta_shared_table_claim(scene->table, key, SCENE_NOW + 9, now), APR_EEXIST);
    /* however many are claimed, no record goes */
    for (unsigned number = 2; number < 20000; number++) {
        shared_scene_key(number, key);
        assert_int_equal(ta_shared_table_claim(scene->table, key, LATER, now), APR_SUCCESS);
    }
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
}

static void test_too_long_is_refused(void **state)
{
    shared_scene *scene = *state;
    ta_bytes record;

    assert_int_equal(shared_scene_save(scene, 1, 1, TA_STORE_RECORD_BYTES, LATER), APR_SUCCESS);
    assert_int_equal(shared_scene_save(scene, 1, 2, TA_STORE_RECORD_BYTES + 1, LATER), APR_ENOSPC);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(shared_scene_version(record, 1), 1);
}

static void test_an_empty_record_is_one_too(void **state)
{
    shared_scene *scene = *state;
    apr_time_t now = apr_time_from_sec(SCENE_NOW);
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes empty = {NULL, 0}, record = shared_scene_record(scene->pool, 1, 1, 100);

    shared_scene_key(1, key);
    assert_int_equal(shared_scene_save(scene, 1, 1, 0, LATER), APR_SUCCESS);
    assert_int_equal(ta_shared_table_replace(scene->table, key, record, empty, LATER, now),
                     APR_EAGAIN);
    assert_int_equal(ta_shared_table_replace(scene->table, key, empty, record, LATER, now),
                     APR_SUCCESS);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(shared_scene_version(record, 1), 1);
    assert_int_equal(ta_shared_table_replace(scene->table, key, empty, record, LATER, now),
                     APR_EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_is_a_hash_table, shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_mending_changes_nothing, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_another_size_keeps_everything, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_when_full_the_one_unused_longest_goes,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_what_expired_makes_room_first, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_smaller_size_keeps_the_newest, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_claim_is_taken_once, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_too_long_is_refused, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_an_empty_record_is_one_too, shared_scene_begin,
                                        shared_scene_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
