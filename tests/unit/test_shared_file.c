/*
 * The file of a shared table after a crash, at any point of a change of size, and one that was
 * damaged: whole records or none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "session/shared_index.h"
#include "session/shared_move.h"
#include "shared_scene.h"

#define LATER   (SCENE_NOW + 1000)
#define NUMBERS 100

static void save_all(shared_scene *scene)
{
    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, 2000, LATER), APR_SUCCESS);
    }
}

static apr_status_t recover(shared_scene *scene)
{
    int is_first;

    ta_shared_table_unmap(scene->table);
    scene->table = NULL;
    return ta_shared_file_recover(scene->fd, &scene->table, &is_first);
}

static void check_all(shared_scene *scene)
{
    ta_bytes record;

    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record), APR_SUCCESS);
        assert_int_equal(shared_scene_version(record, number), 1);
    }
}

static void test_a_crash_before_the_new_table_counts(void **state)
{
    shared_scene *scene = *state;
    unsigned char super[64];

    save_all(scene);
    assert_int_equal(pread(scene->fd, super, sizeof(super), 0), sizeof(super));
    assert_int_equal(ta_shared_file_resize(scene->fd, (apr_size_t)8 << 20, 0, &scene->table),
                     APR_SUCCESS);
    /* as if the first bytes of the file had not been written any more */
    assert_int_equal(pwrite(scene->fd, super, sizeof(super), 0), sizeof(super));
    assert_int_equal(recover(scene), APR_SUCCESS);
    assert_int_equal(scene->table->size, (apr_size_t)8 << 20);
    check_all(scene);
}

static void test_a_crash_in_the_middle_of_a_change(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];

    save_all(scene);
    ta_shared_begin_change(&stripe->header->sequence);
    memset(&stripe->header->mutex, 0xff, sizeof(stripe->header->mutex));
    memset(stripe->buckets, 0xff, ((size_t)stripe->bucket_mask + 1) * 4);
    assert_int_equal(recover(scene), APR_SUCCESS);
    check_all(scene);
    save_all(scene);
}

/* What did not reach the disk is missing; nothing else is, and nothing is half there. */
static void test_damaged_blocks_are_records_less(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    apr_uint32_t block_bytes = stripe->block_bytes;
    unsigned found = 0;
    ta_bytes record;

    save_all(scene);
    memset(stripe->blocks + 50 * block_bytes, 0, (size_t)200 * block_bytes);
    stripe->blocks[500 * block_bytes + 100] ^= 1;
    assert_int_equal(recover(scene), APR_SUCCESS);
    for (unsigned number = 0; number < NUMBERS; number++) {
        if (shared_scene_load(scene, number, &record) == APR_SUCCESS) {
            assert_int_equal(shared_scene_version(record, number), 1);
            found++;
        }
    }
    assert_true(found > NUMBERS / 2 && found < NUMBERS - 15);
    save_all(scene);
    check_all(scene);
}

static void test_a_crash_before_the_table_moves(void **state)
{
    shared_scene *scene = *state;
    apr_size_t size = scene->table->size;

    save_all(scene);
    scene->table->header->forward_offset = (apr_uint64_t)1 << 40;
    check_all(scene);
    assert_int_equal(recover(scene), APR_SUCCESS);
    assert_int_equal(scene->table->size, size);
    check_all(scene);
}

static int wants_all(void *context, ta_bytes record)
{
    (void)context, (void)record;
    return 1;
}

static apr_status_t count_one(void *context, const unsigned char *key)
{
    (void)key;
    ++*(unsigned *)context;
    return APR_SUCCESS;
}

/* Whoever moves a table is killed just when it counts: the others go on, all in the new one, and
 * what they end there stays ended. */
static void test_a_crash_when_the_table_has_moved(void **state)
{
    shared_scene *scene = *state;
    apr_size_t size = (apr_size_t)8 << 20;
    off_t offset = (off_t)16 << 20;
    unsigned count = 0;
    ta_shared_search all = {.filter = wants_all, .visit = count_one, .context = &count};
    unsigned char key[TA_STORE_KEY_LEN];
    ta_shared_table *new;
    ta_bytes record;

    save_all(scene);
    assert_int_equal(ftruncate(scene->fd, offset + (off_t)size), 0);
    assert_int_equal(ta_shared_table_make(scene->fd, (apr_uint64_t)offset, size, &new),
                     APR_SUCCESS);
    assert_int_equal(ta_shared_move_table(scene->table, new, 0), APR_SUCCESS);
    scene->table->header->forward_offset = (apr_uint64_t)offset;
    scene->table->header->forward_size = size;
    for (unsigned number = 0; number < NUMBERS; number += 2) {
        shared_scene_key(number, key);
        assert_int_equal(ta_shared_table_remove(scene->table, key), APR_SUCCESS);
    }
    assert_int_equal(
        ta_shared_table_search(scene->table, scene->pool, apr_time_from_sec(SCENE_NOW), &all),
        APR_SUCCESS);
    assert_int_equal(count, NUMBERS / 2);
    assert_int_equal(recover(scene), APR_SUCCESS);
    assert_int_equal(scene->table->size, size);
    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record),
                         number % 2 ? APR_SUCCESS : APR_NOTFOUND);
    }
    ta_shared_table_unmap(new);
}

/* Behind the end of the file there is no memory: whoever reads it dies. */
static void test_a_table_does_not_move_out_of_the_file(void **state)
{
    shared_scene *scene = *state;
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record;

    scene->table->header->forward_offset = (apr_uint64_t)1 << 40;
    scene->table->header->forward_size = scene->table->size;
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_EINVAL);
    shared_scene_key(1, key);
    assert_int_equal(
        ta_shared_table_check_claim(scene->table, scene->pool, key, apr_time_from_sec(SCENE_NOW)),
        APR_EINVAL);
    assert_int_equal(recover(scene), APR_EINVAL);
    scene->table = NULL;
}

/* A block that was never used would be given to the next record too. */
static void test_a_block_that_was_never_used_is_nobodys(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    apr_uint32_t fresh = stripe->header->fresh;
    ta_bytes record;

    assert_int_equal(shared_scene_save(scene, 1, 1, 100, LATER), APR_SUCCESS);
    assert_int_equal(shared_scene_save(scene, 2, 1, 2000, LATER), APR_SUCCESS);
    stripe->header->fresh = fresh + 2;
    for (apr_uint32_t number = fresh + 3; number < fresh + 20; number++) {
        ta_shared_block_head(stripe, number)->kind = TA_SHARED_FREE;
    }
    assert_int_equal(recover(scene), APR_SUCCESS);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(shared_scene_load(scene, 2, &record), APR_NOTFOUND);
    save_all(scene);
    check_all(scene);
}

static void test_another_layout_is_refused(void **state)
{
    static const unsigned char wrong = 0xff;
    static const off_t places[] = {0, 8, 18, 30, 65536, 65536 + 8, 65536 + 12, 65536 + 20};
    shared_scene *scene = *state;

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        unsigned char before;

        assert_int_equal(pread(scene->fd, &before, 1, places[i]), 1);
        assert_int_equal(pwrite(scene->fd, &wrong, 1, places[i]), 1);
        assert_int_equal(recover(scene), APR_EINVAL);
        assert_int_equal(pwrite(scene->fd, &before, 1, places[i]), 1);
        assert_int_equal(recover(scene), APR_SUCCESS);
    }
}

static ta_shared_head *head_of(const ta_shared_stripe *stripe, unsigned number)
{
    apr_uint64_t key[TA_SHARED_KEY_WORDS];

    shared_scene_key(number, (unsigned char *)key);
    return ta_shared_block_head(stripe, ta_shared_index_find(stripe, key));
}

/* Two records that are whole, one of which goes on in the blocks of the other: both would be freed
 * with one of them. */
static void test_a_block_of_two_records_is_of_one(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    ta_bytes record = shared_scene_record(scene->pool, 1, 1, 2000);
    unsigned char key[TA_STORE_KEY_LEN];
    ta_store_fill before, after;
    const ta_shared_head *first;
    ta_shared_head *own;

    assert_int_equal(shared_scene_save(scene, 1, 1, 2000, LATER), APR_SUCCESS);
    assert_int_equal(ta_shared_table_measure(scene->table, &before), APR_SUCCESS);
    shared_scene_key(2, key);
    assert_int_equal(
        ta_shared_table_save(scene->table, key, record, LATER, apr_time_from_sec(SCENE_NOW)),
        APR_SUCCESS);
    /* head → its own second block → the third one of the other, which says the same */
    first = ta_shared_block_head(stripe, head_of(stripe, 1)->next);
    own = ta_shared_block_head(stripe, head_of(stripe, 2)->next);
    own->next = first->next;
    assert_true(ta_shared_block_is_whole(stripe, head_of(stripe, 2)));
    assert_int_equal(recover(scene), APR_SUCCESS);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(shared_scene_load(scene, 2, &record), APR_NOTFOUND);
    assert_int_equal(ta_shared_table_measure(scene->table, &after), APR_SUCCESS);
    assert_int_equal(after.used_bytes, before.used_bytes);
    assert_int_equal(after.records, 1);
    /* and every block is found again: one that is nobody's would be missed at the very end */
    for (unsigned number = 0; number < 20000; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, 8, LATER), APR_SUCCESS);
    }
    save_all(scene);
    check_all(scene);
}

static void test_of_two_versions_of_a_record_the_newer_one_stays(void **state)
{
    shared_scene *scene = *state;
    ta_shared_entry entry = {.expiry = LATER, .stamp = apr_time_from_sec(SCENE_NOW) + 1};
    ta_store_fill before, after;
    ta_bytes record;

    assert_int_equal(shared_scene_save(scene, 1, 1, 2000, LATER), APR_SUCCESS);
    assert_int_equal(ta_shared_table_measure(scene->table, &before), APR_SUCCESS);
    /* written, but nothing leads to it yet, as if the process had died then */
    shared_scene_key(1, (unsigned char *)entry.key);
    entry.record = shared_scene_record(scene->pool, 1, 2, 2000);
    (void)ta_shared_block_write(&scene->table->stripes[0], &entry);
    assert_int_equal(recover(scene), APR_SUCCESS);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(shared_scene_version(record, 1), 2);
    assert_int_equal(ta_shared_table_measure(scene->table, &after), APR_SUCCESS);
    assert_int_equal(after.records, 1);
    assert_int_equal(after.used_bytes, before.used_bytes);
}

/* One whose blocks lead nowhere, and one that says to be longer than any and never ends. */
static void test_damaged_records_are_neither_replaced_nor_moved(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    unsigned seen = 0;
    unsigned char key[TA_STORE_KEY_LEN];
    ta_shared_search all = {
        .peek = 2000, .filter = wants_all, .visit = count_one, .context = &seen};
    ta_bytes record;

    save_all(scene);
    head_of(stripe, 5)->next = 0;
    head_of(stripe, 50)->len = 0x7fffffff;
    head_of(stripe, 50)->next = ta_shared_index_find(stripe, head_of(stripe, 50)->key);
    shared_scene_key(5, key);
    record = shared_scene_record(scene->pool, 5, 1, 2000);
    assert_int_equal(ta_shared_table_replace(scene->table, key, record, record, LATER,
                                             apr_time_from_sec(SCENE_NOW)),
                     APR_EAGAIN);
    assert_int_equal(
        ta_shared_table_search(scene->table, scene->pool, apr_time_from_sec(SCENE_NOW), &all),
        APR_SUCCESS);
    assert_int_equal(seen, NUMBERS - 1); /* without the one that cannot be looked into */
    assert_int_equal(ta_shared_file_resize(scene->fd, (apr_size_t)8 << 20, 0, &scene->table),
                     APR_SUCCESS);
    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record),
                         number == 5 || number == 50 ? APR_NOTFOUND : APR_SUCCESS);
    }
}

/* Somebody else was faster: the table stays, and nobody holds its locks. */
static void test_a_table_that_has_moved_does_not_move_again(void **state)
{
    shared_scene *scene = *state;
    ta_shared_table *before = scene->table;

    save_all(scene);
    before->header->forward_size = 1;
    assert_int_equal(ta_shared_file_resize(scene->fd, (apr_size_t)8 << 20, 0, &scene->table),
                     TA_SHARED_MOVED);
    assert_ptr_equal(scene->table, before);
    assert_int_equal(pthread_mutex_trylock(&before->stripes[0].header->mutex), 0);
    assert_int_equal(pthread_mutex_unlock(&before->stripes[0].header->mutex), 0);
    before->header->forward_size = 0;
    check_all(scene);
}

static void test_places_that_hold_no_table_are_refused(void **state)
{
    static const apr_uint64_t places[][2] = {
        {0, (apr_uint64_t)4 << 20},     {4096, (apr_uint64_t)2 << 20},
        {TA_SHARED_ALIGNMENT, 0},       {TA_SHARED_ALIGNMENT, TA_SHARED_MINIMUM - 1},
        {0, (apr_uint64_t)1 << 63},     {(apr_uint64_t)4 << 20, (apr_uint64_t)4 << 20},
        {(apr_uint64_t)1 << 63, 65536},
    };
    shared_scene *scene = *state;
    ta_shared_table *table;

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        assert_int_equal(
            ta_shared_table_map(scene->fd, places[i][0], (apr_size_t)places[i][1], &table),
            APR_EINVAL);
    }
}

/* What says of a device that it can be neither made longer nor mapped. */
static void test_what_is_no_file_is_an_error(void **state)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    ta_shared_table *table = NULL;
    apr_uint64_t offset;

    (void)state;
    assert_true(fd >= 0);
    assert_int_not_equal(ta_shared_file_make(fd, TA_SHARED_MINIMUM, 0, &table), APR_SUCCESS);
    assert_int_not_equal(ta_shared_table_make(fd, TA_SHARED_ALIGNMENT, TA_SHARED_MINIMUM, &table),
                         APR_SUCCESS);
    assert_int_equal(ta_shared_file_map(fd, &table, &offset), APR_EINVAL);
    assert_int_equal(ta_shared_file_resize(fd, TA_SHARED_MINIMUM, 0, &table), APR_EGENERAL);
    assert_null(table);
    close(fd);
}

/* On a disk: the room is taken at once, and where there is not so much, nothing changes. */
static void test_room_on_the_disk_is_reserved_or_refused(void **state)
{
    shared_scene *scene = *state;
    FILE *file = tmpfile();
    int fd = file ? fileno(file) : -1;
    ta_shared_table *memory = scene->table, *made = NULL;
    struct statvfs disk;
    struct stat before, after;

    assert_true(fd >= 0);
    assert_int_equal(ta_shared_file_make(fd, (apr_size_t)4 << 20, 1, &scene->table), APR_SUCCESS);
    save_all(scene);
    assert_int_equal(fstat(fd, &before), 0);
    assert_true((apr_size_t)before.st_blocks * 512 >= (apr_size_t)4 << 20);
    assert_int_equal(fstatvfs(fd, &disk), 0);
    made = scene->table;
    assert_int_not_equal(
        ta_shared_file_resize(fd, (disk.f_bavail + 100000) * disk.f_frsize, 1, &scene->table),
        APR_SUCCESS);
    assert_ptr_equal(scene->table, made);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    check_all(scene);
    ta_shared_table_unmap(scene->table);
    scene->table = memory;
    (void)fclose(file);
}

/* Without room in the address space, say; here the table is one that moved before. */
static void test_what_cannot_move_leaves_the_file_as_long_as_it_was(void **state)
{
    shared_scene *scene = *state;
    struct stat before, after;

    assert_int_equal(fstat(scene->fd, &before), 0);
    scene->table->header->forward_size = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(
            ta_shared_file_resize(scene->fd, (apr_size_t)8 << 20, 0, &scene->table), APR_SUCCESS);
    }
    assert_int_equal(fstat(scene->fd, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_blocks, before.st_blocks);
    scene->table->header->forward_size = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_crash_before_the_new_table_counts,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_crash_in_the_middle_of_a_change, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_damaged_blocks_are_records_less, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_crash_before_the_table_moves, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_crash_when_the_table_has_moved, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_table_does_not_move_out_of_the_file,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_block_that_was_never_used_is_nobodys,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_another_layout_is_refused, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_block_of_two_records_is_of_one, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_of_two_versions_of_a_record_the_newer_one_stays,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_damaged_records_are_neither_replaced_nor_moved,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_table_that_has_moved_does_not_move_again,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_places_that_hold_no_table_are_refused,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_is_an_error, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_what_cannot_move_leaves_the_file_as_long_as_it_was,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_room_on_the_disk_is_reserved_or_refused,
                                        shared_scene_begin, shared_scene_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
