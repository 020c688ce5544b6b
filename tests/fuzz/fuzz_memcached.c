/*
 * What a memcached server answers. Values are whole and those that were asked for, or there are
 * none; what the server says is one line in the log.
 *
 *     one byte: so many bytes arrive at a time
 *     the answers, one after another
 */
#include "fuzz.h"

#include <string.h>

#include "fed_stream.h"
#include "net/memcached.h"

static void check_line(void *context, ta_log_level level, apr_status_t status, const char *line)
{
    (void)context, (void)level, (void)status;
    FUZZ_HOLDS(fuzz_is_one_line(line));
}

static void get(ta_memcached *memcached, apr_pool_t *p)
{
    static const char *const names[] = {"one", "two"};
    ta_memcached_value values[2];

    if (ta_memcached_get(memcached, p, names, 2, values) != APR_SUCCESS) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        FUZZ_HOLDS(values[i].bytes.len <= TA_MEMCACHED_VALUE_BYTES);
        FUZZ_HOLDS(values[i].bytes.data || (!values[i].bytes.len && !values[i].mark));
        FUZZ_HOLDS(!values[i].bytes.data ||
                   memcmp(values[i].bytes.data + values[i].bytes.len, "\r\n", 2) == 0);
    }
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const ta_log log = {.write = check_line};
    const ta_peer_settings settings = {
        .name = "server", .host = "server", .port = 11211, .timeout = 100};
    const ta_memcached_value value = {.bytes = {(const unsigned char *)"v", 1}, .mark = 7};
    ta_memcached *memcached;

    if (!input.len) {
        return;
    }
    fed_stream_set((ta_bytes){input.data + 1, input.len - 1}, input.data[0]);
    FUZZ_HOLDS(ta_memcached_make(p, &settings, &log, &memcached) == APR_SUCCESS);
    get(memcached, p);
    for (int when = TA_MEMCACHED_ALWAYS; when <= TA_MEMCACHED_IF_SAME; when++) {
        (void)ta_memcached_put(memcached, p, (ta_memcached_when)when, "one", &value, WORLD_NOW);
    }
    (void)ta_memcached_remove(memcached, p, "one");
    get(memcached, p);
}
