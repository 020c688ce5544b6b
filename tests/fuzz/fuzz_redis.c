/*
 * What a Redis server answers. A reply is whole, or there is none; what it says is one line in
 * the log.
 *
 *     one byte: so many bytes arrive at a time
 *     the answers, one after another
 */
#include "fuzz.h"

#include <string.h>

#include "fed_stream.h"
#include "net/redis.h"

#define COMMANDS 4

static void check_line(void *context, ta_log_level level, apr_status_t status, const char *line)
{
    (void)context, (void)level, (void)status;
    FUZZ_HOLDS(fuzz_is_one_line(line));
}

static void check_reply(const ta_redis_reply *reply, int depth)
{
    FUZZ_HOLDS(depth < 16);
    switch (reply->kind) {
    case TA_REDIS_ARRAY:
        FUZZ_HOLDS(reply->count >= 0 && reply->count <= 8192);
        for (int i = 0; i < reply->count; i++) {
            FUZZ_HOLDS(reply->items[i]);
            check_reply(reply->items[i], depth + 1);
        }
        break;
    case TA_REDIS_BYTES:
    case TA_REDIS_STATUS:
    case TA_REDIS_ERROR:
        FUZZ_HOLDS(reply->bytes.data && reply->bytes.data[reply->bytes.len] == '\0');
        break;
    case TA_REDIS_NIL:
    case TA_REDIS_INTEGER:
        FUZZ_HOLDS(!reply->bytes.data && !reply->count);
        break;
    }
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const ta_log log = {.write = check_line};
    ta_redis_settings settings = {
        .peer = {.name = "server", .host = "server", .port = 6379, .timeout = 100},
        .password = "password",
        .database = 1,
    };
    ta_bytes words[] = {{(const unsigned char *)"GET", 3}, {(const unsigned char *)"a", 1}};
    ta_redis *redis;

    if (!input.len) {
        return;
    }
    fed_stream_set((ta_bytes){input.data + 1, input.len - 1}, input.data[0]);
    FUZZ_HOLDS(ta_redis_make(p, &settings, &log, &redis) == APR_SUCCESS);
    for (int i = 0; i < COMMANDS; i++) {
        ta_redis_reply *reply = NULL;

        if (ta_redis_call(redis, p, words, 2, &reply) == APR_SUCCESS) {
            FUZZ_HOLDS(reply);
            check_reply(reply, 0);
            FUZZ_HOLDS(ta_redis_explain(redis, p, reply) != APR_SUCCESS);
        }
        settings.password = NULL; /* further ones begin with less of a greeting */
        settings.database = 0;
    }
}
