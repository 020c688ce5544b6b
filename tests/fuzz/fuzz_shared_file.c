/*
 * The file of a shared table that somebody else wrote in: it is refused or mended, and after
 * that every call ends and every record that is found is, byte for byte, one that was saved.
 * The input is a row of orders of 8 bytes, each of which changes one word of a good file.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared_scene.h"

#define RECORDS     24
#define TABLE_BYTES TA_SHARED_MINIMUM
#define FILE_BYTES  (TA_SHARED_ALIGNMENT + TABLE_BYTES)
#define LATER       (SCENE_NOW + 1000)

typedef struct order {
    unsigned char place; /* what to change … */
    unsigned char field; /* … which word of it … */
    unsigned char index; /* … of which one */
    unsigned char form;  /* small, as it is; large, shifted up */
    apr_uint32_t value;
} order;

/* A good file, made once. */
static const unsigned char *good_file(void)
{
    static unsigned char bytes[FILE_BYTES];
    static int is_made;
    shared_scene scene = {.fd = memfd_create("tinyauth-fuzz", MFD_CLOEXEC)};

    if (is_made) {
        close(scene.fd);
        return bytes;
    }
    FUZZ_HOLDS(apr_pool_create(&scene.pool, NULL) == APR_SUCCESS);
    FUZZ_HOLDS(ta_shared_file_make(scene.fd, TABLE_BYTES, 0, &scene.table) == APR_SUCCESS);
    for (unsigned number = 0; number < RECORDS; number++) {
        FUZZ_HOLDS(shared_scene_save(&scene, number, 1, 40 + (apr_size_t)number * 40,
                                     number % 5 ? LATER : -1) == APR_SUCCESS);
        if (number % 7 == 0) {
            unsigned char key[TA_STORE_KEY_LEN];

            shared_scene_key(number, key);
            FUZZ_HOLDS(ta_shared_table_claim(scene.table, key, LATER, APR_INT64_MAX) ==
                       APR_SUCCESS);
        }
    }
    FUZZ_HOLDS(pread(scene.fd, bytes, FILE_BYTES, 0) == (ssize_t)FILE_BYTES);
    is_made = 1;
    ta_shared_table_unmap(scene.table);
    close(scene.fd);
    apr_pool_destroy(scene.pool);
    return bytes;
}

/* A word of 4 bytes of something that begins at an address; in its bounds whatever the number. */
static void set_word(void *base, apr_size_t words, const order *given)
{
    apr_uint32_t value = given->form & 1 ? given->value << 16 : given->value;

    memcpy((unsigned char *)base + given->field % words * 4, &value, 4);
}

static void obey(int fd, ta_shared_table *table, const order *given)
{
    const ta_shared_stripe *stripe = &table->stripes[given->form & 2 ? table->stripe_count : 0];
    unsigned char super[32];

    switch (given->place % 6) {
    case 0: /* the first bytes of the file */
        FUZZ_HOLDS(pread(fd, super, sizeof(super), 0) == sizeof(super));
        set_word(super, sizeof(super) / 4, given);
        FUZZ_HOLDS(pwrite(fd, super, sizeof(super), 0) == sizeof(super));
        break;
    case 1:
        set_word(table->header, sizeof(*table->header) / 4, given);
        break;
    case 2:
        set_word(stripe->header, sizeof(*stripe->header) / 4, given);
        break;
    case 3:
        set_word(stripe->blocks + (apr_size_t)given->index * stripe->block_bytes,
                 sizeof(ta_shared_head) / 4 + 4, given);
        break;
    case 4:
        stripe->buckets[given->value % (stripe->bucket_mask + 1)] = given->index;
        break;
    default: /* a table moves whole */
        table->header->forward_offset = (apr_uint64_t)given->field * TA_SHARED_ALIGNMENT;
        table->header->forward_size = given->value;
        break;
    }
}

/* What the ways through a table that others use all the time must survive. */
static apr_status_t no_visit(void *context, const unsigned char *key)
{
    int *count = context;

    FUZZ_HOLDS(key);
    ++*count;
    return APR_SUCCESS;
}

static int take_all(void *context, ta_bytes bytes)
{
    (void)context, (void)bytes;
    return 1;
}

static void load_all(shared_scene *scene, int version)
{
    for (unsigned number = 0; number < RECORDS; number++) {
        ta_bytes record;
        apr_status_t rv = shared_scene_load(scene, number, &record);

        FUZZ_HOLDS(rv == APR_SUCCESS || rv == APR_NOTFOUND);
        if (rv == APR_SUCCESS) {
            int found = shared_scene_version(record, number);

            FUZZ_HOLDS(found == 1 || found == version);
        }
    }
}

static void use(shared_scene *scene)
{
    ta_shared_search search = {.peek = 64, .filter = take_all, .visit = no_visit};
    unsigned char key[TA_STORE_KEY_LEN];
    ta_store_fill fill;
    int count = 0;

    load_all(scene, 1);
    search.context = &count;
    FUZZ_HOLDS(ta_shared_table_search(scene->table, scene->pool, apr_time_from_sec(SCENE_NOW),
                                      &search) == APR_SUCCESS);
    FUZZ_HOLDS(count <= RECORDS);
    for (unsigned number = 0; number < RECORDS; number += 2) {
        FUZZ_HOLDS(shared_scene_save(scene, number, 2, 3000, LATER) == APR_SUCCESS);
    }
    load_all(scene, 2);
    shared_scene_key(1, key);
    FUZZ_HOLDS(ta_shared_table_remove(scene->table, key) == APR_SUCCESS);
    (void)ta_shared_table_claim(scene->table, key, LATER, apr_time_from_sec(SCENE_NOW));
    FUZZ_HOLDS(ta_shared_table_claim(scene->table, key, LATER, apr_time_from_sec(SCENE_NOW)) ==
               APR_EEXIST);
    FUZZ_HOLDS(ta_shared_table_measure(scene->table, &fill) == APR_SUCCESS);
    FUZZ_HOLDS(fill.records <= 2 * RECORDS && fill.used_bytes <= fill.capacity_bytes);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    shared_scene scene = {.pool = p, .fd = memfd_create("tinyauth-fuzz", MFD_CLOEXEC)};
    apr_uint64_t offset;
    int is_first;

    FUZZ_HOLDS(pwrite(scene.fd, good_file(), FILE_BYTES, 0) == (ssize_t)FILE_BYTES);
    FUZZ_HOLDS(ta_shared_file_map(scene.fd, &scene.table, &offset) == APR_SUCCESS);
    for (; input.len >= sizeof(order); input.data += sizeof(order), input.len -= sizeof(order)) {
        order given;

        memcpy(&given, input.data, sizeof(given));
        obey(scene.fd, scene.table, &given);
    }
    ta_shared_table_unmap(scene.table);
    if (input.len == 1) { /* cut short */
        FUZZ_HOLDS(ftruncate(scene.fd, (off_t)input.data[0] * 4096) == 0);
    }
    if (ta_shared_file_recover(scene.fd, &scene.table, &is_first) == APR_SUCCESS) {
        use(&scene);
        FUZZ_HOLDS(ta_shared_file_resize(scene.fd, 2 * TABLE_BYTES, 0, &scene.table) ==
                   APR_SUCCESS);
        load_all(&scene, 2);
        ta_shared_table_unmap(scene.table);
    }
    close(scene.fd);
}
