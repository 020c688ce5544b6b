/*
 * Tables, keys and records for the tests of the shared table.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <apr_general.h>

#include "shared_scene.h"
#include "util/secret.h"

static void make_table(shared_scene *scene, apr_size_t size)
{
    scene->fd = memfd_create("tinyauth-test", MFD_CLOEXEC);
    assert_true(scene->fd >= 0);
    assert_int_equal(ta_shared_file_make(scene->fd, size, 0, &scene->table), APR_SUCCESS);
}

int shared_scene_begin(void **state)
{
    shared_scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    apr_initialize();
    apr_pool_create(&scene->pool, NULL);
    make_table(scene, (apr_size_t)4 * 1024 * 1024);
    *state = scene;
    return 0;
}

int shared_scene_end(void **state)
{
    shared_scene *scene = *state;

    ta_shared_table_unmap(scene->table);
    close(scene->fd);
    apr_pool_destroy(scene->pool);
    free(scene);
    return 0;
}

void shared_scene_resize(shared_scene *scene, apr_size_t size)
{
    ta_shared_table_unmap(scene->table);
    close(scene->fd);
    make_table(scene, size);
}

void shared_scene_key(unsigned number, unsigned char key[TA_STORE_KEY_LEN])
{
    assert_int_equal(ta_secret_sha256(&number, sizeof(number), key), APR_SUCCESS);
}

/* The byte of a record at a place. */
static unsigned char byte_at(unsigned number, unsigned version, apr_size_t at)
{
    return (unsigned char)(number * 31 + version * 7 + at);
}

ta_bytes shared_scene_record(apr_pool_t *p, unsigned number, unsigned version, apr_size_t len)
{
    unsigned char *data = apr_palloc(p, len + 8);

    memcpy(data, &number, 4);
    memcpy(data + 4, &version, 4);
    for (apr_size_t i = 8; i < len; i++) {
        data[i] = byte_at(number, version, i);
    }
    return (ta_bytes){data, len};
}

int shared_scene_version(ta_bytes record, unsigned number)
{
    unsigned whose;
    unsigned version;

    if (record.len < 8) {
        return -1;
    }
    memcpy(&whose, record.data, 4);
    memcpy(&version, record.data + 4, 4);
    if (whose != number) {
        return -1;
    }
    for (apr_size_t i = 8; i < record.len; i++) {
        if (record.data[i] != byte_at(number, version, i)) {
            return -1;
        }
    }
    return (int)version;
}

apr_status_t shared_scene_save(shared_scene *scene, unsigned number, unsigned version,
                               apr_size_t len, apr_int64_t expiry)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_pool_t *tmp;
    apr_status_t rv;

    apr_pool_create(&tmp, scene->pool);
    shared_scene_key(number, key);
    rv = ta_shared_table_save(scene->table, key, shared_scene_record(tmp, number, version, len),
                              expiry, apr_time_from_sec(SCENE_NOW));
    apr_pool_destroy(tmp);
    return rv;
}

apr_status_t shared_scene_load(shared_scene *scene, unsigned number, ta_bytes *record)
{
    unsigned char key[TA_STORE_KEY_LEN];

    shared_scene_key(number, key);
    return ta_shared_table_load(scene->table, scene->pool, key, apr_time_from_sec(SCENE_NOW), NULL,
                                record);
}

unsigned shared_scene_random(apr_uint64_t *seed, unsigned limit)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(*seed >> 33) % limit;
}
