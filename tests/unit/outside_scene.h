/*
 * A cache in memory, and a store of sessions in it.
 */
#ifndef TA_TESTS_OUTSIDE_SCENE_H
#define TA_TESTS_OUTSIDE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_hash.h>

#include "session/outside_store.h"
#include "session/record.h"

#define NOW      1800000000
#define LIFETIME 604800
#define USER     "somebody@example.com"

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, outside_scene_setup, outside_scene_teardown)

/* A cache in memory. Names of its rooms have the room's letter in front. */
typedef struct outside_scene {
    apr_pool_t *pool;
    apr_hash_t *values;  /* name → ta_bytes */
    apr_hash_t *expiry;  /* name → apr_int64_t */
    apr_status_t status; /* what everything returns, unless APR_SUCCESS */
    ta_cache port;
    ta_store *store;
    ta_seal_key key;
} outside_scene;

int outside_scene_begin(void **state);
int outside_scene_setup(void **state);
int outside_scene_teardown(void **state);

/** A key or an index: 32 times one byte. */
const unsigned char *outside_scene_key(const outside_scene *m, int byte);

/** A login of user 'U' with sid 'S', or a further host of the login at a key. */
ta_bytes outside_scene_record(const outside_scene *m, int parent, apr_int64_t created);

/** The functions of the store, on such keys. */
void outside_scene_save(outside_scene *m, int at, ta_bytes record);
apr_status_t outside_scene_load(const outside_scene *m, int at, ta_bytes *record, ta_bytes *parent);
apr_status_t outside_scene_load_only(const outside_scene *m, int at);
apr_status_t outside_scene_replace(const outside_scene *m, int at, ta_bytes expected,
                                   ta_bytes record);
apr_status_t outside_scene_claim(const outside_scene *m, int at);
apr_status_t outside_scene_check_claim(const outside_scene *m, int at);

/** Ends by an index: 'S' is a sid, everything else a user; or by both. */
apr_status_t outside_scene_end_all(const outside_scene *m, int index, apr_int64_t now, int *count);
apr_status_t outside_scene_end_both(const outside_scene *m, int subject, int sid, apr_int64_t now,
                                    int *count);

/** One of the values in a room ('r', 'c' or 's'), counted from 0. */
ta_bytes *outside_scene_value(const outside_scene *m, char room, int number);

#endif
