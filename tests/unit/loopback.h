/*
 * Small throwaway HTTP servers on 127.0.0.1, on ports that the system picks: what they answer
 * is up to the test, which also learns how often they were called.
 */
#ifndef TA_TESTS_UNIT_LOOPBACK_H
#define TA_TESTS_UNIT_LOOPBACK_H

#include <stddef.h>

#define LOOPBACK_REQUEST_BYTES 8192

typedef struct loopback loopback;
typedef struct loopback_connection loopback_connection;

/**
 * Answers one request.
 * @param connection for loopback_send and its like
 * @param request    all of it, header and body
 * @return 1 to keep the connection for the next request, 0 to close it
 */
typedef int (*loopback_answer)(loopback_connection *connection, const char *request);

/**
 * Starts a server with one thread per connection.
 * @param certificate PEM file with certificate and key, for https; NULL: http
 */
loopback *loopback_start(loopback_answer answer, const char *certificate);

/** Ends it and all its connections. */
void loopback_stop(loopback *server);

/** "http://127.0.0.1:port" or "https://…", with path behind it; valid until the next call. */
const char *loopback_url(loopback *server, const char *path);

int loopback_port(const loopback *server);
int loopback_accepted(const loopback *server); /* connections so far */
int loopback_open(const loopback *server);     /* connections now */
int loopback_requests(const loopback *server); /* whole requests so far */

/** The last request that came in. Only between exchanges. */
const char *loopback_last(const loopback *server);

/** Sends bytes. @return 0 when the other side is gone */
int loopback_send(loopback_connection *connection, const void *bytes, size_t len);

/** Sends a whole answer: "HTTP/1.1 ", head (status, then fields with line breaks), Content-Length
 *  and body. @return 1, so that an answer can end with it */
int loopback_reply(loopback_connection *connection, const char *head, const char *body);

/** Waits until the other side closes. */
void loopback_wait(loopback_connection *connection);

/** Writes a new self-signed certificate for an address ("IP:127.0.0.1"), with its key.
 *  @return 1, or 0 on failure */
int loopback_certificate(const char *file, const char *alternative_name);

#endif
