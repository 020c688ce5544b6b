/*
 * What the tests of the shared table have in common: a table in memory without a name, keys and
 * records that follow from a number, and how to tell whose record it is that was read.
 */
#ifndef TA_TESTS_SHARED_SCENE_H
#define TA_TESTS_SHARED_SCENE_H

#include "session/shared_file.h"

#define SCENE_NOW ((apr_int64_t)1700000000) /* seconds since 1970 */

typedef struct shared_scene {
    apr_pool_t *pool;
    int fd;
    ta_shared_table *table;
} shared_scene;

/* cmocka's set-up and teardown; the table has 4 MB. */
int shared_scene_begin(void **state);
int shared_scene_end(void **state);

/* Replaces the table of a scene by an empty one of this size. */
void shared_scene_resize(shared_scene *scene, apr_size_t size);

/* The key of a number. */
void shared_scene_key(unsigned number, unsigned char key[TA_STORE_KEY_LEN]);

/* A record that says of every one of its bytes whose it is: of a number, in a version. */
ta_bytes shared_scene_record(apr_pool_t *p, unsigned number, unsigned version, apr_size_t len);

/* The version of a record, or -1 where it is not wholly one of this number. */
int shared_scene_version(ta_bytes record, unsigned number);

/* Calls of the table by number; what must not fail fails the test. */
apr_status_t shared_scene_save(shared_scene *scene, unsigned number, unsigned version,
                               apr_size_t len, apr_int64_t expiry);
apr_status_t shared_scene_load(shared_scene *scene, unsigned number, ta_bytes *record);

/* A random number below `limit`, the same row of them for the same seed. */
unsigned shared_scene_random(apr_uint64_t *seed, unsigned limit);

#endif
