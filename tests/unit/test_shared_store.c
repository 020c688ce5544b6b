/*
 * The session store on a shared table: parents, the end of all logins of a user, listing, and
 * what the log hears when it fills up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/record.h"
#include "session/shared_store.h"
#include "shared_scene.h"

#define LATER (SCENE_NOW + 1000)

/* What was logged last, and how often. */
typedef struct heard {
    char last[400];
    int count;
} heard;

static void hear(void *context, ta_log_level level, apr_status_t status, const char *message)
{
    heard *log = context;

    (void)status;
    assert_int_equal(level, TA_LOG_WARNING);
    apr_cpystrn(log->last, message, sizeof(log->last));
    log->count++;
}

static apr_time_t scene_now(void)
{
    return apr_time_from_sec(SCENE_NOW);
}

static apr_time_t scene_later(void)
{
    return apr_time_from_sec(SCENE_NOW + 601);
}

static void open_store(shared_scene *scene, ta_shared_store *store, ta_log *log)
{
    *store = (ta_shared_store){.table = scene->table, .log = log};
    ta_shared_store_init(store);
    assert_ptr_equal(store->now, apr_time_now);
    store->now = scene_now;
}

/* Saves the record of a login, or of a further host of login `parent`, by number. */
static void save(shared_scene *scene, ta_shared_store *store, unsigned number, unsigned user,
                 apr_int64_t created, int parent)
{
    unsigned char key[TA_STORE_KEY_LEN];
    ta_record record = {.created = created};
    ta_bytes bytes;

    if (parent >= 0) {
        record.flags = TA_RECORD_HAS_PARENT;
        shared_scene_key((unsigned)parent, record.parent);
    } else {
        shared_scene_key(user, record.subject_index);
        shared_scene_key(user + number + 1, record.sid_index);
    }
    ta_record_set_text(&record, TA_RECORD_USER, apr_psprintf(scene->pool, "user %u", user));
    assert_int_equal(ta_record_write(scene->pool, &record, &bytes), APR_SUCCESS);
    shared_scene_key(number, key);
    assert_int_equal(store->port.save(store, scene->pool, key, bytes, LATER), APR_SUCCESS);
}

static apr_status_t load(shared_scene *scene, ta_shared_store *store, unsigned number,
                         ta_bytes *record, ta_bytes *parent)
{
    unsigned char key[TA_STORE_KEY_LEN];

    shared_scene_key(number, key);
    return store->port.load(store, scene->pool, key, NULL, record, parent);
}

static void test_a_record_comes_with_its_parent(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    unsigned char key[TA_STORE_KEY_LEN];
    ta_store_ending user = {.is_guess = 0};
    ta_bytes record;
    ta_bytes parent;

    open_store(scene, &store, NULL);
    save(scene, &store, 1, 500, SCENE_NOW, -1);
    save(scene, &store, 2, 500, SCENE_NOW, 1);
    assert_int_equal(load(scene, &store, 1, &record, &parent), APR_SUCCESS);
    assert_int_equal(parent.len, 0);
    assert_int_equal(load(scene, &store, 2, &record, &parent), APR_SUCCESS);
    shared_scene_key(500, key);
    memcpy(user.subject, key, sizeof(key));
    assert_true(ta_record_is_meant(parent, &user) && !ta_record_is_meant(record, &user));
    shared_scene_key(1, key);
    assert_int_equal(store.port.remove(&store, scene->pool, key), APR_SUCCESS);
    assert_int_equal(load(scene, &store, 2, &record, NULL), APR_SUCCESS);
    assert_int_equal(load(scene, &store, 2, &record, &parent), APR_NOTFOUND);
}

static void test_a_version_that_the_caller_has_is_not_given_again(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    apr_uint64_t version = 0, old;
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record, parent;

    open_store(scene, &store, NULL);
    save(scene, &store, 1, 500, SCENE_NOW, -1);
    save(scene, &store, 2, 500, SCENE_NOW, 1);
    shared_scene_key(1, key);
    assert_int_equal(store.port.load(&store, scene->pool, key, &version, &record, &parent),
                     APR_SUCCESS);
    assert_true(version != 0 && record.len != 0);
    old = version;
    assert_int_equal(store.port.load(&store, scene->pool, key, &version, &record, &parent),
                     TA_STORE_UNCHANGED);
    assert_true(version == old);
    save(scene, &store, 1, 501, SCENE_NOW, -1);
    assert_int_equal(store.port.load(&store, scene->pool, key, &version, &record, &parent),
                     APR_SUCCESS);
    assert_true(version != old);
    /* of a further host's record nobody can say that nothing has changed: its parent may have */
    shared_scene_key(2, key);
    assert_int_equal(store.port.load(&store, scene->pool, key, &version, &record, &parent),
                     APR_SUCCESS);
    assert_true(version == 0 && parent.len != 0);
}

static apr_status_t count_ended(void *context, const unsigned char *key, ta_bytes record)
{
    ta_record read;

    assert_non_null(key);
    assert_int_equal(ta_record_read(record, &read), APR_SUCCESS);
    ++*(int *)context;
    return APR_SUCCESS;
}

static void test_all_logins_of_a_user_end(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    int told = 0;
    ta_store_ending ending = {.before = SCENE_NOW, .ended = count_ended, .context = &told};
    ta_bytes record;
    int count = -1;

    open_store(scene, &store, NULL);
    for (unsigned number = 1; number <= 300; number++) {
        save(scene, &store, number, 1000 + number % 3 * 1000, SCENE_NOW + (number > 270), -1);
    }
    shared_scene_key(2000, ending.subject);
    assert_int_equal(store.port.end_all(&store, scene->pool, &ending, &count), APR_SUCCESS);
    assert_int_equal(count, 90);
    assert_int_equal(told, 90);
    for (unsigned number = 1; number <= 300; number++) {
        assert_int_equal(load(scene, &store, number, &record, NULL),
                         number % 3 == 1 && number <= 270 ? APR_NOTFOUND : APR_SUCCESS);
    }
    /* by the session at the provider: one login alone */
    memset(ending.subject, 0, sizeof(ending.subject));
    shared_scene_key(1000 + 3 + 1, ending.sid);
    assert_int_equal(store.port.end_all(&store, scene->pool, &ending, &count), APR_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(told, 91);
    assert_int_equal(load(scene, &store, 3, &record, NULL), APR_NOTFOUND);
}

typedef struct listing {
    int count;
    int stop_at;
} listing;

static apr_status_t visit(void *context, const unsigned char *key, ta_bytes bytes)
{
    listing *list = context;
    ta_record record;

    (void)key;
    assert_int_equal(ta_record_read(bytes, &record), APR_SUCCESS);
    return ++list->count == list->stop_at ? APR_EOF : APR_SUCCESS;
}

static void test_every_record_is_listed(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    listing all = {.stop_at = -1};
    listing some = {.stop_at = 7};

    shared_scene_resize(scene, (apr_size_t)20 << 20);
    open_store(scene, &store, NULL);
    for (unsigned number = 1; number <= 300; number++) {
        save(scene, &store, number, number, SCENE_NOW, -1);
    }
    assert_int_equal(store.port.iterate(&store, scene->pool, visit, &all), APR_SUCCESS);
    assert_int_equal(all.count, 300);
    assert_int_equal(store.port.iterate(&store, scene->pool, visit, &some), APR_EOF);
    assert_int_equal(some.count, 7);
}

static void test_the_log_hears_when_it_fills_up(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    ta_store_fill fill;
    heard said = {.count = 0};
    ta_log log = {.write = hear, .context = &said};
    unsigned number = 0;

    shared_scene_resize(scene, TA_SHARED_MINIMUM);
    open_store(scene, &store, &log);
    do {
        number++;
        save(scene, &store, number, number, SCENE_NOW, -1);
        assert_int_equal(store.port.measure(&store, &fill), APR_SUCCESS);
        assert_int_equal(said.count, fill.used_bytes * 100 / fill.capacity_bytes >= 80);
    } while (said.count == 0);
    assert_non_null(strstr(said.last, "TA0300: the session store is 80 % full"));
    assert_non_null(strstr(said.last, "TinyauthSessionStore: 1M"));
    /* then nothing, until it is full, and then once */
    while (fill.evicted < 20) {
        number++;
        save(scene, &store, number, number, SCENE_NOW, -1);
        assert_int_equal(store.port.measure(&store, &fill), APR_SUCCESS);
        assert_int_equal(said.count, 1 + (fill.evicted > 0));
    }
    assert_non_null(strstr(said.last, "TA0301: the session store is full: 1 sessions"));
    /* ten minutes later both again */
    store.now = scene_later;
    number++;
    save(scene, &store, number, number, SCENE_NOW, -1);
    assert_int_equal(said.count, 4);
    assert_int_equal(store.port.measure(&store, &fill), APR_SUCCESS);
    assert_non_null(strstr(
        said.last, apr_psprintf(scene->pool, "full: %lu sessions", (unsigned long)fill.evicted)));
    /* and where a clock was set back, not only when it is there again */
    store.now = scene_now;
    number++;
    save(scene, &store, number, number, SCENE_NOW, -1);
    assert_int_equal(said.count, 6);
}

static void test_a_claim_is_seen_by_everybody(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    unsigned char key[TA_STORE_KEY_LEN];
    const ta_store *port = &store.port;

    open_store(scene, &store, NULL);
    assert_true(port->claims_everywhere);
    shared_scene_key(1, key);
    assert_int_equal(port->check_claim(&store, scene->pool, key), APR_SUCCESS);
    assert_int_equal(port->claim(&store, scene->pool, key, SCENE_NOW + 600), APR_SUCCESS);
    assert_int_equal(port->check_claim(&store, scene->pool, key), APR_EEXIST);
    assert_int_equal(port->claim(&store, scene->pool, key, SCENE_NOW + 600), APR_EEXIST);
    store.now = scene_later; /* expired */
    assert_int_equal(port->check_claim(&store, scene->pool, key), APR_SUCCESS);
}

static void test_a_record_is_replaced_only_while_it_is_what_was_read(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    ta_bytes first, second, found;
    unsigned char key[TA_STORE_KEY_LEN];

    open_store(scene, &store, NULL);
    save(scene, &store, 1, 1, SCENE_NOW, -1);
    save(scene, &store, 2, 2, SCENE_NOW, -1);
    assert_int_equal(load(scene, &store, 1, &first, NULL), APR_SUCCESS);
    assert_int_equal(load(scene, &store, 2, &second, NULL), APR_SUCCESS);
    shared_scene_key(1, key);
    assert_int_equal(store.port.replace(&store, scene->pool, key, second, second, LATER),
                     APR_EAGAIN);
    assert_int_equal(store.port.replace(&store, scene->pool, key, first, second, LATER),
                     APR_SUCCESS);
    assert_int_equal(load(scene, &store, 1, &found, NULL), APR_SUCCESS);
    assert_int_equal(found.len, second.len);
    assert_memory_equal(found.data, second.data, found.len);
}

/* Removes every other login as soon as it is told of one. */
static apr_status_t remove_others(void *context, const unsigned char *key, ta_bytes record)
{
    ta_shared_store *store = context;
    unsigned char other[TA_STORE_KEY_LEN];

    (void)record;
    for (unsigned number = 1; number <= 10; number++) {
        shared_scene_key(number, other);
        if (memcmp(other, key, sizeof(other)) != 0) {
            assert_int_equal(ta_shared_table_remove(store->table, other), APR_SUCCESS);
        }
    }
    return APR_SUCCESS;
}

/* Between finding records and looking at them they may go: they are not there, which is no error.
 */
static void test_records_may_go_while_they_are_visited(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    ta_store_ending ending = {.before = SCENE_NOW, .ended = remove_others, .context = &store};
    int count = -1;

    open_store(scene, &store, NULL);
    for (int round = 0; round < 2; round++) {
        for (unsigned number = 1; number <= 10; number++) {
            save(scene, &store, number, 500, SCENE_NOW, -1);
        }
        shared_scene_key(500, ending.subject);
        if (round == 0) {
            assert_int_equal(store.port.end_all(&store, scene->pool, &ending, &count), APR_SUCCESS);
            assert_int_equal(count, 1);
        } else {
            assert_int_equal(store.port.iterate(&store, scene->pool, remove_others, &store),
                             APR_SUCCESS);
        }
    }
}

static apr_status_t refuse_all(void *context, const unsigned char *key, ta_bytes record)
{
    (void)context, (void)key, (void)record;
    return APR_EGENERAL;
}

/* One that is not whole is nobody's session, and no hindrance to the end of the others. */
static void test_a_damaged_record_stops_no_ending(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    ta_store_ending ending = {.before = SCENE_NOW};
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record;
    int count = -1;

    open_store(scene, &store, NULL);
    for (unsigned number = 1; number <= 3; number++) {
        save(scene, &store, number, 500, SCENE_NOW, -1);
    }
    assert_int_equal(load(scene, &store, 2, &record, NULL), APR_SUCCESS);
    ((unsigned char *)record.data)[record.len - 10] ^= 1;
    shared_scene_key(2, key);
    assert_int_equal(store.port.save(&store, scene->pool, key, record, LATER), APR_SUCCESS);
    shared_scene_key(500, ending.subject);
    assert_int_equal(store.port.end_all(&store, scene->pool, &ending, &count), APR_SUCCESS);
    assert_int_equal(count, 2);
    assert_int_equal(load(scene, &store, 1, &record, NULL), APR_NOTFOUND);
    assert_int_equal(load(scene, &store, 3, &record, NULL), APR_NOTFOUND);
    /* whoever is told of each ends it with an error of his own */
    save(scene, &store, 1, 500, SCENE_NOW, -1);
    ending.ended = refuse_all;
    assert_int_equal(store.port.end_all(&store, scene->pool, &ending, &count), APR_EGENERAL);
}

/* A process that was started before the size was changed has all of it too. */
static void test_a_store_goes_on_where_its_table_moved_to(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    ta_shared_table *current;
    listing all = {.stop_at = -1};
    apr_uint64_t offset;
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record;

    open_store(scene, &store, NULL);
    assert_int_equal(ta_shared_file_map(scene->fd, &store.table, &offset), APR_SUCCESS);
    for (unsigned number = 1; number <= 30; number++) {
        save(scene, &store, number, number, SCENE_NOW, -1);
    }
    shared_scene_key(1, key);
    assert_int_equal(store.port.claim(&store, scene->pool, key, LATER), APR_SUCCESS);
    for (unsigned megabytes = 8; megabytes <= 16; megabytes += 8) {
        assert_int_equal(
            ta_shared_file_resize(scene->fd, (apr_size_t)megabytes << 20, 0, &scene->table),
            APR_SUCCESS);
        all.count = 0;
        assert_int_equal(store.port.iterate(&store, scene->pool, visit, &all), APR_SUCCESS);
        assert_int_equal(all.count, 30);
        assert_int_equal(store.port.check_claim(&store, scene->pool, key), APR_EEXIST);
        assert_int_equal(store.port.claim(&store, scene->pool, key, LATER), APR_EEXIST);
        assert_int_equal(ta_shared_table_current(store.table, &current), APR_SUCCESS);
        assert_int_equal(current->size, (apr_size_t)megabytes << 20);
    }
    save(scene, &store, 31, 31, SCENE_NOW, -1);
    shared_scene_key(31, key);
    assert_int_equal(
        ta_shared_table_load(scene->table, scene->pool, key, store.now(), NULL, &record),
        APR_SUCCESS);
    ta_shared_table_unmap(store.table);
}

/* Of the longest records so few lie in a stripe that chance fills one long before the others. */
static void test_the_log_hears_of_each_record_that_was_dropped(void **state)
{
    shared_scene *scene = *state;
    ta_shared_store store;
    ta_store_fill fill;
    heard said = {.count = 0};
    ta_log log = {.write = hear, .context = &said};
    ta_bytes long_one = shared_scene_record(scene->pool, 0, 1, TA_STORE_RECORD_BYTES);
    unsigned char key[TA_STORE_KEY_LEN];

    shared_scene_resize(scene, (apr_size_t)256 << 20);
    open_store(scene, &store, &log);
    for (unsigned number = 1;; number++) {
        shared_scene_key(number, key);
        assert_int_equal(store.port.save(&store, scene->pool, key, long_one, LATER), APR_SUCCESS);
        assert_int_equal(store.port.measure(&store, &fill), APR_SUCCESS);
        if (fill.evicted) {
            break;
        }
        assert_int_equal(said.count, 0);
    }
    assert_true(fill.used_bytes * 100 / fill.capacity_bytes < 80);
    assert_non_null(strstr(said.last, "TA0301: the session store is full: 1 sessions"));
    /* and once is enough, also where it has another size by now */
    assert_int_equal(ta_shared_file_resize(scene->fd, (apr_size_t)512 << 20, 0, &scene->table),
                     APR_SUCCESS);
    store.table = scene->table;
    store.now = scene_later;
    assert_int_equal(store.port.save(&store, scene->pool, key, long_one, LATER), APR_SUCCESS);
    assert_int_equal(said.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_record_comes_with_its_parent, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_version_that_the_caller_has_is_not_given_again,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_all_logins_of_a_user_end, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_every_record_is_listed, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_the_log_hears_when_it_fills_up, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_the_log_hears_of_each_record_that_was_dropped,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_claim_is_seen_by_everybody, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_record_is_replaced_only_while_it_is_what_was_read,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_records_may_go_while_they_are_visited,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_damaged_record_stops_no_ending, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_store_goes_on_where_its_table_moved_to,
                                        shared_scene_begin, shared_scene_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
