/*
 * The HTTP port against real sockets on the loopback address: what it sends, what it makes of
 * sound answers, and which connections it keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "curl_scene.h"

#define THREADS 24
#define KEPT    16 /* idle handles at most */

/* --- what the servers answer ------------------------------------------------------------ */

static int answer_with_nul(loopback_connection *connection, const char *request)
{
    static const char text[] = "HTTP/1.1 404 Not Found\r\nContent-Type: Text/HTML ; charset=UTF-8"
                               "\r\nContent-Length: 3\r\n\r\na\0b";

    (void)request;
    return loopback_send(connection, text, sizeof(text) - 1);
}

static int answer_without_type(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, "200 OK", "");
}

static int answer_redirect(loopback_connection *connection, const char *request)
{
    return strncmp(request, "GET /elsewhere", 14) == 0
               ? scene_answer_json(connection, request)
               : loopback_reply(connection, "302 Found\r\nLocation: /elsewhere", "");
}

static int answer_cookie(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, JSON_HEAD "\r\nSet-Cookie: who=you; Path=/", "{}");
}

static int answer_encoded(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, JSON_HEAD "\r\nContent-Encoding: gzip", "not gzip at all");
}

/* Takes a form and hangs up without a word, as a server does that just decided to close. */
static int answer_get_only(loopback_connection *connection, const char *request)
{
    return strncmp(request, "GET ", 4) == 0 && scene_answer_json(connection, request);
}

static int answer_with_date(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, JSON_HEAD "\r\ndate:  Thu, 01 Jan 1970 00:01:40 GMT", "{}");
}

static int answer_with_odd_date(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, JSON_HEAD "\r\nDate: yesterday, I believe", "{}");
}

/* --- what is sent ----------------------------------------------------------------------- */

static void a_get_carries_what_was_asked_for_and_nothing_more(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    scene.request.accept = "application/json";
    scene.request.bearer = "at.~+/=x";
    scene_assert_sent(&scene);
    scene_assert_was_sent(&scene, "GET /path?code=s3cret HTTP/1.1\r\n");
    scene_assert_was_sent(&scene, "\r\nAccept: application/json\r\n");
    scene_assert_was_sent(&scene, "\r\nAuthorization: Bearer at.~+/=x\r\n");
    scene_assert_was_sent(&scene, "\r\nUser-Agent: test/1.0\r\n");
    scene_assert_was_not_sent(&scene, "Accept-Encoding");
    scene_close(&scene);
}

static void a_form_is_posted_with_basic_credentials(void **state)
{
    struct scene scene;
    char *form;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    /* above 1,024 bytes older versions of libcurl ask for "100 Continue" first */
    form = apr_palloc(scene.pool, 4001);
    memset(form, 'a', 4000);
    form[4000] = '\0';
    scene.request.form = form;
    scene.request.basic = "Aladdin:open sesame";
    scene_assert_sent(&scene);
    scene_assert_was_sent(&scene, "POST /path?code=s3cret HTTP/1.1\r\n");
    scene_assert_was_sent(&scene, "\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    scene_assert_was_sent(&scene, "\r\nContent-Length: 4000\r\n");
    /* the example of RFC 7617 section 2 */
    scene_assert_was_sent(&scene, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    scene_assert_was_sent(&scene, apr_pstrcat(scene.pool, "\r\n\r\n", form, NULL));
    scene_assert_was_not_sent(&scene, "Expect:");
    scene_close(&scene);
}

static void json_is_posted_or_put_with_an_api_key(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    scene.request.json = "{\"a\":\"b\"}";
    scene.request.api_key = "key-1";
    scene_assert_sent(&scene);
    scene_assert_was_sent(&scene, "POST /path?code=s3cret HTTP/1.1\r\n");
    scene_assert_was_sent(&scene, "\r\nContent-Type: application/json\r\n");
    scene_assert_was_not_sent(&scene, "x-www-form-urlencoded");
    scene_assert_was_sent(&scene, "\r\nX-API-KEY: key-1\r\n");
    scene_assert_was_sent(&scene, "\r\n\r\n{\"a\":\"b\"}");
    scene.request.put = 1;
    scene_assert_sent(&scene);
    scene_assert_was_sent(&scene, "PUT /path?code=s3cret HTTP/1.1\r\n");
    scene.request = (ta_http_request){.url = scene.request.url};
    scene_assert_sent(&scene);
    scene_assert_was_sent(&scene, "GET /path");
    scene_assert_was_not_sent(&scene, "X-API-KEY");
    scene_close(&scene);
}

static void nothing_of_one_request_is_left_for_the_next(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_cookie, NULL);
    scene.request.form = "code=abc";
    scene.request.basic = "user:password";
    scene.request.accept = "application/json";
    scene_assert_sent(&scene);
    scene.request.form = scene.request.basic = scene.request.accept = NULL;
    scene_assert_sent(&scene);
    scene_assert_was_sent(&scene, "GET ");
    scene_assert_was_not_sent(&scene, "Authorization:");
    scene_assert_was_not_sent(&scene, "Cookie:");
    scene_assert_was_not_sent(&scene, "code=abc");
    scene_assert_was_not_sent(&scene, "application/json");
    scene_close(&scene);
}

static void a_line_break_in_a_header_value_is_not_sent(void **state)
{
    static const char *const values[] = {"a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rb",
                                         "a\tb",           "a\001b",       "a\177b"};
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        scene.request.bearer = values[i];
        scene.request.accept = NULL;
        scene_assert_unsent(&scene, "127.0.0.1: not sent: a control character in a header");
        scene.request.bearer = NULL;
        scene.request.accept = values[i];
        scene_assert_unsent(&scene, "127.0.0.1: not sent: a control character in a header");
    }
    assert_int_equal(loopback_accepted(scene.server), 0);
    scene_close(&scene);
}

static void endless_credentials_are_not_sent(void **state)
{
    struct scene scene;
    char *credentials;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    credentials = apr_palloc(scene.pool, 16386);
    memset(credentials, 'a', 16385);
    credentials[16385] = '\0';
    scene.request.basic = credentials;
    scene_assert_unsent(&scene, "127.0.0.1: not sent: the credentials are too long");
    scene_close(&scene);
}

static void only_http_and_https_urls_without_a_user_are_asked(void **state)
{
    static const char *const urls[] = {NULL,
                                       "",
                                       "file:///etc/passwd",
                                       "ftp://127.0.0.1/",
                                       "gopher://127.0.0.1:70/_",
                                       "127.0.0.1",
                                       "http://user:s3cret@127.0.0.1/",
                                       "http://127.0.0.1/ HTTP/1.1",
                                       "http://127.0.0.1/\r\nX-Evil: 1"};
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        scene.request.url = urls[i];
        scene_assert_unsent(&scene, "not sent: the address is no http or https URL");
    }
    scene_close(&scene);
}

/* A server may close a kept connection at the very moment at which we use it. libcurl then
 * tries again on a new one; done with a token request, that spends the code twice. */
static void a_form_is_never_sent_twice(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_get_only, NULL);
    scene_assert_sent(&scene);
    scene.request.form = "grant_type=authorization_code&code=s3cret";
    scene_assert_failed(&scene, "127.0.0.1: ");
    assert_int_equal(loopback_requests(scene.server), 2);
    scene_close(&scene);
}

/* --- what is made of answers ------------------------------------------------------------ */

static void an_answer_is_its_status_type_and_all_its_bytes(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_with_nul, NULL);
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->status, 404);
    assert_string_equal(scene.response->content_type, "text/html");
    assert_int_equal(scene.response->body.len, 3);
    assert_memory_equal(scene.response->body.data, "a\0b", 4);
    scene_close(&scene);
}

static void the_date_of_an_answer_is_read(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_with_date, NULL);
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->date, 100);
    scene_close(&scene);
    scene_open(&scene, answer_with_odd_date, NULL);
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->date, 0);
    scene_close(&scene);
    scene_open(&scene, scene_answer_json, NULL);
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->date, 0);
    scene_close(&scene);
}

static void an_empty_answer_is_an_answer(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_without_type, NULL);
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->status, 200);
    assert_string_equal(scene.response->content_type, "");
    assert_int_equal(scene.response->body.len, 0);
    assert_string_equal((const char *)scene.response->body.data, "");
    scene_close(&scene);
}

static void a_redirect_is_not_followed(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_redirect, NULL);
    scene_assert_sent(&scene);
    assert_int_equal(scene.response->status, 302);
    assert_int_equal(loopback_requests(scene.server), 1);
    scene_close(&scene);
}

static void a_compressed_answer_stays_compressed(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, answer_encoded, NULL);
    scene_assert_sent(&scene);
    assert_string_equal((const char *)scene.response->body.data, "not gzip at all");
    scene_close(&scene);
}

/* --- connections ------------------------------------------------------------------------ */

static void a_connection_is_used_again(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    for (int i = 0; i < 5; i++) {
        scene_assert_sent(&scene);
    }
    assert_int_equal(loopback_accepted(scene.server), 1);
    scene_close(&scene);
}

/* A form always gets a connection of its own: those of the forms before it do not pile up. */
static void forms_leave_few_connections(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    scene.request.form = "grant_type=authorization_code";
    for (int i = 0; i < 8; i++) {
        scene_assert_sent(&scene);
    }
    assert_int_equal(loopback_accepted(scene.server), 8);
    for (int i = 0; i < 200 && loopback_open(scene.server) > 2; i++) {
        apr_sleep(10000);
    }
    assert_in_range(loopback_open(scene.server), 0, 2);
    scene_close(&scene);
}

static void *send_some(void *data)
{
    struct scene scene = *(struct scene *)data; /* with request and answer of its own */
    apr_status_t rv = APR_SUCCESS;

    apr_pool_create(&scene.pool, NULL);
    for (int i = 0; i < 5 && rv == APR_SUCCESS; i++) {
        rv = scene_send(&scene);
    }
    apr_pool_destroy(scene.pool);
    return rv == APR_SUCCESS ? NULL : data;
}

/* Gives the server's threads time to notice that a connection was closed. */
static int open_after_a_while(const struct scene *scene, int most)
{
    for (int i = 0; i < 200 && loopback_open(scene->server) > most; i++) {
        usleep(10000);
    }
    return loopback_open(scene->server);
}

static void many_threads_share_a_port_that_keeps_few_connections(void **state)
{
    struct scene scene;
    pthread_t threads[THREADS];
    void *failure;

    (void)state;
    scene_open(&scene, scene_answer_json, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_some, &scene), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failure);
        assert_null(failure);
    }
    assert_int_equal(loopback_requests(scene.server), THREADS * 5);
    assert_in_range(open_after_a_while(&scene, KEPT), 1, KEPT);
    apr_pool_destroy(scene.pool);
    assert_int_equal(open_after_a_while(&scene, 0), 0);
    loopback_stop(scene.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_carries_what_was_asked_for_and_nothing_more),
        cmocka_unit_test(a_form_is_posted_with_basic_credentials),
        cmocka_unit_test(json_is_posted_or_put_with_an_api_key),
        cmocka_unit_test(nothing_of_one_request_is_left_for_the_next),
        cmocka_unit_test(a_line_break_in_a_header_value_is_not_sent),
        cmocka_unit_test(endless_credentials_are_not_sent),
        cmocka_unit_test(only_http_and_https_urls_without_a_user_are_asked),
        cmocka_unit_test(a_form_is_never_sent_twice),
        cmocka_unit_test(an_answer_is_its_status_type_and_all_its_bytes),
        cmocka_unit_test(the_date_of_an_answer_is_read),
        cmocka_unit_test(an_empty_answer_is_an_answer),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(a_compressed_answer_stays_compressed),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(forms_leave_few_connections),
        cmocka_unit_test(many_threads_share_a_port_that_keeps_few_connections),
    };

    return cmocka_run_group_tests(tests, scene_start, scene_end);
}
