/*
 * Fills the file of a stopped httpd's session store with many more logins, copies of the one that
 * is in it: same length, other key and user. So the store is as full as after so many logins.
 *
 *     fill_store FILE COUNT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "session/record.h"
#include "session/shared_file.h"
#include "session/shared_store.h"

#define LIFETIME 86400

struct template
{
    apr_pool_t *pool;
    ta_bytes bytes;
};

static apr_status_t take_first(void *context, const unsigned char *key, ta_bytes record)
{
    struct template *template = context;

    (void)key;
    template->bytes.data = apr_pmemdup(template->pool, record.data, record.len);
    template->bytes.len = record.len;
    return APR_EOF;
}

static apr_status_t save_copies(const ta_store *store, apr_pool_t *p, ta_record *record, long count)
{
    apr_int64_t now = apr_time_sec(apr_time_now());
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *tmp;

    apr_pool_create(&tmp, p);
    for (long i = 0; i < count && rv == APR_SUCCESS; i++) {
        unsigned char key[TA_STORE_KEY_LEN];
        ta_bytes bytes;

        rv = ta_secret_random(key, sizeof(key));
        memcpy(record->subject_index, key, sizeof(key));
        record->last_used = now;
        if (rv == APR_SUCCESS) {
            rv = ta_record_write(tmp, record, &bytes);
        }
        if (rv == APR_SUCCESS) {
            rv = store->save(store->context, tmp, key, bytes, now + LIFETIME);
        }
        apr_pool_clear(tmp);
    }
    return rv;
}

static int fill(apr_pool_t *p, const char *file, long count)
{
    ta_shared_store store = {.now = apr_time_now};
    struct template template = {.pool = p};
    int fd = open(file, O_RDWR | O_CLOEXEC);
    apr_uint64_t offset;
    ta_store_fill full;
    ta_record record;
    apr_status_t rv;

    rv = fd < 0 ? APR_FROM_OS_ERROR(errno) : ta_shared_file_map(fd, &store.table, &offset);
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "%s holds no session store (%d)\n", file, rv);
        return 1;
    }
    ta_shared_store_init(&store);
    (void)store.port.iterate(store.port.context, p, take_first, &template);
    if (!template.bytes.data || ta_record_read(template.bytes, &record) != APR_SUCCESS) {
        fprintf(stderr, "%s holds no login to copy\n", file);
        return 1;
    }
    rv = save_copies(&store.port, p, &record, count);
    if (rv != APR_SUCCESS || ta_shared_table_measure(store.table, &full) != APR_SUCCESS) {
        fprintf(stderr, "%s cannot be filled (%d)\n", file, rv);
        return 1;
    }
    printf("%lu sessions of %lu bytes, %lu dropped\n", (unsigned long)full.records,
           (unsigned long)template.bytes.len, (unsigned long)full.evicted);
    ta_shared_table_unmap(store.table);
    return full.evicted ? 1 : 0;
}

int main(int argc, char **argv)
{
    apr_pool_t *p;
    int result;

    if (argc != 3 || atol(argv[2]) < 1) {
        fprintf(stderr, "usage: %s FILE COUNT\n", argv[0]);
        return 2;
    }
    apr_initialize();
    apr_pool_create(&p, NULL);
    result = fill(p, argv[1], atol(argv[2]));
    apr_terminate();
    return result;
}
