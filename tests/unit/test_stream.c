/*
 * A server by name, address, TLS or Unix socket: who is to be trusted there, what is said about
 * one that is not or does not answer, and which connections are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "canned.h"
#include "loopback.h"
#include "net/peer.h"

#define TEXT(literal) (literal), sizeof(literal) - 1
#define QUESTION      "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
#define KEPT          32 /* connections that a peer keeps at most */

typedef struct scene {
    apr_pool_t *pool;
    loopback *server;
    canned *canned;
    ta_peer_settings settings;
    ta_peer *peer;
    ta_log log;
    char line[512]; /* the last of the log */
    int lines;
    char directory[32];
    const char *certificate;
    int nesting; /* so many questions more within a question */
} scene;

static void keep_line(void *context, ta_log_level level, apr_status_t status, const char *message)
{
    scene *s = context;

    (void)level, (void)status;
    s->lines++;
    apr_cpystrn(s->line, message, sizeof(s->line));
}

static int begin(void **state)
{
    scene *s = calloc(1, sizeof(*s));

    apr_cpystrn(s->directory, "/tmp/tinyauth-XXXXXX", sizeof(s->directory));
    if (apr_initialize() != APR_SUCCESS || !mkdtemp(s->directory)) {
        return -1;
    }
    apr_pool_create(&s->pool, NULL);
    s->certificate = apr_pstrcat(s->pool, s->directory, "/certificate.pem", NULL);
    s->log = (ta_log){.write = keep_line, .context = s};
    s->settings = (ta_peer_settings){.name = "the server", .host = "127.0.0.1", .timeout = 5000};
    *state = s;
    return 0;
}

static int end(void **state)
{
    scene *s = *state;

    unlink(s->certificate);
    apr_pool_destroy(s->pool);
    if (s->server) {
        loopback_stop(s->server);
    }
    if (s->canned) {
        canned_stop(s->canned);
    }
    rmdir(s->directory);
    free(s);
    return 0;
}

static int answer_and_keep(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, "200 OK", "");
}

static int answer_and_close(loopback_connection *connection, const char *request)
{
    (void)request;
    (void)loopback_reply(connection, "200 OK", "");
    return 0;
}

static void start(scene *s, loopback_answer answer, const char *certificate)
{
    s->server = loopback_start(answer, certificate);
    s->settings.port = loopback_port(s->server);
}

/* A server with a certificate for these names, which is also the authority that is trusted. */
static void start_tls(scene *s, loopback_answer answer, const char *names)
{
    assert_true(loopback_certificate(s->certificate, names));
    start(s, answer, s->certificate);
    assert_int_equal(ta_stream_tls_make(s->pool, s->certificate, &s->settings.tls), APR_SUCCESS);
}

static apr_status_t ask(scene *s);

/* Asks, and reads to the end of a header; before that as many times more as the scene wants. */
static apr_status_t exchange(void *context, ta_stream *stream, apr_int64_t deadline)
{
    scene *s = context;
    char text[4096];
    apr_size_t used = 0;
    apr_status_t rv =
        ta_stream_write(stream, (ta_bytes){(const unsigned char *)TEXT(QUESTION)}, deadline);

    if (s->nesting > 0) {
        s->nesting--;
        assert_int_equal(ask(s), APR_SUCCESS);
    }
    text[0] = '\0';
    while (rv == APR_SUCCESS && !strstr(text, "\r\n\r\n")) {
        apr_size_t len = sizeof(text) - 1 - used;

        rv = ta_stream_read(stream, text + used, &len, deadline);
        used += len;
        text[used] = '\0';
    }
    return rv;
}

static apr_status_t ask(scene *s)
{
    if (!s->peer) {
        assert_int_equal(ta_peer_make(s->pool, &s->settings, &s->log, &s->peer), APR_SUCCESS);
    }
    return ta_peer_ask(s->peer, exchange, s);
}

static void test_a_certificate_for_the_address_is_trusted(void **state)
{
    scene *s = *state;

    start_tls(s, answer_and_keep, "IP:127.0.0.1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(s), APR_SUCCESS);
    }
    assert_int_equal(loopback_accepted(s->server), 1);
    assert_string_equal(loopback_last(s->server), QUESTION);
    assert_int_equal(s->lines, 0);
}

static void test_a_certificate_for_the_name_is_trusted(void **state)
{
    scene *s = *state;

    s->settings.host = "localhost";
    start_tls(s, answer_and_keep, "DNS:localhost");
    assert_int_equal(ask(s), APR_SUCCESS);
    assert_int_equal(ask(s), APR_SUCCESS);
    assert_int_equal(loopback_accepted(s->server), 1);
}

/* Nothing is asked of a server that is somebody else, and the log says why. */
static void assert_untrusted(scene *s, const char *why)
{
    assert_int_equal(ask(s), APR_EGENERAL);
    assert_int_equal(loopback_requests(s->server), 0);
    assert_int_equal(s->lines, 1);
    assert_non_null(strstr(s->line, "TA0403"));
    assert_non_null(strstr(s->line, why));
    /* which is said once a minute */
    assert_int_equal(ask(s), APR_EGENERAL);
    assert_int_equal(s->lines, 1);
}

static void test_a_certificate_for_another_address_is_not(void **state)
{
    scene *s = *state;

    start_tls(s, answer_and_keep, "IP:127.0.0.2,DNS:127.0.0.1,DNS:localhost");
    assert_untrusted(s, "mismatch");
}

static void test_a_certificate_for_another_name_is_not(void **state)
{
    scene *s = *state;

    s->settings.host = "localhost";
    start_tls(s, answer_and_keep, "IP:127.0.0.1,DNS:localhost.example.com,DNS:*ocalhost");
    assert_untrusted(s, "mismatch");
}

static void test_a_certificate_of_an_unknown_authority_is_not(void **state)
{
    scene *s = *state;

    start_tls(s, answer_and_keep, "IP:127.0.0.1");
    assert_int_equal(ta_stream_tls_make(s->pool, NULL, &s->settings.tls), APR_SUCCESS);
    assert_untrusted(s, "self");
}

static void test_a_server_without_tls_is_not(void **state)
{
    static const canned_answer answers[] = {{TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), 1}};
    scene *s = *state;

    s->canned = canned_start(answers, 1);
    s->settings.port = canned_port(s->canned);
    assert_int_equal(ta_stream_tls_make(s->pool, NULL, &s->settings.tls), APR_SUCCESS);
    assert_int_equal(ask(s), APR_EGENERAL);
    assert_non_null(strstr(s->line, "TA0403"));
    assert_non_null(strstr(s->line, "the TLS handshake failed"));
    assert_null(memmem(canned_asked(s->canned), 4, "GET ", 4));
}

static void test_a_handshake_that_never_ends_is_given_up_in_time(void **state)
{
    static const canned_answer answers[] = {{TEXT(""), 1}};
    scene *s = *state;
    apr_time_t before = apr_time_now();

    s->canned = canned_start(answers, 1);
    s->settings.port = canned_port(s->canned);
    s->settings.timeout = 300;
    assert_int_equal(ta_stream_tls_make(s->pool, NULL, &s->settings.tls), APR_SUCCESS);
    assert_int_equal(ask(s), APR_TIMEUP);
    assert_true(apr_time_now() - before < apr_time_from_sec(2));
    assert_non_null(strstr(s->line, "TA0402"));
}

static void test_a_file_without_authorities_is_an_error(void **state)
{
    scene *s = *state;
    FILE *file = fopen(s->certificate, "w");
    ta_stream_tls *tls;

    assert_int_equal(ta_stream_tls_make(s->pool, "/nowhere/ca.pem", &tls), APR_EGENERAL);
    assert_non_null(file);
    assert_true(fputs("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n", file) >=
                0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(ta_stream_tls_make(s->pool, s->certificate, &tls), APR_EGENERAL);
}

static void wait_until_open(const scene *s, int expected)
{
    for (int i = 0; i < 2000 && loopback_open(s->server) != expected; i++) {
        apr_sleep(1000);
    }
    assert_int_equal(loopback_open(s->server), expected);
}

/* With and without TLS: the next question goes to a fresh one, and nobody hears of it. */
static void test_a_connection_that_was_closed_is_not_used_again(void **state)
{
    scene *s = *state;

    start_tls(s, answer_and_close, "IP:127.0.0.1");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(ask(s), APR_SUCCESS);
        assert_int_equal(loopback_accepted(s->server), i);
        wait_until_open(s, 0);
    }
    assert_int_equal(s->lines, 0);
}

static void test_so_many_connections_are_kept_and_no_more(void **state)
{
    scene *s = *state;

    start(s, answer_and_keep, NULL);
    s->nesting = KEPT + 4;
    assert_int_equal(ask(s), APR_SUCCESS);
    assert_int_equal(loopback_accepted(s->server), KEPT + 5);
    wait_until_open(s, KEPT);
    assert_int_equal(ask(s), APR_SUCCESS);
    assert_int_equal(loopback_accepted(s->server), KEPT + 5);
}

static void test_a_port_where_nobody_listens_is_unreachable(void **state)
{
    scene *s = *state;

    start(s, answer_and_keep, NULL);
    loopback_stop(s->server);
    s->server = NULL;
    assert_int_equal(ask(s), APR_ECONNREFUSED);
    assert_non_null(strstr(s->line, "TA0401"));
}

/* RFC 6761 6.4: no name below it exists. Where nobody answers for names at all, it takes longer. */
static void test_a_name_that_nobody_has_is_unreachable(void **state)
{
    scene *s = *state;
    apr_status_t rv;

    s->settings.host = "nobody.invalid";
    s->settings.timeout = 1000;
    s->settings.port = 1;
    rv = ask(s);
    if (rv == APR_TIMEUP) {
        assert_non_null(strstr(s->line, "nobody says where the host is"));
    } else {
        assert_int_equal(rv, APR_EGENERAL);
        assert_non_null(strstr(s->line, "there is no such host"));
    }
    assert_int_equal(s->lines, 1);
}

static void test_a_path_must_be_one_of_a_socket(void **state)
{
    scene *s = *state;
    char *path = apr_pcalloc(s->pool, 201);

    memset(path, 'a', 200);
    path[0] = '/';
    s->settings.path = path;
    assert_int_equal(ask(s), APR_ENAMETOOLONG);
    assert_non_null(strstr(s->line, "TA0401"));
    s->peer = NULL;
    s->settings.path = apr_pstrcat(s->pool, s->directory, "/nobody.sock", NULL);
    assert_int_equal(ask(s), APR_ENOENT);
}

static apr_status_t tell(void *context, ta_stream *stream, apr_int64_t deadline)
{
    (void)context;
    return ta_stream_write(stream, (ta_bytes){(const unsigned char *)TEXT(QUESTION)}, deadline);
}

/* More than a socket takes before somebody reads. */
static apr_status_t tell_much(void *context, ta_stream *stream, apr_int64_t deadline)
{
    const scene *s = context;

    return ta_stream_write(stream, (ta_bytes){apr_pcalloc(s->pool, 32 << 20), 32 << 20}, deadline);
}

static void test_a_unix_socket_is_as_good_as_a_port(void **state)
{
    scene *s = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    char text[sizeof(QUESTION)] = "";

    s->settings.path = apr_pstrcat(s->pool, s->directory, "/server.sock", NULL);
    s->settings.timeout = 300;
    apr_cpystrn(address.sun_path, s->settings.path, sizeof(address.sun_path));
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(ta_peer_make(s->pool, &s->settings, &s->log, &s->peer), APR_SUCCESS);
    assert_int_equal(ta_peer_ask(s->peer, tell, s), APR_SUCCESS);
    fd = accept(listener, NULL, NULL);
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_WAITALL), sizeof(text) - 1);
    assert_string_equal(text, QUESTION);
    /* on the same connection: what nobody reads, and what nobody answers */
    assert_int_equal(ta_peer_ask(s->peer, tell_much, s), APR_TIMEUP);
    assert_non_null(strstr(s->line, "TA0402"));
    close(fd);
    close(listener);
    unlink(address.sun_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_certificate_for_the_address_is_trusted),
        TEST(test_a_certificate_for_the_name_is_trusted),
        TEST(test_a_certificate_for_another_address_is_not),
        TEST(test_a_certificate_for_another_name_is_not),
        TEST(test_a_certificate_of_an_unknown_authority_is_not),
        TEST(test_a_server_without_tls_is_not),
        TEST(test_a_handshake_that_never_ends_is_given_up_in_time),
        TEST(test_a_file_without_authorities_is_an_error),
        TEST(test_a_connection_that_was_closed_is_not_used_again),
        TEST(test_so_many_connections_are_kept_and_no_more),
        TEST(test_a_port_where_nobody_listens_is_unreachable),
        TEST(test_a_name_that_nobody_has_is_unreachable),
        TEST(test_a_path_must_be_one_of_a_socket),
        TEST(test_a_unix_socket_is_as_good_as_a_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
