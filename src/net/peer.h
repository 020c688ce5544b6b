/*
 * A server that the threads of a process ask again and again, with a protocol of questions and
 * answers: connections that are kept for the next question, a deadline for each question, one
 * more try where a kept connection had died, and complaints that do not flood the log.
 *
 * A question may so reach the server twice: it has to be one that does no harm then.
 */
#ifndef TA_NET_PEER_H
#define TA_NET_PEER_H

#include <apr_pools.h>

#include "net/stream.h"
#include "util/log.h"

/* What an exchange returns when the answer was read to its end and says that this is the wrong
 * server by now: the next question wants a new connection, to whoever has the name then. */
#define TA_PEER_DEPOSED (APR_OS_START_USERERR + 4)

typedef struct ta_peer ta_peer;

/**
 * Asks on a stream and reads the answer.
 * @return APR_SUCCESS when the answer was read to its end, so that the stream is good for the
 *         next question; anything else closes it; TA_PEER_DEPOSED
 */
typedef apr_status_t (*ta_peer_exchange)(void *context, ta_stream *stream, apr_int64_t deadline);

typedef struct ta_peer_settings {
    const char *name; /* for the log: "redis.example.com:6379" */
    const char *host; /* name or address … */
    int port;
    const char *path;       /* … or the path of a Unix socket */
    ta_stream_tls *tls;     /* NULL: plain text */
    int timeout;            /* milliseconds for a whole question, with everything it needs */
    ta_peer_exchange greet; /* what comes first on a fresh stream; NULL: nothing */
    void *context;          /* of greet */
} ta_peer_settings;

/* What can be wrong, each with a line of its own in the log, once a minute. */
typedef enum ta_peer_trouble {
    TA_PEER_UNREACHABLE,
    TA_PEER_SILENT,
    TA_PEER_UNTRUSTED,
    TA_PEER_REFUSES,
    TA_PEER_FULL,
    TA_PEER_READ_ONLY,
    TA_PEER_TALKS_NONSENSE,
    TA_PEER_TROUBLES
} ta_peer_trouble;

/**
 * Makes a peer for one process, which any thread may ask; nothing is sent yet.
 * @param p        pool of the process; its end closes the connections
 * @param settings used as they are, for as long as the peer
 * @param log      for complaints
 */
apr_status_t ta_peer_make(apr_pool_t *p, const ta_peer_settings *settings, const ta_log *log,
                          ta_peer **peer);

/**
 * Asks a question.
 * @return APR_SUCCESS when it was answered; else it is not known whether it has reached the
 *         server, and the log says why
 */
apr_status_t ta_peer_ask(ta_peer *peer, ta_peer_exchange exchange, void *context);

/** Says what is wrong with a peer, unless that was said in the last minute.
 *  @param what a few words, or the server's own; safe for the log */
void ta_peer_complain(ta_peer *peer, ta_peer_trouble trouble, apr_status_t status,
                      const char *what);

#endif
