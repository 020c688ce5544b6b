/*
 * Servers that are hostile, broken, slow, or not who they should be: they cost bounded time
 * and memory, and what they say is no answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "curl_scene.h"

static char certificate[] = "/tmp/test_curl_XXXXXX";

/* --- what the servers answer ------------------------------------------------------------ */

/* As many bytes as the path says, until the connection closes. */
static int answer_long(loopback_connection *connection, const char *request)
{
    static const char block[1024];
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    size_t rest = strtoul(request + strlen("GET /"), NULL, 10);
    int goes_on = loopback_send(connection, head, sizeof(head) - 1);

    while (goes_on && rest) {
        size_t len = rest < sizeof(block) ? rest : sizeof(block);

        goes_on = loopback_send(connection, block, len);
        rest -= len;
    }
    return 0;
}

/* Announces more than we take, and sends nothing of it. */
static int answer_announced(loopback_connection *connection, const char *request)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";

    (void)request;
    loopback_send(connection, head, sizeof(head) - 1);
    loopback_wait(connection);
    return 0;
}

static int answer_header_flood(loopback_connection *connection, const char *request)
{
    static const char field[] = "X-Field: 0123456789012345678901234567890123456789\r\n";
    int goes_on = loopback_send(connection, "HTTP/1.1 200 OK\r\n", 17);

    (void)request;
    for (int i = 0; goes_on && i < 3000; i++) {
        goes_on = loopback_send(connection, field, sizeof(field) - 1);
    }
    loopback_send(connection, "Content-Length: 0\r\n\r\n", 21);
    return 0;
}

static int answer_never(loopback_connection *connection, const char *request)
{
    (void)request;
    loopback_wait(connection);
    return 0;
}

/* A byte now and then: always alive, never done. */
static int answer_drop_by_drop(loopback_connection *connection, const char *request)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    int goes_on = loopback_send(connection, head, sizeof(head) - 1);

    (void)request;
    for (int i = 0; goes_on && i < 60; i++) {
        usleep(50000);
        goes_on = loopback_send(connection, "x", 1);
    }
    return 0;
}

static int answer_half(loopback_connection *connection, const char *request)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":";

    (void)request;
    loopback_send(connection, text, sizeof(text) - 1);
    return 0;
}

/* --- servers that mean no good ---------------------------------------------------------- */

static void an_answer_has_a_longest_length(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_long, NULL);
    scene.request.url = apr_pstrdup(scene.pool, loopback_url(scene.server, "/1048576"));
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->body.len, TA_HTTP_BODY_BYTES);
    scene.request.url = apr_pstrdup(scene.pool, loopback_url(scene.server, "/1048577"));
    scene_assert_failed(&scene, "127.0.0.1: the answer is longer than 1048576 bytes");
    scene_close(&scene);
}

static void an_answer_announced_as_too_long_is_not_waited_for(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_announced, NULL);
    scene_assert_failed(&scene, "127.0.0.1: the answer is longer than 1048576 bytes");
    scene_close(&scene);
}

static void a_flood_of_header_fields_is_cut_off(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_header_flood, NULL);
    scene_assert_failed(&scene, "127.0.0.1: the header of the answer is too long");
    scene_close(&scene);
}

static void slow_answers_end_at_the_timeout(void **state)
{
    static const loopback_answer answers[] = {answer_never, answer_drop_by_drop};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct scene scene;
        apr_time_t begun = apr_time_now();

        scene_open(&scene, answers[i], NULL);
        scene.request.timeout_seconds = 1;
        scene_assert_failed(&scene, "127.0.0.1: timeout: ");
        assert_in_range(apr_time_now() - begun, 900000, 2500000);
        scene_close(&scene);
    }
}

static void an_answer_that_ends_early_is_none(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_half, NULL);
    scene_assert_failed(&scene, "127.0.0.1: transfer closed with ");
    scene_close(&scene);
}

static void a_server_that_is_down_is_unreachable(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    loopback_stop(scene.server);
    scene_assert_unsent(&scene, "127.0.0.1: Failed to connect");
    apr_pool_destroy(scene.pool);
}

/* --- TLS -------------------------------------------------------------------------------- */

static void a_certificate_nobody_vouches_for_is_refused(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, certificate);
    scene.request.bearer = "token";
    scene_assert_unsent(&scene, "127.0.0.1: SSL certificate problem");
    assert_int_equal(loopback_requests(scene.server), 0);
    scene.request.ca_file = "/nonexistent";
    scene_assert_unsent(&scene, "127.0.0.1: ");
    scene.request.ca_file = certificate;
    scene_assert_sent(&scene);
    scene_close(&scene);
}

static void a_connection_made_without_verifying_serves_no_verified_request(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, certificate);
    scene.request.insecure = 1;
    scene_assert_sent(&scene);
    scene_assert_sent(&scene);
    assert_int_equal(loopback_accepted(scene.server), 1);
    scene.request.insecure = 0;
    scene_assert_unsent(&scene, "127.0.0.1: SSL certificate problem");
    scene_close(&scene);
}

static void a_certificate_of_another_host_is_refused(void **state)
{
    struct scene scene;
    char other[] = "/tmp/test_curl_XXXXXX";

    (void)state;
    close(mkstemp(other));
    assert_true(loopback_certificate(other, "IP:127.0.0.2"));
    scene_open(&scene, scene_answer_json, other);
    scene.request.ca_file = other;
    scene_assert_unsent(&scene, "127.0.0.1: SSL: no alternative certificate subject name");
    scene_close(&scene);
    unlink(other);
}

static void only_the_given_authorities_are_trusted(void **state)
{
    struct scene scene;
    char other[] = "/tmp/test_curl_XXXXXX";

    (void)state;
    close(mkstemp(other));
    assert_true(loopback_certificate(other, "IP:127.0.0.1"));
    scene_open(&scene, scene_answer_json, certificate);
    scene.request.ca_file = other;
    scene_assert_unsent(&scene, "127.0.0.1: SSL certificate problem");
    scene_close(&scene);
    unlink(other);
}

static int start(void **state)
{
    close(mkstemp(certificate));
    return scene_start(state) || !loopback_certificate(certificate, "IP:127.0.0.1");
}

static int end(void **state)
{
    unlink(certificate);
    return scene_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_a_longest_length),
        cmocka_unit_test(an_answer_announced_as_too_long_is_not_waited_for),
        cmocka_unit_test(a_flood_of_header_fields_is_cut_off),
        cmocka_unit_test(slow_answers_end_at_the_timeout),
        cmocka_unit_test(an_answer_that_ends_early_is_none),
        cmocka_unit_test(a_server_that_is_down_is_unreachable),
        cmocka_unit_test(a_certificate_nobody_vouches_for_is_refused),
        cmocka_unit_test(a_connection_made_without_verifying_serves_no_verified_request),
        cmocka_unit_test(a_certificate_of_another_host_is_refused),
        cmocka_unit_test(only_the_given_authorities_are_trusted),
    };

    return cmocka_run_group_tests(tests, start, end);
}
