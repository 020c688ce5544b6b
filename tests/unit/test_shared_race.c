/*
 * The shared table with many threads and processes at once, some of which are killed: no reader
 * ever gets half a record, no change is lost, nobody waits for the dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session/shared_index.h"
#include "shared_scene.h"

#define LATER     (SCENE_NOW + 1000)
#define NUMBERS   32
#define THREADS   4
#define ROUNDS    3000
#define PROCESSES 4
#define KILLS     300

/* Lengths of one block, some, and many. */
static apr_size_t length_of(unsigned number, unsigned version)
{
    return 8 + (number * 977 + version * 331) % 5000;
}

static ta_bytes record_of(apr_pool_t *p, unsigned number, unsigned version)
{
    return shared_scene_record(p, number, version, length_of(number, version));
}

/* One who reads and writes: what it does is its own row of random numbers. */
typedef struct worker {
    ta_shared_table *table;
    apr_uint64_t seed;
    unsigned rounds;
    unsigned *counter; /* shared: how many replaced record 0 */
    unsigned faults;
    unsigned reads;
} worker;

/* Adds one to the version of record 0, by comparing and swapping. */
static void count_up(worker *w, apr_pool_t *p)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_time_t now = apr_time_from_sec(SCENE_NOW);
    ta_bytes record;
    int version;

    shared_scene_key(0, key);
    if (ta_shared_table_load(w->table, p, key, now, NULL, &record) != APR_SUCCESS) {
        w->faults++;
        return;
    }
    version = shared_scene_version(record, 0);
    w->faults += version < 0;
    if (ta_shared_table_replace(w->table, key, record, record_of(p, 0, (unsigned)version + 1),
                                LATER, now) == APR_SUCCESS) {
        __atomic_add_fetch(w->counter, 1, __ATOMIC_RELAXED);
    }
}

static void read_one(worker *w, apr_pool_t *p, unsigned number)
{
    unsigned char key[TA_STORE_KEY_LEN];
    ta_bytes record;
    apr_status_t rv;
    int version;

    shared_scene_key(number, key);
    rv = ta_shared_table_load(w->table, p, key, apr_time_from_sec(SCENE_NOW), NULL, &record);
    if (rv == APR_SUCCESS) {
        version = shared_scene_version(record, number);
        w->faults += version < 0 || record.len != length_of(number, (unsigned)version);
        w->reads++;
    } else {
        w->faults += rv != APR_NOTFOUND;
    }
}

static void change_one(worker *w, apr_pool_t *p, unsigned number)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_time_t now = apr_time_from_sec(SCENE_NOW);

    shared_scene_key(number, key);
    if (shared_scene_random(&w->seed, 4) == 0) {
        w->faults += ta_shared_table_remove(w->table, key) != APR_SUCCESS;
    } else {
        w->faults += ta_shared_table_save(w->table, key,
                                          record_of(p, number, shared_scene_random(&w->seed, 1000)),
                                          LATER, now) != APR_SUCCESS;
    }
}

static void work(worker *w)
{
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    for (unsigned i = 0; i < w->rounds; i++) {
        unsigned number = 1 + shared_scene_random(&w->seed, NUMBERS - 1);

        switch (shared_scene_random(&w->seed, 4)) {
        case 0:
            count_up(w, p);
            break;
        case 1:
            change_one(w, p, number);
            break;
        default:
            read_one(w, p, number);
        }
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
}

static void *run_thread(void *context)
{
    work(context);
    return NULL;
}

/* What processes share beside the table. */
typedef struct board {
    unsigned counter;
    unsigned faults;
    unsigned reads;
} board;

static board *make_board(void)
{
    void *memory =
        mmap(NULL, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static int version_of_first(shared_scene *scene)
{
    ta_bytes record;

    assert_int_equal(shared_scene_load(scene, 0, &record), APR_SUCCESS);
    return shared_scene_version(record, 0);
}

static void begin_counting(shared_scene *scene)
{
    assert_int_equal(shared_scene_save(scene, 0, 0, length_of(0, 0), LATER), APR_SUCCESS);
}

static void test_threads_see_whole_records(void **state)
{
    shared_scene *scene = *state;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    unsigned counter = 0;
    unsigned reads = 0;

    begin_counting(scene);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] =
            (worker){.table = scene->table, .seed = i + 1, .rounds = ROUNDS, .counter = &counter};
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].faults, 0);
        reads += workers[i].reads;
    }
    assert_true(reads > ROUNDS);
    assert_int_equal(version_of_first(scene), counter);
}

/* A child that works until its rounds are over; its findings are on the board. */
static pid_t start_worker(shared_scene *scene, board *shared, apr_uint64_t seed, unsigned rounds)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        worker w = {
            .table = scene->table, .seed = seed, .rounds = rounds, .counter = &shared->counter};

        work(&w);
        __atomic_add_fetch(&shared->faults, w.faults, __ATOMIC_RELAXED);
        __atomic_add_fetch(&shared->reads, w.reads, __ATOMIC_RELAXED);
        _exit(0);
    }
    return pid;
}

static void wait_for(pid_t pid, int expected_signal)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (expected_signal) {
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == expected_signal);
    } else {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

/* While processes of an old generation work on, the table moves from size to size. */
static void test_processes_lose_nothing_while_it_moves(void **state)
{
    shared_scene *scene = *state;
    board *shared = make_board();
    pid_t pids[PROCESSES];

    begin_counting(scene);
    for (unsigned i = 0; i < PROCESSES; i++) {
        pids[i] = start_worker(scene, shared, 100 + i, ROUNDS * 3);
    }
    for (unsigned i = 0; i < 20; i++) {
        apr_size_t size = (apr_size_t)(i % 2 ? 4 : 12) << 20;

        assert_int_equal(ta_shared_file_resize(scene->fd, size, 0, &scene->table), APR_SUCCESS);
        usleep(2000);
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        wait_for(pids[i], 0);
    }
    assert_int_equal(shared->faults, 0);
    assert_true(shared->reads > 0);
    assert_int_equal(version_of_first(scene), shared->counter);
    munmap(shared, sizeof(*shared));
}

/* Every record that can be found is whole, and the counts are those of what is there. */
static void check_table(shared_scene *scene)
{
    ta_store_fill fill;
    unsigned found = 0;

    for (unsigned number = 0; number < NUMBERS; number++) {
        ta_bytes record;
        apr_status_t rv = shared_scene_load(scene, number, &record);

        assert_true(rv == APR_SUCCESS || rv == APR_NOTFOUND);
        if (rv == APR_SUCCESS) {
            int version = shared_scene_version(record, number);

            assert_true(version >= 0 && record.len == length_of(number, (unsigned)version));
            found++;
        }
    }
    assert_int_equal(ta_shared_table_measure(scene->table, &fill), APR_SUCCESS);
    assert_int_equal(fill.records, found);
}

static void test_killed_processes_stop_nobody(void **state)
{
    shared_scene *scene = *state;
    board *shared = make_board();
    apr_uint64_t seed = 7;
    unsigned mended = 0;

    begin_counting(scene);
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t victim = start_worker(scene, shared, 1000 + i, 1000000);

        usleep(200 + shared_scene_random(&seed, 2000));
        kill(victim, SIGKILL);
        wait_for(victim, SIGKILL);
        mended += ta_shared_get32(&scene->table->stripes[0].header->sequence) & 1;
        /* a living process goes on at once */
        wait_for(start_worker(scene, shared, 5000 + i, 20), 0);
        check_table(scene);
        /* between the swap and the count a process may have been killed: never the other way */
        assert_true((unsigned)version_of_first(scene) >= shared->counter);
    }
    print_message("%u of %d were killed in the middle of a change\n", mended, KILLS);
    assert_true(mended > 0);
    assert_int_equal(shared->faults, 0);
    munmap(shared, sizeof(*shared));
}

/* One that was stopped in the middle of a change: readers wait for it, and for nothing else once
 * it is dead. */
static void test_a_holder_that_dies_leaves_the_lock(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    ta_bytes record;
    pid_t pid;

    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, 3000, LATER), APR_SUCCESS);
    }
    pid = fork();
    if (pid == 0) {
        /* dies with the mutex, everything that leads to records overwritten */
        ta_shared_stripe_lock(stripe);
        ta_shared_begin_change(&stripe->header->sequence);
        memset(stripe->buckets, 0xff, ((size_t)stripe->bucket_mask + 1) * 4);
        memset(stripe->heap, 0xff, 1000);
        stripe->header->free = stripe->header->oldest = stripe->header->newest = 77;
        raise(SIGKILL);
    }
    wait_for(pid, SIGKILL);
    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record), APR_SUCCESS);
        assert_int_equal(shared_scene_version(record, number), 1);
    }
    assert_int_equal(shared_scene_save(scene, 1, 2, 3000, LATER), APR_SUCCESS);
}

/* One that dies with the lock before it changed anything: there is nothing to mend. */
static void test_a_holder_that_dies_before_a_change_leaves_the_lock(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    apr_uint32_t sequence;
    ta_bytes record;
    pid_t pid;

    assert_int_equal(shared_scene_save(scene, 1, 1, 3000, LATER), APR_SUCCESS);
    sequence = ta_shared_get32(&stripe->header->sequence);
    pid = fork();
    if (pid == 0) {
        ta_shared_stripe_lock(stripe);
        raise(SIGKILL);
    }
    wait_for(pid, SIGKILL);
    assert_int_equal(ta_shared_stripe_lock(stripe), APR_SUCCESS);
    ta_shared_stripe_unlock(stripe);
    assert_int_equal(ta_shared_get32(&stripe->header->sequence), sequence);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(shared_scene_save(scene, 1, 2, 3000, LATER), APR_SUCCESS);
}

/* A reader that is led in a circle gives up, and has the stripe put in order. */
static void test_a_chain_without_an_end_is_mended(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    apr_uint64_t keys[2][TA_SHARED_KEY_WORDS];
    apr_uint32_t first;
    ta_bytes record;

    assert_int_equal(shared_scene_save(scene, 1, 1, 3000, LATER), APR_SUCCESS);
    shared_scene_key(1, (unsigned char *)keys[0]);
    shared_scene_key(2, (unsigned char *)keys[1]);
    first = ta_shared_index_find(stripe, keys[0]);
    ta_shared_block_head(stripe, first)->chain = first;
    *ta_shared_index_bucket(stripe, keys[1]) = first;
    assert_int_equal(shared_scene_load(scene, 2, &record), APR_NOTFOUND);
    assert_int_equal(shared_scene_load(scene, 1, &record), APR_SUCCESS);
    assert_int_equal(ta_shared_block_head(stripe, first)->chain, 0);
}

/* Nothing that lies in the memory makes a reader run away or read what is not there. */
static void test_readers_trust_nothing(void **state)
{
    shared_scene *scene = *state;
    const ta_shared_stripe *stripe = &scene->table->stripes[0];
    apr_size_t len = (apr_size_t)200 * stripe->block_bytes;
    unsigned char *whole = malloc(len);
    apr_uint64_t seed = 3;
    ta_bytes record;

    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_save(scene, number, 1, length_of(number, 1), LATER),
                         APR_SUCCESS);
    }
    memcpy(whole, stripe->blocks, len);
    for (unsigned i = 0; i < 2000; i++) {
        for (unsigned j = 0; j < 20; j++) {
            stripe->blocks[shared_scene_random(&seed, (unsigned)len)] ^=
                (unsigned char)(1 + shared_scene_random(&seed, 255));
        }
        for (unsigned number = 0; number < NUMBERS; number++) {
            apr_status_t rv = shared_scene_load(scene, number, &record);

            assert_true(rv == APR_SUCCESS || rv == APR_NOTFOUND || rv == APR_EGENERAL);
        }
        memcpy(stripe->blocks, whole, len);
        assert_int_equal(ta_shared_table_mend(scene->table), APR_SUCCESS);
        apr_pool_clear(scene->pool);
    }
    for (unsigned number = 0; number < NUMBERS; number++) {
        assert_int_equal(shared_scene_load(scene, number, &record), APR_SUCCESS);
        assert_int_equal(shared_scene_version(record, number), 1);
    }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads_see_whole_records, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_processes_lose_nothing_while_it_moves,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_killed_processes_stop_nobody, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_holder_that_dies_leaves_the_lock, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_holder_that_dies_before_a_change_leaves_the_lock,
                                        shared_scene_begin, shared_scene_end),
        cmocka_unit_test_setup_teardown(test_a_chain_without_an_end_is_mended, shared_scene_begin,
                                        shared_scene_end),
        cmocka_unit_test_setup_teardown(test_readers_trust_nothing, shared_scene_begin,
                                        shared_scene_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
