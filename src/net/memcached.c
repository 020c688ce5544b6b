/*
 * How memcached is asked, and its answers read, out of bytes that are not trusted.
 */
#include "net/memcached.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "util/fault.h"

#define LINE_BYTES   512
#define BUFFER_BYTES 16384

struct ta_memcached {
    ta_peer *peer;
};

/* One question under way. */
struct question {
    ta_memcached *memcached;
    apr_pool_t *pool;
    ta_bytes bytes; /* as it is sent */
    const char *const *names;
    int count;
    ta_memcached_value *values; /* of a question for values; else NULL */
    const char *line;           /* the answer to any other */
};

/* What has come of an answer. */
struct answer {
    struct question *question;
    ta_stream *stream;
    apr_int64_t deadline;
    char buffer[BUFFER_BYTES];
    apr_size_t at;
    apr_size_t len;
};

static apr_status_t refuse(const struct question *question, const char *what)
{
    ta_peer_complain(question->memcached->peer, TA_PEER_TALKS_NONSENSE, APR_SUCCESS, what);
    return APR_EGENERAL;
}

static apr_status_t read_more(struct answer *answer)
{
    apr_status_t rv;

    answer->at = 0;
    answer->len = sizeof(answer->buffer);
    rv = ta_stream_read(answer->stream, answer->buffer, &answer->len, answer->deadline);
    if (rv != APR_SUCCESS) {
        answer->len = 0;
    }
    return rv;
}

/* Reads up to CR LF, which is taken off. */
static apr_status_t read_line(struct answer *answer, char line[LINE_BYTES])
{
    apr_size_t used = 0;

    for (;;) {
        if (answer->at == answer->len) {
            apr_status_t rv = read_more(answer);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        line[used] = answer->buffer[answer->at++];
        if (line[used] == '\n' && used > 0 && line[used - 1] == '\r') {
            line[used - 1] = '\0';
            return APR_SUCCESS;
        }
        if (++used == LINE_BYTES) {
            return refuse(answer->question, "an answer without an end");
        }
    }
}

static apr_status_t read_bytes(struct answer *answer, unsigned char *out, apr_size_t len)
{
    while (len > 0) {
        apr_size_t some = answer->len - answer->at;
        apr_status_t rv = some == 0 ? read_more(answer) : APR_SUCCESS;

        if (rv != APR_SUCCESS) {
            return rv;
        }
        some = answer->len - answer->at < len ? answer->len - answer->at : len;
        memcpy(out, answer->buffer + answer->at, some);
        answer->at += some;
        out += some;
        len -= some;
    }
    return APR_SUCCESS;
}

/* Digits of a number that is at most max. */
static int read_number(char **state, apr_uint64_t max, apr_uint64_t *number)
{
    const char *word = apr_strtok(NULL, " ", state);
    char *end;

    if (!word || !apr_isdigit(*word)) {
        return 0;
    }
    /* not apr_strtoi64: a mark has all 64 bits */
    errno = 0;
    *number = strtoull(word, &end, 10);
    return errno == 0 && *end == '\0' && *number <= max;
}

/* "VALUE name flags bytes mark", and behind it the bytes and a line break. */
static apr_status_t read_value(struct answer *answer, char *line)
{
    const struct question *question = answer->question;
    char *state = NULL;
    const char *name;
    apr_uint64_t flags, len, mark;
    unsigned char *bytes;
    apr_status_t rv;
    int i = 0;

    (void)apr_strtok(line, " ", &state);
    name = apr_strtok(NULL, " ", &state);
    while (name && i < question->count && strcmp(question->names[i], name) != 0) {
        i++;
    }
    if (!name || i == question->count || !read_number(&state, APR_UINT32_MAX, &flags) ||
        !read_number(&state, TA_MEMCACHED_VALUE_BYTES, &len) ||
        !read_number(&state, APR_UINT64_MAX, &mark)) {
        return refuse(question, "a value that nobody asked for");
    }
    bytes = apr_palloc(question->pool, (apr_size_t)len + 2);
    rv = read_bytes(answer, bytes, (apr_size_t)len + 2);
    if (rv == APR_SUCCESS && memcmp(bytes + len, "\r\n", 2) != 0) {
        return refuse(question, "a value without an end");
    }
    question->values[i].bytes = (ta_bytes){bytes, (apr_size_t)len};
    question->values[i].mark = mark;
    return rv;
}

/* Values up to "END"; to any other question, one line. */
static apr_status_t read_answer(struct answer *answer)
{
    struct question *question = answer->question;
    char line[LINE_BYTES];
    apr_status_t rv = read_line(answer, line);

    while (rv == APR_SUCCESS && question->values && strncmp(line, "VALUE ", 6) == 0) {
        rv = read_value(answer, line);
        if (rv == APR_SUCCESS) {
            rv = read_line(answer, line);
        }
    }
    if (rv != APR_SUCCESS) {
        return rv; /* line has no end */
    }
    if (answer->at < answer->len) {
        return refuse(question, "more answers than questions");
    }
    question->line = apr_pstrdup(question->pool, line);
    return APR_SUCCESS;
}

static apr_status_t run(void *context, ta_stream *stream, apr_int64_t deadline)
{
    struct question *question = context;
    struct answer answer = {.question = question, .stream = stream, .deadline = deadline};
    apr_status_t rv = ta_stream_write(stream, question->bytes, deadline);

    for (int i = 0; question->values && i < question->count; i++) {
        question->values[i] = (ta_memcached_value){.mark = 0};
    }
    return rv == APR_SUCCESS ? read_answer(&answer) : rv;
}

/* An answer that is none of those that were hoped for. */
static apr_status_t explain(const struct question *question)
{
    const char *text = ta_fault_quote(question->pool, question->line);
    int is_full = strstr(text, "out of memory") || strstr(text, "too large");

    if (strncmp(text, "SERVER_ERROR", 12) != 0) {
        return refuse(question, text);
    }
    ta_peer_complain(question->memcached->peer, is_full ? TA_PEER_FULL : TA_PEER_REFUSES,
                     APR_SUCCESS, text);
    return is_full ? APR_ENOSPC : APR_EGENERAL;
}

apr_status_t ta_memcached_make(apr_pool_t *p, const ta_peer_settings *settings, const ta_log *log,
                               ta_memcached **memcached)
{
    *memcached = apr_pcalloc(p, sizeof(**memcached));
    return ta_peer_make(p, settings, log, &(*memcached)->peer);
}

apr_status_t ta_memcached_get(ta_memcached *memcached, apr_pool_t *p, const char *const *names,
                              int count, ta_memcached_value *values)
{
    struct question question = {
        .memcached = memcached,
        .pool = p,
        .names = names,
        .count = count,
        .values = values,
    };
    const char *text = "gets";
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        text = apr_pstrcat(p, text, " ", names[i], NULL);
    }
    text = apr_pstrcat(p, text, "\r\n", NULL);
    question.bytes = (ta_bytes){(const unsigned char *)text, strlen(text)};
    rv = ta_peer_ask(memcached->peer, run, &question);
    return rv == APR_SUCCESS && strcmp(question.line, "END") != 0 ? explain(&question) : rv;
}

apr_status_t ta_memcached_put(ta_memcached *memcached, apr_pool_t *tmp, ta_memcached_when when,
                              const char *name, const ta_memcached_value *value, apr_int64_t expiry)
{
    static const char *const commands[] = {
        [TA_MEMCACHED_ALWAYS] = "set",
        [TA_MEMCACHED_IF_NEW] = "add",
        [TA_MEMCACHED_IF_SAME] = "cas",
    };
    struct question question = {.memcached = memcached, .pool = tmp};
    const char *mark =
        when == TA_MEMCACHED_IF_SAME ? apr_psprintf(tmp, " %" APR_UINT64_T_FMT, value->mark) : "";
    /* a number of seconds beyond thirty days is a time since 1970, in 31 bits; what lasts longer
     * than they can say has no end, for which 0 stands: whoever reads it knows its real one */
    const char *head =
        apr_psprintf(tmp, "%s %s 0 %" APR_INT64_T_FMT " %" APR_SIZE_T_FMT "%s\r\n", commands[when],
                     name, expiry <= APR_INT32_MAX ? expiry : 0, value->bytes.len, mark);
    const struct iovec parts[] = {
        {(void *)head, strlen(head)},
        {(void *)value->bytes.data, value->bytes.len},
        {(void *)"\r\n", 2},
    };
    apr_status_t rv;

    question.bytes.data = (unsigned char *)apr_pstrcatv(tmp, parts, 3, &question.bytes.len);
    rv = ta_peer_ask(memcached->peer, run, &question);
    if (rv != APR_SUCCESS || strcmp(question.line, "STORED") == 0) {
        return rv;
    }
    return strcmp(question.line, "NOT_STORED") == 0 || strcmp(question.line, "EXISTS") == 0 ||
                   strcmp(question.line, "NOT_FOUND") == 0
               ? APR_EEXIST
               : explain(&question);
}

apr_status_t ta_memcached_remove(ta_memcached *memcached, apr_pool_t *tmp, const char *name)
{
    struct question question = {.memcached = memcached, .pool = tmp};
    const char *text = apr_pstrcat(tmp, "delete ", name, "\r\n", NULL);
    apr_status_t rv;

    question.bytes = (ta_bytes){(const unsigned char *)text, strlen(text)};
    rv = ta_peer_ask(memcached->peer, run, &question);
    return rv == APR_SUCCESS && strcmp(question.line, "DELETED") != 0 &&
                   strcmp(question.line, "NOT_FOUND") != 0
               ? explain(&question)
               : rv;
}
