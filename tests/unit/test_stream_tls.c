/*
 * A stream over TLS: what OpenSSL noted for somebody else is no failure of ours, and a kept
 * connection is good for the next question only while nothing has come on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <apr_general.h>
#include <apr_time.h>

#include "loopback.h"
#include "net/stream.h"

#define QUESTION "GET / HTTP/1.1\r\n\r\n"
#define WAIT_MS  2000

typedef struct scene {
    apr_pool_t *pool;
    loopback *server;
    char ca_file[32];
    ta_stream_target target;
    ta_stream *stream;
} scene;

static int begin(void **state)
{
    (void)state;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

static scene *start(loopback_answer answer)
{
    scene *s = calloc(1, sizeof(*s));
    const char *why;

    assert_int_equal(apr_pool_create(&s->pool, NULL), APR_SUCCESS);
    memcpy(s->ca_file, "/tmp/tinyauth-XXXXXX", sizeof("/tmp/tinyauth-XXXXXX"));
    close(mkstemp(s->ca_file));
    assert_int_equal(loopback_certificate(s->ca_file, "IP:127.0.0.1"), 1);
    s->server = loopback_start(answer, s->ca_file);
    s->target.host = "127.0.0.1";
    s->target.names = ta_stream_names_make(s->pool, s->target.host, loopback_port(s->server));
    assert_int_equal(ta_stream_tls_make(s->pool, s->ca_file, &s->target.tls), APR_SUCCESS);
    assert_int_equal(ta_stream_open(&s->target, ta_stream_deadline(WAIT_MS), &s->stream, &why),
                     APR_SUCCESS);
    return s;
}

static void stop(scene *s)
{
    ta_stream_close(s->stream);
    loopback_stop(s->server);
    apr_pool_destroy(s->pool);
    unlink(s->ca_file);
    free(s);
}

/* Asks, and reads so many bytes. */
static void ask(scene *s, const char *answer)
{
    apr_int64_t deadline = ta_stream_deadline(WAIT_MS);
    char buffer[64] = "";
    apr_size_t len = strlen(answer);

    assert_int_equal(ta_stream_write(s->stream,
                                     (ta_bytes){(const unsigned char *)QUESTION, strlen(QUESTION)},
                                     deadline),
                     APR_SUCCESS);
    assert_int_equal(ta_stream_read(s->stream, buffer, &len, deadline), APR_SUCCESS);
    assert_string_equal(buffer, answer);
}

/* Whether it is no longer quiet before long; what the server sends takes its time. */
static int gets_loud(const scene *s)
{
    apr_int64_t deadline = ta_stream_deadline(WAIT_MS);

    while (ta_stream_is_quiet(s->stream)) {
        if (ta_stream_deadline(0) > deadline) {
            return 0;
        }
        apr_sleep(apr_time_from_msec(1));
    }
    return 1;
}

/* So late that whoever asked waits for it. */
static int answer_late(loopback_connection *connection, const char *request)
{
    (void)request;
    apr_sleep(apr_time_from_msec(50));
    return loopback_send(connection, "yes", 3);
}

static void test_errors_of_others_are_not_ours(void **state)
{
    scene *s = start(answer_late);

    (void)state;
    /* as another module of httpd leaves it in this thread: SSL_get_error takes what it finds
     * there for the reason why a read has to wait */
    ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
    ask(s, "yes");
    ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
    assert_true(ta_stream_is_quiet(s->stream));
    ask(s, "yes");
    ERR_clear_error();
    stop(s);
}

static int answer_and_more(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_send(connection, "yes", 3) && loopback_send(connection, "no", 2);
}

static int answer_and_close(loopback_connection *connection, const char *request)
{
    (void)request;
    loopback_send(connection, "yes", 3);
    return 0;
}

/* More would be taken for the answer to the next question. */
static void test_who_sends_more_or_closes_is_not_quiet(void **state)
{
    static const loopback_answer answers[] = {answer_and_more, answer_and_close};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        scene *s = start(answers[i]);

        ask(s, "yes");
        assert_true(gets_loud(s));
        stop(s);
    }
}

/* The tickets of TLS 1.3, which come when the server likes, are no answer. */
static void test_session_tickets_are_quiet(void **state)
{
    scene *s = start(answer_late);

    (void)state;
    for (int i = 0; i < 3; i++) {
        ask(s, "yes");
        apr_sleep(apr_time_from_msec(20));
        assert_true(ta_stream_is_quiet(s->stream));
    }
    assert_int_equal(loopback_accepted(s->server), 1);
    stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_of_others_are_not_ours),
        cmocka_unit_test(test_who_sends_more_or_closes_is_not_quiet),
        cmocka_unit_test(test_session_tickets_are_quiet),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
