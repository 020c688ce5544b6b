/*
 * How bytes reach a server and come back: sockets that never block, and one function that
 * waits for them.
 */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/stream_names.h"

struct ta_stream {
    int fd;
    SSL *ssl; /* NULL: plain text */
};

struct ta_stream_tls {
    SSL_CTX *context;
};

static apr_int64_t now_microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

apr_int64_t ta_stream_deadline(int milliseconds)
{
    return now_microseconds() + (apr_int64_t)milliseconds * 1000;
}

static apr_status_t free_tls(void *data)
{
    SSL_CTX_free(((ta_stream_tls *)data)->context);
    return APR_SUCCESS;
}

apr_status_t ta_stream_tls_make(apr_pool_t *p, const char *ca_file, ta_stream_tls **tls)
{
    int is_made;

    *tls = apr_pcalloc(p, sizeof(**tls));
    (*tls)->context = SSL_CTX_new(TLS_client_method());
    if (!(*tls)->context) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(p, *tls, free_tls, apr_pool_cleanup_null);
    SSL_CTX_set_verify((*tls)->context, SSL_VERIFY_PEER, NULL);
    is_made =
        /* RFC 9325 3.1.1: not below TLS 1.2 */
        SSL_CTX_set_min_proto_version((*tls)->context, TLS1_2_VERSION) == 1 &&
        (ca_file ? SSL_CTX_load_verify_file((*tls)->context, ca_file)
                 : SSL_CTX_set_default_verify_paths((*tls)->context)) == 1;
    /* what OpenSSL noted must not look like an error of this thread's next connection */
    ERR_clear_error();
    return is_made ? APR_SUCCESS : APR_EGENERAL;
}

/* Waits until the socket can be read or written, or the deadline has passed. */
static apr_status_t wait_for(int fd, short events, apr_int64_t deadline)
{
    struct pollfd poller = {.fd = fd, .events = events};

    for (;;) {
        apr_int64_t left = deadline - now_microseconds();
        int rv;

        if (left <= 0) {
            return APR_TIMEUP;
        }
        rv = poll(&poller, 1, (int)((left + 999) / 1000));
        if (rv > 0) {
            return APR_SUCCESS; /* also after an error, which the next call meets */
        }
        if (rv < 0 && errno != EINTR) {
            return errno;
        }
    }
}

static apr_status_t connect_socket(int family, const struct sockaddr *address, socklen_t len,
                                   apr_int64_t deadline, int *result)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0, on = 1;
    socklen_t error_len = sizeof(error);
    apr_status_t rv;

    if (fd < 0) {
        return errno;
    }
    rv = connect(fd, address, len) == 0 ? APR_SUCCESS : errno;
    if (rv == EINPROGRESS) {
        rv = wait_for(fd, POLLOUT, deadline);
        if (rv == APR_SUCCESS) {
            rv = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) == 0 ? error : errno;
        }
    }
    if (rv != APR_SUCCESS) {
        close(fd);
        /* a Unix socket whose queue is full says so at once */
        return rv == EAGAIN ? APR_TIMEUP : rv;
    }
    if (family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    *result = fd;
    return APR_SUCCESS;
}

static apr_status_t connect_path(const char *path, apr_int64_t deadline, int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    apr_size_t len = strlen(path);

    if (len >= sizeof(address.sun_path)) {
        return APR_ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, len);
    return connect_socket(AF_UNIX, (struct sockaddr *)&address, sizeof(address), deadline, fd);
}

/* One address after the other; each but the last gets half of the time that is left. */
static apr_status_t connect_host(ta_stream_names *names, apr_int64_t deadline, int *fd,
                                 const char **why)
{
    ta_stream_addresses found;
    apr_status_t rv = ta_stream_names_find(names, deadline, &found);

    if (rv != APR_SUCCESS) {
        *why = rv == APR_TIMEUP ? "nobody says where the host is" : "there is no such host";
        return rv;
    }
    for (int i = 0; i < found.count; i++) {
        apr_int64_t left = deadline - now_microseconds();
        apr_int64_t until = i + 1 < found.count ? deadline - left / 2 : deadline;

        rv = connect_socket(found.all[i].ss_family, (struct sockaddr *)&found.all[i],
                            found.lengths[i], until, fd);
        if (rv == APR_SUCCESS) {
            return rv;
        }
    }
    return rv;
}

/* Waits for what OpenSSL wants after a call that did not succeed. What others left among this
 * thread's errors would be taken for its reason: each call begins with none. */
static apr_status_t wait_for_ssl(ta_stream *stream, int result, apr_int64_t deadline)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(stream->fd, POLLIN, deadline);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(stream->fd, POLLOUT, deadline);
    default:
        ERR_clear_error();
        return APR_EOF;
    }
}

static int expect_name(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1) {
        return 1;
    }
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

static apr_status_t start_tls(ta_stream *stream, const ta_stream_target *target,
                              apr_int64_t deadline, const char **why)
{
    apr_status_t rv = APR_SUCCESS;
    int result;

    stream->ssl = SSL_new(target->tls->context);
    if (!stream->ssl || !expect_name(stream->ssl, target->host) ||
        SSL_set_fd(stream->ssl, stream->fd) != 1) {
        ERR_clear_error();
        *why = "OpenSSL gives no connection";
        return APR_EGENERAL;
    }
    while ((result = SSL_connect(stream->ssl)) != 1 && rv == APR_SUCCESS) {
        rv = wait_for_ssl(stream, result, deadline);
    }
    if (rv == APR_EOF) {
        long verdict = SSL_get_verify_result(stream->ssl);

        *why = verdict == X509_V_OK ? "the TLS handshake failed"
                                    : X509_verify_cert_error_string(verdict);
        return TA_STREAM_UNTRUSTED;
    }
    return rv;
}

apr_status_t ta_stream_open(const ta_stream_target *target, apr_int64_t deadline,
                            ta_stream **result, const char **why)
{
    ta_stream *stream;
    apr_status_t rv;
    int fd = -1;

    *why = "no connection";
    rv = target->path ? connect_path(target->path, deadline, &fd)
                      : connect_host(target->names, deadline, &fd, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    stream = calloc(1, sizeof(*stream));
    if (!stream) {
        close(fd);
        return APR_ENOMEM;
    }
    stream->fd = fd;
    rv = target->tls ? start_tls(stream, target, deadline, why) : APR_SUCCESS;
    if (rv != APR_SUCCESS) {
        ta_stream_close(stream);
        return rv;
    }
    *result = stream;
    return APR_SUCCESS;
}

/* One piece; -1 with rv APR_SUCCESS: again. */
static long write_some(ta_stream *stream, ta_bytes bytes, apr_int64_t deadline, apr_status_t *rv)
{
    long done;

    if (stream->ssl) {
        int some = bytes.len > 65536 ? 65536 : (int)bytes.len;

        ERR_clear_error();
        done = SSL_write(stream->ssl, bytes.data, some);
        *rv = done > 0 ? APR_SUCCESS : wait_for_ssl(stream, (int)done, deadline);
        return done > 0 ? done : -1;
    }
    done = send(stream->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (done < 0) {
        *rv = errno == EAGAIN  ? wait_for(stream->fd, POLLOUT, deadline)
              : errno == EINTR ? APR_SUCCESS
                               : APR_EOF;
    }
    return done;
}

apr_status_t ta_stream_write(ta_stream *stream, ta_bytes bytes, apr_int64_t deadline)
{
    apr_status_t rv = APR_SUCCESS;

    while (bytes.len > 0 && rv == APR_SUCCESS) {
        long done = write_some(stream, bytes, deadline, &rv);

        if (done > 0) {
            bytes.data += done;
            bytes.len -= (apr_size_t)done;
        }
    }
    return rv;
}

/* One piece; not above 0: there was none. */
static long read_some(ta_stream *stream, void *buffer, apr_size_t room)
{
    if (stream->ssl) {
        ERR_clear_error();
        return SSL_read(stream->ssl, buffer, (int)room);
    }
    return (long)recv(stream->fd, buffer, room, 0);
}

apr_status_t ta_stream_read(ta_stream *stream, void *buffer, apr_size_t *len, apr_int64_t deadline)
{
    apr_size_t room = *len;
    apr_status_t rv = APR_SUCCESS;

    *len = 0;
    while (rv == APR_SUCCESS) {
        long done = read_some(stream, buffer, room);

        if (done > 0) {
            *len = (apr_size_t)done;
            return APR_SUCCESS;
        }
        if (stream->ssl) {
            rv = wait_for_ssl(stream, (int)done, deadline);
        } else if (done == 0 || (errno != EAGAIN && errno != EINTR)) {
            rv = APR_EOF;
        } else {
            rv = wait_for(stream->fd, POLLIN, deadline);
        }
    }
    return rv;
}

int ta_stream_is_quiet(const ta_stream *stream)
{
    struct pollfd poller = {.fd = stream->fd, .events = POLLIN};
    int is_quiet;
    char byte;

    if (!stream->ssl) {
        return poll(&poller, 1, 0) == 0;
    }
    /* on the way OpenSSL takes in the tickets that TLS 1.3 sends when it likes: they are nothing */
    ERR_clear_error();
    is_quiet = SSL_get_error(stream->ssl, SSL_peek(stream->ssl, &byte, 1)) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return is_quiet;
}

void ta_stream_close(ta_stream *stream)
{
    SSL_free(stream->ssl);
    close(stream->fd);
    free(stream);
}
