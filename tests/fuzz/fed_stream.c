/*
 * The functions of net/stream.h without a network.
 */
#include "fed_stream.h"

#include <string.h>

#include "net/stream.h"

struct ta_stream {
    ta_bytes left;
    apr_size_t piece;
};

static ta_stream next;
static ta_stream current; /* a peer has one at a time */

void fed_stream_set(ta_bytes bytes, apr_size_t piece)
{
    next.left = bytes;
    next.piece = piece ? piece : 1;
}

apr_status_t ta_stream_tls_make(apr_pool_t *p, const char *ca_file, ta_stream_tls **tls)
{
    (void)p, (void)ca_file;
    *tls = NULL;
    return APR_SUCCESS;
}

ta_stream_names *ta_stream_names_make(apr_pool_t *p, const char *host, int port)
{
    (void)host, (void)port;
    return apr_palloc(p, 1);
}

apr_int64_t ta_stream_deadline(int milliseconds)
{
    return 1000000 + milliseconds;
}

apr_status_t ta_stream_open(const ta_stream_target *target, apr_int64_t deadline,
                            ta_stream **stream, const char **why)
{
    (void)target, (void)deadline;
    *why = NULL;
    current = next;
    *stream = &current;
    return APR_SUCCESS;
}

apr_status_t ta_stream_write(ta_stream *stream, ta_bytes bytes, apr_int64_t deadline)
{
    (void)stream, (void)bytes, (void)deadline;
    return APR_SUCCESS;
}

apr_status_t ta_stream_read(ta_stream *stream, void *buffer, apr_size_t *len, apr_int64_t deadline)
{
    (void)deadline;
    *len = *len < stream->piece ? *len : stream->piece;
    *len = *len < stream->left.len ? *len : stream->left.len;
    if (*len == 0) {
        return APR_EOF;
    }
    memcpy(buffer, stream->left.data, *len);
    stream->left.data += *len;
    stream->left.len -= *len;
    return APR_SUCCESS;
}

int ta_stream_is_quiet(const ta_stream *stream)
{
    (void)stream;
    return 1;
}

void ta_stream_close(ta_stream *stream)
{
    (void)stream;
}
