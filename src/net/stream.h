/*
 * A stream of bytes to a server, by TCP, TLS or a Unix socket, on which nobody ever waits
 * longer than a deadline: not for the name, the connection, the handshake, nor for an answer.
 */
#ifndef TA_NET_STREAM_H
#define TA_NET_STREAM_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "util/bytes.h"

/* What ta_stream_open returns where nobody is to be trusted at the other end. Not EACCES, which is
 * what a system says that lets us not connect at all. */
#define TA_STREAM_UNTRUSTED (APR_OS_START_USERERR + 3)

typedef struct ta_stream ta_stream;
typedef struct ta_stream_tls ta_stream_tls;
typedef struct ta_stream_names ta_stream_names;

/**
 * What is needed to speak TLS to a server: TLS 1.2 or newer, its certificate and name verified.
 * @param p       pool; its end frees it
 * @param ca_file PEM file of the authorities to trust, NULL: the system's
 * @param tls     set to it; may be inherited by a child process
 * @return APR_SUCCESS, or APR_EGENERAL when ca_file holds no certificate
 */
apr_status_t ta_stream_tls_make(apr_pool_t *p, const char *ca_file, ta_stream_tls **tls);

/**
 * Where a host is. Its name is looked up by a thread, for whoever needs it first, and kept for
 * a minute; when nobody answers for the name later, the last addresses go on to count.
 * @param p    pool of the process; its end forgets them
 * @param host a name or an address
 * @return NULL without memory or threads
 */
ta_stream_names *ta_stream_names_make(apr_pool_t *p, const char *host, int port);

/* Where to. */
typedef struct ta_stream_target {
    const char *path;       /* of a Unix socket; NULL: TCP */
    ta_stream_names *names; /* of the host */
    const char *host;       /* as it has to be in the certificate */
    ta_stream_tls *tls;     /* NULL: as plain text */
} ta_stream_target;

/** The moment that is so many milliseconds from now, on a clock that nobody sets. */
apr_int64_t ta_stream_deadline(int milliseconds);

/**
 * Connects.
 * @param deadline of ta_stream_deadline
 * @param stream   set to the stream, for ta_stream_close
 * @param why      set to a few words when it fails
 * @return APR_SUCCESS; APR_TIMEUP at the deadline; TA_STREAM_UNTRUSTED; else the system's error
 */
apr_status_t ta_stream_open(const ta_stream_target *target, apr_int64_t deadline,
                            ta_stream **stream, const char **why);

/** Writes all bytes. @return APR_SUCCESS, APR_TIMEUP, or APR_EOF when the other end is gone */
apr_status_t ta_stream_write(ta_stream *stream, ta_bytes bytes, apr_int64_t deadline);

/**
 * Reads what is there, or waits for the first bytes.
 * @param len the room in buffer; set to what was read
 * @return APR_SUCCESS, APR_TIMEUP, or APR_EOF when the other end is gone
 */
apr_status_t ta_stream_read(ta_stream *stream, void *buffer, apr_size_t *len, apr_int64_t deadline);

/** False when the other end has closed a stream on which nothing is expected, or has sent
 *  something all the same. */
int ta_stream_is_quiet(const ta_stream *stream);

/** Closes it. */
void ta_stream_close(ta_stream *stream);

#endif
