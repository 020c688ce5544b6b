/*
 * The connections to a server that are kept: what becomes of them when the way to it breaks
 * without a word, as it does when another machine takes its address over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "loopback.h"
#include "net/peer.h"

#define QUESTION   "GET / HTTP/1.1\r\n\r\n"
#define KEPT       4
#define TIMEOUT_MS 300
#define QUIET_MS   250 /* more than peer.c is quiet after a deadline has passed */

static int is_broken; /* atomic: connections that there were before get no answer any more */
static int waiting;   /* atomic: questions that wait for others */
static __thread int is_old;

/* Answers when all of the first ones have asked, so that each has a connection of its own. */
static int answer(loopback_connection *connection, const char *request)
{
    (void)request;
    if (__atomic_load_n(&is_broken, __ATOMIC_SEQ_CST)) {
        if (!is_old) {
            return loopback_send(connection, "y", 1);
        }
        loopback_wait(connection);
        return 0;
    }
    is_old = 1;
    __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < KEPT) {
        apr_sleep(apr_time_from_msec(1));
    }
    return loopback_send(connection, "y", 1);
}

static apr_status_t exchange(void *context, ta_stream *stream, apr_int64_t deadline)
{
    ta_bytes question = {(const unsigned char *)QUESTION, strlen(QUESTION)};
    apr_status_t rv = ta_stream_write(stream, question, deadline);
    apr_size_t len = 1;
    char byte;

    (void)context;
    return rv == APR_SUCCESS ? ta_stream_read(stream, &byte, &len, deadline) : rv;
}

static void *ask(void *peer)
{
    return ta_peer_ask(peer, exchange, NULL) == APR_SUCCESS ? peer : NULL;
}

static void ask_at_once(ta_peer *peer)
{
    pthread_t threads[KEPT];
    void *answered;

    for (int i = 0; i < KEPT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask, peer), 0);
    }
    for (int i = 0; i < KEPT; i++) {
        pthread_join(threads[i], &answered);
        assert_non_null(answered);
    }
}

static void test_one_deadline_tells_of_all_kept_connections(void **state)
{
    loopback *server = loopback_start(answer, NULL);
    ta_peer_settings settings = {
        .name = "the server",
        .host = "127.0.0.1",
        .port = loopback_port(server),
        .timeout = TIMEOUT_MS,
    };
    apr_pool_t *p;
    ta_peer *peer;

    (void)state;
    apr_pool_create(&p, NULL);
    assert_int_equal(ta_peer_make(p, &settings, NULL, &peer), APR_SUCCESS);
    ask_at_once(peer);
    assert_int_equal(loopback_accepted(server), KEPT);
    __atomic_store_n(&is_broken, 1, __ATOMIC_SEQ_CST);
    assert_int_equal(ta_peer_ask(peer, exchange, NULL), APR_TIMEUP);
    apr_sleep(apr_time_from_msec(QUIET_MS));
    assert_int_equal(ta_peer_ask(peer, exchange, NULL), APR_SUCCESS);
    assert_int_equal(loopback_accepted(server), KEPT + 1);
    apr_pool_destroy(p);
    loopback_stop(server);
}

static apr_status_t ask_once(const ta_peer_settings *settings)
{
    apr_pool_t *p;
    ta_peer *peer;
    apr_status_t rv;

    apr_pool_create(&p, NULL);
    assert_int_equal(ta_peer_make(p, settings, NULL, &peer), APR_SUCCESS);
    rv = ta_peer_ask(peer, exchange, NULL);
    apr_pool_destroy(p);
    return rv;
}

/* A store that cannot be asked is no store that has nothing. */
static void test_a_server_that_nobody_knows_has_not_answered(void **state)
{
    const ta_peer_settings settings = {
        .name = "the server", .host = "no..name", .port = 6379, .timeout = 5000};

    (void)state;
    assert_int_equal(ask_once(&settings), APR_EGENERAL);
}

/* Its queue is full. The system says EAGAIN, which to a caller means that a record has changed. */
static void test_a_socket_that_nobody_serves_is_silent(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), waiting_fds[8];
    ta_peer_settings settings = {.name = "the server", .timeout = TIMEOUT_MS};

    (void)state;
    (void)apr_snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/tinyauth-test-%ld.sock",
                       (long)getpid());
    settings.path = address.sun_path;
    (void)unlink(address.sun_path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (size_t i = 0; i < sizeof(waiting_fds) / sizeof(*waiting_fds); i++) {
        waiting_fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(waiting_fds[i], (struct sockaddr *)&address, sizeof(address));
    }
    assert_int_equal(ask_once(&settings), APR_TIMEUP);
    for (size_t i = 0; i < sizeof(waiting_fds) / sizeof(*waiting_fds); i++) {
        close(waiting_fds[i]);
    }
    close(listener);
    (void)unlink(address.sun_path);
}

static int begin(void **state)
{
    (void)state;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_deadline_tells_of_all_kept_connections),
        cmocka_unit_test(test_a_server_that_nobody_knows_has_not_answered),
        cmocka_unit_test(test_a_socket_that_nobody_serves_is_silent),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
