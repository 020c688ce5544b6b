/*
 * When a connection is kept, made anew or given up, and what is said about it.
 */
#include "net/peer.h"

#include <apr_thread_mutex.h>
#include <apr_time.h>

#define IDLE_MAX         32
#define IDLE_SECONDS     60  /* an older one may have been forgotten by something between */
#define QUIET_MS         200 /* after a deadline has passed nobody waits for so long */
#define COMPLAIN_SECONDS 60

struct idle_stream {
    ta_stream *stream;
    apr_int64_t until;
};

struct ta_peer {
    const ta_peer_settings *settings;
    const ta_log *log;
    ta_stream_target target;
    apr_thread_mutex_t *mutex; /* guards everything below */
    struct idle_stream idle[IDLE_MAX];
    int idle_count;
    apr_int64_t silent_until;
    apr_int64_t complain_at[TA_PEER_TROUBLES];
    int is_troubled;
};

static apr_status_t close_idle(void *data)
{
    ta_peer *peer = data;

    while (peer->idle_count > 0) {
        ta_stream_close(peer->idle[--peer->idle_count].stream);
    }
    return APR_SUCCESS;
}

apr_status_t ta_peer_make(apr_pool_t *p, const ta_peer_settings *settings, const ta_log *log,
                          ta_peer **result)
{
    ta_peer *peer = apr_pcalloc(p, sizeof(*peer));
    apr_status_t rv = apr_thread_mutex_create(&peer->mutex, APR_THREAD_MUTEX_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    peer->settings = settings;
    peer->log = log;
    peer->target = (ta_stream_target){
        .path = settings->path,
        .host = settings->host,
        .tls = settings->tls,
    };
    if (!settings->path) {
        peer->target.names = ta_stream_names_make(p, settings->host, settings->port);
        if (!peer->target.names) {
            return APR_ENOMEM;
        }
    }
    apr_pool_cleanup_register(p, peer, close_idle, apr_pool_cleanup_null);
    *result = peer;
    return APR_SUCCESS;
}

/* The one that was used last; those that died or lay too long are closed on the way. */
static ta_stream *take_idle(ta_peer *peer)
{
    ta_stream *found = NULL;

    apr_thread_mutex_lock(peer->mutex);
    while (!found && peer->idle_count > 0) {
        struct idle_stream *last = &peer->idle[--peer->idle_count];

        if (last->until > ta_stream_deadline(0) && ta_stream_is_quiet(last->stream)) {
            found = last->stream;
        } else {
            ta_stream_close(last->stream);
        }
    }
    apr_thread_mutex_unlock(peer->mutex);
    return found;
}

/* Keeps a stream on which a question was answered: the peer is well. */
static void keep(ta_peer *peer, ta_stream *stream)
{
    int was_troubled;

    apr_thread_mutex_lock(peer->mutex);
    was_troubled = peer->is_troubled;
    peer->is_troubled = 0;
    peer->silent_until = 0;
    if (peer->idle_count < IDLE_MAX) {
        peer->idle[peer->idle_count++] = (struct idle_stream){
            .stream = stream,
            .until = ta_stream_deadline(IDLE_SECONDS * 1000),
        };
        stream = NULL;
    }
    apr_thread_mutex_unlock(peer->mutex);
    if (stream) {
        ta_stream_close(stream);
    }
    if (was_troubled) {
        ta_log_write(peer->log, TA_LOG_INFO, APR_SUCCESS, "TA0400: store %s answers again",
                     peer->settings->name);
    }
}

/* After an answer of a server that is the wrong one by now. As long as something is asked, its
 * connections would stand, and nobody would look where the name leads to. */
static void leave(ta_peer *peer, ta_stream *stream)
{
    ta_stream_close(stream);
    apr_thread_mutex_lock(peer->mutex);
    close_idle(peer);
    apr_thread_mutex_unlock(peer->mutex);
}

/* Whether it is time to complain about this. */
static int may_complain(ta_peer *peer, ta_peer_trouble trouble)
{
    apr_int64_t now = ta_stream_deadline(0);
    int may;

    apr_thread_mutex_lock(peer->mutex);
    may = peer->complain_at[trouble] <= now;
    if (may) {
        peer->complain_at[trouble] = now + COMPLAIN_SECONDS * APR_USEC_PER_SEC;
    }
    apr_thread_mutex_unlock(peer->mutex);
    return may;
}

void ta_peer_complain(ta_peer *peer, ta_peer_trouble trouble, apr_status_t status, const char *what)
{
    const char *name = peer->settings->name;

    if (!may_complain(peer, trouble)) {
        return;
    }
    switch (trouble) {
    case TA_PEER_UNREACHABLE:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0401: store %s cannot be reached: %s. Check that it runs, and its name and "
                     "port in TinyauthSessionStore",
                     name, what);
        break;
    case TA_PEER_SILENT:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0402: store %s does not answer within %d ms: %s. It is overloaded or "
                     "stopped, or something on the way swallows what is sent",
                     name, peer->settings->timeout, what);
        break;
    case TA_PEER_UNTRUSTED:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0403: store %s is not trusted: %s. Check its certificate, and the ca= of "
                     "TinyauthSessionStore",
                     name, what);
        break;
    case TA_PEER_REFUSES:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0404: store %s refuses: %s. Check user, password, database and the "
                     "server's own log",
                     name, what);
        break;
    case TA_PEER_FULL:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0405: store %s is full: %s. Nobody can log in until it has more memory",
                     name, what);
        break;
    case TA_PEER_READ_ONLY:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0406: store %s takes no changes: %s. Name the server that others "
                     "replicate from",
                     name, what);
        break;
    default:
        ta_log_write(peer->log, TA_LOG_ERROR, status,
                     "TA0407: store %s does not speak its protocol: %s. Check name, port and "
                     "whether it wants TLS",
                     name, what);
    }
}

/* When a deadline has passed, the next questions need not wait for theirs as well: not at once,
 * and not later on connections that may have been lost together with this one. */
static void note_failure(ta_peer *peer, apr_status_t rv)
{
    apr_thread_mutex_lock(peer->mutex);
    peer->is_troubled = 1;
    if (rv == APR_TIMEUP) {
        peer->silent_until = ta_stream_deadline(QUIET_MS);
        close_idle(peer);
    }
    apr_thread_mutex_unlock(peer->mutex);
}

static int is_silent(ta_peer *peer)
{
    int silent;

    apr_thread_mutex_lock(peer->mutex);
    silent = peer->silent_until > ta_stream_deadline(0);
    apr_thread_mutex_unlock(peer->mutex);
    return silent;
}

static apr_status_t fail(ta_peer *peer, apr_status_t rv, const char *what)
{
    note_failure(peer, rv);
    if (rv == APR_TIMEUP) {
        ta_peer_complain(peer, TA_PEER_SILENT, APR_SUCCESS, what);
    } else if (rv == TA_STREAM_UNTRUSTED) {
        ta_peer_complain(peer, TA_PEER_UNTRUSTED, APR_SUCCESS, what);
    } else {
        ta_peer_complain(peer, TA_PEER_UNREACHABLE, rv == APR_NOTFOUND ? APR_SUCCESS : rv, what);
    }
    /* whoever asked must not take it for an answer */
    return rv == APR_NOTFOUND || rv == APR_EEXIST || rv == APR_EAGAIN || rv == TA_STREAM_UNTRUSTED
               ? APR_EGENERAL
               : rv;
}

static apr_status_t ask_on_fresh(ta_peer *peer, ta_peer_exchange exchange, void *context,
                                 apr_int64_t deadline)
{
    const ta_peer_settings *settings = peer->settings;
    ta_stream *stream;
    const char *why;
    apr_status_t rv = ta_stream_open(&peer->target, deadline, &stream, &why);

    if (rv != APR_SUCCESS) {
        return fail(peer, rv, why);
    }
    rv = settings->greet ? settings->greet(settings->context, stream, deadline) : APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        rv = exchange(context, stream, deadline);
    }
    if (rv == APR_SUCCESS) {
        keep(peer, stream);
        return APR_SUCCESS;
    }
    if (rv == TA_PEER_DEPOSED) {
        leave(peer, stream);
        return APR_SUCCESS;
    }
    ta_stream_close(stream);
    /* other failures were explained by whoever met them */
    if (rv == APR_TIMEUP) {
        return fail(peer, rv, "the connection stands, an answer does not come");
    }
    return rv == APR_EOF ? fail(peer, rv, "it closed the connection") : rv;
}

apr_status_t ta_peer_ask(ta_peer *peer, ta_peer_exchange exchange, void *context)
{
    apr_int64_t deadline = ta_stream_deadline(peer->settings->timeout);
    ta_stream *stream;
    apr_status_t rv;

    if (is_silent(peer)) {
        return APR_TIMEUP;
    }
    stream = take_idle(peer);
    if (!stream) {
        return ask_on_fresh(peer, exchange, context, deadline);
    }
    rv = exchange(context, stream, deadline);
    if (rv == APR_SUCCESS) {
        keep(peer, stream);
        return rv;
    }
    if (rv == TA_PEER_DEPOSED) {
        leave(peer, stream);
        return APR_SUCCESS;
    }
    ta_stream_close(stream);
    /* it was closed while it lay here, by a restart for instance: the server itself is fine */
    if (rv == APR_EOF) {
        return ask_on_fresh(peer, exchange, context, deadline);
    }
    return rv == APR_TIMEUP ? fail(peer, rv, "the connection stands, an answer does not come") : rv;
}
