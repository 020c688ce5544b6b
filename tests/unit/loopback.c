/*
 * Servers on 127.0.0.1 for tests: one thread accepts, one thread per connection reads
 * requests and lets the test answer.
 */
#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define CONNECTIONS_MAX 128
#define URL_BYTES       256

struct loopback_connection {
    loopback *server;
    pthread_t thread;
    int fd;
    SSL *tls;
};

struct loopback {
    loopback_answer answer;
    SSL_CTX *tls;
    int listener;
    int port;
    pthread_t thread;
    pthread_mutex_t mutex;
    int accepted; /* these three by atomic operations */
    int open;
    int requests;
    loopback_connection connections[CONNECTIONS_MAX];
    char last[LOOPBACK_REQUEST_BYTES];
    char url[URL_BYTES];
};

static long receive(loopback_connection *connection, char *bytes, size_t len)
{
    return connection->tls ? SSL_read(connection->tls, bytes, (int)len)
                           : (long)recv(connection->fd, bytes, len, 0);
}

int loopback_send(loopback_connection *connection, const void *bytes, size_t len)
{
    const char *rest = bytes;

    while (len) {
        long sent = connection->tls ? SSL_write(connection->tls, rest, (int)len)
                                    : (long)send(connection->fd, rest, len, MSG_NOSIGNAL);

        if (sent <= 0) {
            return 0;
        }
        rest += sent;
        len -= (size_t)sent;
    }
    return 1;
}

int loopback_reply(loopback_connection *connection, const char *head, const char *body)
{
    char text[LOOPBACK_REQUEST_BYTES];
    int len = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head,
                       strlen(body));

    loopback_send(connection, text, (size_t)len);
    loopback_send(connection, body, strlen(body));
    return 1;
}

void loopback_wait(loopback_connection *connection)
{
    char byte;

    while (receive(connection, &byte, 1) > 0) {
    }
}

/* How long a request is altogether, once its header is there; 0 until then. */
static size_t request_len(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *field = strcasestr(text, "\r\nContent-Length:");
    size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;

    return end ? (size_t)(end - text) + 4 + body : 0;
}

/* Reads one request. Returns 0 when there is none any more. */
static int read_request(loopback_connection *connection, char *text)
{
    size_t used = 0;

    text[0] = '\0';
    while (!request_len(text) || used < request_len(text)) {
        long got = receive(connection, text + used, LOOPBACK_REQUEST_BYTES - 1 - used);

        if (got <= 0) {
            return 0;
        }
        used += (size_t)got;
        text[used] = '\0';
    }
    return 1;
}

static void *serve_connection(void *data)
{
    loopback_connection *connection = data;
    loopback *server = connection->server;
    char text[LOOPBACK_REQUEST_BYTES];
    int goes_on = 1;

    if (server->tls) {
        connection->tls = SSL_new(server->tls);
        SSL_set_fd(connection->tls, connection->fd);
        goes_on = SSL_accept(connection->tls) == 1;
    }
    while (goes_on && read_request(connection, text)) {
        pthread_mutex_lock(&server->mutex);
        memcpy(server->last, text, sizeof(text));
        pthread_mutex_unlock(&server->mutex);
        __atomic_add_fetch(&server->requests, 1, __ATOMIC_SEQ_CST);
        goes_on = server->answer(connection, text);
    }
    shutdown(connection->fd, SHUT_RDWR);
    SSL_free(connection->tls);
    __atomic_sub_fetch(&server->open, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *accept_connections(void *data)
{
    loopback *server = data;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        int number = server->accepted;
        loopback_connection *connection = &server->connections[number];

        if (number == CONNECTIONS_MAX) {
            abort();
        }
        connection->server = server;
        connection->fd = fd;
        __atomic_add_fetch(&server->accepted, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&server->open, 1, __ATOMIC_SEQ_CST);
        pthread_create(&connection->thread, NULL, serve_connection, connection);
    }
    return NULL;
}

static SSL_CTX *make_tls(const char *certificate)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, certificate, SSL_FILETYPE_PEM) != 1) {
        abort();
    }
    return tls;
}

loopback *loopback_start(loopback_answer answer, const char *certificate)
{
    loopback *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);

    signal(SIGPIPE, SIG_IGN);
    server->answer = answer;
    server->tls = certificate ? make_tls(certificate) : NULL;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_mutex_init(&server->mutex, NULL);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server->listener, CONNECTIONS_MAX) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&server->thread, NULL, accept_connections, server) != 0) {
        abort();
    }
    server->port = ntohs(address.sin_port);
    return server;
}

void loopback_stop(loopback *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (int i = 0; i < server->accepted; i++) {
        shutdown(server->connections[i].fd, SHUT_RDWR);
        pthread_join(server->connections[i].thread, NULL);
        close(server->connections[i].fd);
    }
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

const char *loopback_url(loopback *server, const char *path)
{
    snprintf(server->url, sizeof(server->url), "%s://127.0.0.1:%d%s",
             server->tls ? "https" : "http", server->port, path);
    return server->url;
}

int loopback_port(const loopback *server)
{
    return server->port;
}

int loopback_accepted(const loopback *server)
{
    return __atomic_load_n(&server->accepted, __ATOMIC_SEQ_CST);
}

int loopback_open(const loopback *server)
{
    return __atomic_load_n(&server->open, __ATOMIC_SEQ_CST);
}

int loopback_requests(const loopback *server)
{
    return __atomic_load_n(&server->requests, __ATOMIC_SEQ_CST);
}

const char *loopback_last(const loopback *server)
{
    return server->last;
}

static int sign(X509 *certificate, EVP_PKEY *key, const char *alternative_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative_name);
    int is_signed = X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                               (const unsigned char *)"loopback", -1, -1, 0) &&
                    X509_set_version(certificate, X509_VERSION_3) &&
                    X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
                    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
                    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
                    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) && names &&
                    X509_add_ext(certificate, names, -1) &&
                    X509_sign(certificate, key, EVP_sha256());

    X509_EXTENSION_free(names);
    return is_signed;
}

int loopback_certificate(const char *file, const char *alternative_name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *out = fopen(file, "w");
    int is_written = key && certificate && out && sign(certificate, key, alternative_name) &&
                     PEM_write_X509(out, certificate) &&
                     PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);

    if (out && fclose(out) != 0) {
        is_written = 0;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_written;
}
