/*
 * The protocol of Redis (RESP 2): commands as hiredis writes them, replies as hiredis reads
 * them, out of bytes that are not trusted.
 */
#include "net/redis.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis.h>

#include <apr_strings.h>

#include "util/fault.h"

#define ITEMS_MAX    8192 /* of one array; the longest that is asked for has some hundreds */
#define BUFFER_BYTES 16384

#if HIREDIS_MAJOR >= 1
typedef size_t array_len;
#else
typedef int array_len;
#endif

struct ta_redis {
    ta_peer *peer;
    const ta_redis_settings *settings;
    redisReplyObjectFunctions builders; /* hiredis wants one that is not const */
};

/* One command under way. */
struct command {
    ta_redis *redis;
    apr_pool_t *pool;
    ta_bytes bytes; /* as it is sent */
    ta_redis_reply *reply;
};

/* --- replies, built in the pool of whoever asked; NULL makes hiredis give up ---------------- */

static ta_redis_reply *add_reply(const redisReadTask *task, ta_redis_kind kind)
{
    ta_redis_reply *reply = apr_pcalloc(task->privdata, sizeof(*reply));

    reply->kind = kind;
    if (task->parent) {
        ((ta_redis_reply *)task->parent->obj)->items[task->idx] = reply;
    }
    return reply;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
    ta_redis_kind kind = task->type == REDIS_REPLY_ERROR    ? TA_REDIS_ERROR
                         : task->type == REDIS_REPLY_STATUS ? TA_REDIS_STATUS
                                                            : TA_REDIS_BYTES;
    ta_redis_reply *reply = add_reply(task, kind);

    reply->bytes.data = (unsigned char *)apr_pstrmemdup(task->privdata, text, len);
    reply->bytes.len = len;
    return reply;
}

static void *make_array(const redisReadTask *task, array_len count)
{
    ta_redis_reply *reply, *nothing;

    if (count > ITEMS_MAX) {
        return NULL;
    }
    reply = add_reply(task, TA_REDIS_ARRAY);
    nothing = apr_pcalloc(task->privdata, sizeof(*nothing));
    reply->count = (int)count;
    reply->items = apr_palloc(task->privdata, sizeof(*reply->items) * ((apr_size_t)count + 1));
    for (int i = 0; i < reply->count; i++) {
        reply->items[i] = nothing;
    }
    return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    ta_redis_reply *reply = add_reply(task, TA_REDIS_INTEGER);

    reply->integer = value;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    return add_reply(task, TA_REDIS_NIL);
}

/* the pool frees them */
static void leave(void *reply)
{
    (void)reply;
}

#if HIREDIS_MAJOR >= 1
/* RESP 3 was not asked for */
static void *refuse_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)task, (void)value, (void)text, (void)len;
    return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
    (void)task, (void)value;
    return NULL;
}
#endif

static const redisReplyObjectFunctions builders = {
    .createString = make_string,
    .createArray = make_array,
    .createInteger = make_integer,
    .createNil = make_nil,
    .freeObject = leave,
#if HIREDIS_MAJOR >= 1
    .createDouble = refuse_double,
    .createBool = refuse_bool,
#endif
};

/* --- one command ---------------------------------------------------------------------------- */

/* Feeds hiredis until the reply is whole. */
static apr_status_t read_reply(struct command *command, redisReader *reader, ta_stream *stream,
                               apr_int64_t deadline)
{
    ta_peer *peer = command->redis->peer;
    char buffer[BUFFER_BYTES];
    apr_size_t total = 0;
    void *reply = NULL;

    while (!reply) {
        apr_size_t len = sizeof(buffer);
        apr_status_t rv = ta_stream_read(stream, buffer, &len, deadline);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        total += len;
        if (total > TA_REDIS_REPLY_BYTES || redisReaderFeed(reader, buffer, len) != REDIS_OK ||
            redisReaderGetReply(reader, &reply) != REDIS_OK) {
            ta_peer_complain(peer, TA_PEER_TALKS_NONSENSE, APR_SUCCESS,
                             "no reply that makes sense");
            return APR_EGENERAL;
        }
    }
    if (reader->len > reader->pos) {
        ta_peer_complain(peer, TA_PEER_TALKS_NONSENSE, APR_SUCCESS, "more replies than questions");
        return APR_EGENERAL;
    }
    command->reply = reply;
    return APR_SUCCESS;
}

static apr_status_t run(void *context, ta_stream *stream, apr_int64_t deadline)
{
    struct command *command = context;
    redisReader *reader;
    apr_status_t rv = ta_stream_write(stream, command->bytes, deadline);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    reader = redisReaderCreateWithFunctions(&command->redis->builders);
    if (!reader) {
        return APR_ENOMEM;
    }
    reader->privdata = command->pool;
    rv = read_reply(command, reader, stream, deadline);
    redisReaderFree(reader);
    return rv;
}

/* A script's error holds the words somewhere. */
static int is_read_only(const ta_redis_reply *reply)
{
    return reply->kind == TA_REDIS_ERROR && strstr((const char *)reply->bytes.data, "READONLY");
}

/* A question of others. Who has become a replica by now keeps its connections, but is no longer
 * the server that is meant. */
static apr_status_t ask(void *context, ta_stream *stream, apr_int64_t deadline)
{
    const struct command *command = context;
    apr_status_t rv = run(context, stream, deadline);

    return rv == APR_SUCCESS && is_read_only(command->reply) ? TA_PEER_DEPOSED : rv;
}

static apr_status_t write_command(struct command *command, const ta_bytes *words, int count)
{
    const char **texts = apr_palloc(command->pool, sizeof(*texts) * (apr_size_t)count);
    size_t *lengths = apr_palloc(command->pool, sizeof(*lengths) * (apr_size_t)count);
    char *formatted = NULL;
    int len;

    for (int i = 0; i < count; i++) {
        texts[i] = (const char *)words[i].data;
        lengths[i] = words[i].len;
    }
    len = redisFormatCommandArgv(&formatted, count, texts, lengths);
    if (len < 0) {
        return APR_ENOMEM;
    }
    command->bytes.data = apr_pmemdup(command->pool, formatted, (apr_size_t)len);
    command->bytes.len = (apr_size_t)len;
    redisFreeCommand(formatted);
    return APR_SUCCESS;
}

static ta_bytes word(const char *text)
{
    return (ta_bytes){(const unsigned char *)text, strlen(text)};
}

/* Sends a command of the greeting; any error of the server's ends it. */
static apr_status_t say(struct command *command, ta_stream *stream, apr_int64_t deadline,
                        const ta_bytes *words, int count)
{
    apr_status_t rv = write_command(command, words, count);

    if (rv == APR_SUCCESS) {
        rv = run(command, stream, deadline);
    }
    if (rv == APR_SUCCESS && command->reply->kind == TA_REDIS_ERROR) {
        (void)ta_redis_explain(command->redis, command->pool, command->reply);
        rv = APR_EGENERAL;
    }
    return rv;
}

/* What a fresh connection begins with. */
static apr_status_t greet(void *context, ta_stream *stream, apr_int64_t deadline)
{
    ta_redis *redis = context;
    const ta_redis_settings *settings = redis->settings;
    struct command command = {.redis = redis};
    apr_status_t rv = apr_pool_create(&command.pool, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (settings->password) {
        ta_bytes words[3] = {word("AUTH")};
        int count = 1;

        if (settings->user) {
            words[count++] = word(settings->user);
        }
        words[count++] = word(settings->password);
        rv = say(&command, stream, deadline, words, count);
    }
    if (rv == APR_SUCCESS && settings->database) {
        ta_bytes words[2] = {word("SELECT"), word(apr_itoa(command.pool, settings->database))};

        rv = say(&command, stream, deadline, words, 2);
    }
    apr_pool_destroy(command.pool);
    return rv;
}

apr_status_t ta_redis_make(apr_pool_t *p, ta_redis_settings *settings, const ta_log *log,
                           ta_redis **redis)
{
    *redis = apr_pcalloc(p, sizeof(**redis));
    (*redis)->settings = settings;
    (*redis)->builders = builders;
    settings->peer.greet = greet;
    settings->peer.context = *redis;
    return ta_peer_make(p, &settings->peer, log, &(*redis)->peer);
}

apr_status_t ta_redis_call(ta_redis *redis, apr_pool_t *p, const ta_bytes *words, int count,
                           ta_redis_reply **reply)
{
    struct command command = {.redis = redis, .pool = p};
    apr_status_t rv = write_command(&command, words, count);

    if (rv == APR_SUCCESS) {
        rv = ta_peer_ask(redis->peer, ask, &command);
    }
    *reply = command.reply;
    return rv;
}

int ta_redis_is_error(const ta_redis_reply *reply, const char *name)
{
    apr_size_t len = strlen(name);

    return reply->kind == TA_REDIS_ERROR && reply->bytes.len >= len &&
           memcmp(reply->bytes.data, name, len) == 0;
}

apr_status_t ta_redis_explain(ta_redis *redis, apr_pool_t *p, const ta_redis_reply *reply)
{
    const char *text;

    if (reply->kind != TA_REDIS_ERROR) {
        ta_peer_complain(redis->peer, TA_PEER_TALKS_NONSENSE, APR_SUCCESS,
                         "a reply of another kind than the command has");
        return APR_EGENERAL;
    }
    text = ta_fault_quote(p, (const char *)reply->bytes.data);
    if (strstr(text, "OOM")) {
        ta_peer_complain(redis->peer, TA_PEER_FULL, APR_SUCCESS, text);
        return APR_ENOSPC;
    }
    ta_peer_complain(redis->peer, is_read_only(reply) ? TA_PEER_READ_ONLY : TA_PEER_REFUSES,
                     APR_SUCCESS, text);
    return APR_EGENERAL;
}
