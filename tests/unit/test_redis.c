/*
 * Redis on the wire: what is sent, what comes back, and bytes that no honest server sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "canned.h"
#include "net/redis.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* len of a literal, for answers that hold NULs */
#define TEXT(literal) (literal), sizeof(literal) - 1

typedef struct scene {
    apr_pool_t *pool;
    canned *server;
    ta_redis_settings settings;
    ta_redis *redis;
    ta_log log;
    char line[512]; /* the last of the log */
    int lines;
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
    (void)state;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

static scene *start(const canned_answer *answers, int count)
{
    scene *s = calloc(1, sizeof(*s));

    apr_pool_create(&s->pool, NULL);
    s->server = canned_start(answers, count);
    s->log = (ta_log){.write = keep_line, .context = s};
    s->settings.peer.name = "the server";
    s->settings.peer.host = "127.0.0.1";
    s->settings.peer.port = canned_port(s->server);
    s->settings.peer.timeout = 300;
    return s;
}

static apr_status_t ask(scene *s, ta_redis_reply **reply)
{
    ta_bytes words[] = {{(const unsigned char *)"GET", 3}, {(const unsigned char *)"a\0b", 3}};

    if (!s->redis) {
        assert_int_equal(ta_redis_make(s->pool, &s->settings, &s->log, &s->redis), APR_SUCCESS);
    }
    return ta_redis_call(s->redis, s->pool, words, COUNT(words), reply);
}

static void stop(scene *s)
{
    apr_pool_destroy(s->pool);
    canned_stop(s->server);
    free(s);
}

static void test_a_command_is_sent_whole_and_its_reply_read(void **state)
{
    static const canned_answer answers[] = {
        {TEXT("$4\r\nx\r\ny\r\n"), 1},
        {TEXT("$-1\r\n"), 1},
        {TEXT(":42\r\n"), 1},
        {TEXT("+OK\r\n"), 1},
        {TEXT("$0\r\n\r\n"), 1},
        {TEXT("-OOM too much\r\n"), 1},
        {TEXT("*3\r\n$1\r\na\r\n$-1\r\n*1\r\n:1\r\n"), 1},
    };
    scene *s = start(answers, COUNT(answers));
    ta_redis_reply *reply;

    (void)state;
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->kind, TA_REDIS_BYTES);
    assert_int_equal(reply->bytes.len, 4);
    assert_memory_equal(reply->bytes.data, "x\r\ny", 5);
    assert_memory_equal(canned_asked(s->server), "*2\r\n$3\r\nGET\r\n$3\r\na\0b\r\n", 22);
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->kind, TA_REDIS_NIL);
    assert_null(reply->bytes.data);
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->integer, 42);
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->kind, TA_REDIS_STATUS);
    assert_false(ta_redis_is_error(reply, "OK"));
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_non_null(reply->bytes.data);
    assert_int_equal(reply->bytes.len, 0);
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_true(ta_redis_is_error(reply, "OOM"));
    assert_false(ta_redis_is_error(reply, "OOX"));
    assert_false(ta_redis_is_error(reply, "OOM too much of it"));
    assert_int_equal(ta_redis_explain(s->redis, s->pool, reply), APR_ENOSPC);
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->count, 3);
    assert_int_equal(reply->items[1]->kind, TA_REDIS_NIL);
    assert_int_equal(reply->items[2]->items[0]->integer, 1);
    assert_int_equal(canned_accepted(s->server), 1);
    stop(s);
}

/* None of these is a reply; none may crash, hang, or eat the machine's memory. */
static void test_bytes_that_no_honest_server_sends(void **state)
{
    static const canned_answer cases[] = {
        {TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), 1},
        {TEXT("\0\0\0\0"), 1},
        {TEXT("\x15\x03\x01\x00\x02\x02\x46"), 1},
        {TEXT("*1000000000\r\n"), 1},
        {TEXT("*4294967296\r\n"), 1},
        {TEXT("*9223372036854775807\r\n"), 1},
        {TEXT("*-2\r\n"), 1},
        {TEXT("$-2\r\n"), 1},
        {TEXT("$x\r\n"), 1},
        {TEXT(":\r\n"), 1},
        {TEXT(":99999999999999999999999\r\n"), 1},
        {TEXT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"), 1},
        {TEXT("+OK\r\n+OK\r\n"), 1},
        {TEXT("$1\r\naa\r\n:1\r\n"), 1},
        {TEXT("%1\r\n+a\r\n+b\r\n"), 1},
        {TEXT(",1.5\r\n"), 1},
        {TEXT("#t\r\n"), 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        scene *s = start(&cases[i], 1);
        ta_redis_reply *reply;
        apr_status_t rv = ask(s, &reply);

        if (rv == APR_SUCCESS) { /* a length that lies may still end in something readable */
            assert_true(reply->kind == TA_REDIS_NIL || reply->kind == TA_REDIS_ERROR ||
                        reply->kind == TA_REDIS_INTEGER);
        }
        assert_true(rv != APR_NOTFOUND && rv != APR_EEXIST && rv != APR_EAGAIN);
        stop(s);
    }
}

static void test_a_reply_that_never_ends_is_given_up_in_time(void **state)
{
    static const canned_answer cases[] = {
        {TEXT(""), 1},    {TEXT("$"), 1}, {TEXT("$536870912\r\nabc"), 1}, {TEXT("*3\r\n:1\r\n"), 1},
        {TEXT("+OK"), 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        scene *s = start(&cases[i], 1);
        apr_time_t before = apr_time_now();
        ta_redis_reply *reply;

        assert_int_equal(ask(s, &reply), APR_TIMEUP);
        assert_true(apr_time_now() - before < apr_time_from_msec(900));
        /* and who comes right behind does not wait at all */
        before = apr_time_now();
        assert_int_equal(ask(s, &reply), APR_TIMEUP);
        assert_true(apr_time_now() - before < apr_time_from_msec(100));
        assert_int_equal(s->lines, 1);
        assert_non_null(strstr(s->line, "TA0402"));
        stop(s);
    }
}

static void test_a_connection_that_died_idle_is_replaced_once(void **state)
{
    static const canned_answer answers[] = {
        {TEXT(":1\r\n"), 1}, {TEXT(""), 0}, {TEXT(":2\r\n"), 1},
        {TEXT(""), 0},       {TEXT(""), 0}, {TEXT(":3\r\n"), 1},
    };
    scene *s = start(answers, COUNT(answers));
    ta_redis_reply *reply;

    (void)state;
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(ask(s, &reply), APR_SUCCESS); /* closed, and asked again */
    assert_int_equal(reply->integer, 2);
    assert_int_equal(canned_accepted(s->server), 2);
    assert_int_equal(s->lines, 0);
    assert_int_equal(ask(s, &reply), APR_EOF); /* closed twice */
    assert_int_equal(canned_accepted(s->server), 3);
    assert_non_null(strstr(s->line, "TA0401"));
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->integer, 3);
    assert_non_null(strstr(s->line, "TA0400"));
    stop(s);
}

/* After a failover the name may belong to another server, while this one goes on as a replica. */
static void test_a_server_that_became_a_replica_is_left(void **state)
{
    static const canned_answer answers[] = {
        {TEXT(":1\r\n"), 1},
        {TEXT("-READONLY You can't write against a read only replica.\r\n"), 1},
        {TEXT("-ERR Error running script: -READONLY You can't write\r\n"), 1},
        {TEXT(":2\r\n"), 1},
    };
    scene *s = start(answers, COUNT(answers));
    ta_redis_reply *reply;

    (void)state;
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    for (int connections = 1; connections <= 2; connections++) {
        assert_int_equal(ask(s, &reply), APR_SUCCESS);
        assert_int_equal(reply->kind, TA_REDIS_ERROR);
        assert_int_equal(canned_accepted(s->server), connections);
    }
    assert_int_equal(ta_redis_explain(s->redis, s->pool, reply), APR_EGENERAL);
    assert_non_null(strstr(s->line, "TA0406"));
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->integer, 2);
    assert_int_equal(canned_accepted(s->server), 3);
    stop(s);
}

static void test_the_greeting_comes_first_and_its_refusal_ends_it(void **state)
{
    static const canned_answer answers[] = {
        {TEXT("+OK\r\n"), 1},
        {TEXT("+OK\r\n"), 1},
        {TEXT(":1\r\n"), 1},
        {TEXT(":2\r\n"), 1},
    };
    static const char greeting[] = "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$12\r\nsecret words\r\n"
                                   "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$3\r\nGET";
    static const canned_answer refusal[] = {{TEXT("-WRONGPASS invalid\r\n"), 1}};
    scene *s = start(answers, COUNT(answers));
    ta_redis_reply *reply;

    (void)state;
    s->settings.user = "me";
    s->settings.password = "secret words";
    s->settings.database = 3;
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->integer, 1);
    assert_ptr_equal(strstr(canned_asked(s->server), greeting), canned_asked(s->server));
    assert_int_equal(ask(s, &reply), APR_SUCCESS);
    assert_int_equal(reply->integer, 2);
    stop(s);

    s = start(refusal, 1);
    s->settings.password = "secret words";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(s, &reply), APR_EGENERAL);
    }
    assert_int_equal(s->lines, 1);
    assert_non_null(strstr(s->line, "WRONGPASS"));
    assert_null(strstr(s->line, "secret"));
    stop(s);
}

/* Somebody who must not use the server's socket has no trouble with a certificate. */
static void test_a_socket_that_is_forbidden_is_not_called_untrusted(void **state)
{
    static const canned_answer answers[] = {{TEXT(":1\r\n"), 1}};
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/tinyauth-XXXXXX"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    uid_t before = geteuid();
    scene *s = start(answers, COUNT(answers));
    ta_redis_reply *reply;

    (void)state;
    close(mkstemp(address.sun_path));
    unlink(address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(chmod(address.sun_path, 0), 0);
    s->settings.peer.path = address.sun_path;
    assert_int_equal(seteuid(before ? before : 65534), 0); /* root may use any */
    assert_int_equal(ask(s, &reply), APR_EACCES);
    assert_int_equal(seteuid(before), 0);
    assert_non_null(strstr(s->line, "TA0401"));
    assert_int_equal(s->lines, 1);
    unlink(address.sun_path);
    close(fd);
    stop(s);
}

static void test_a_reply_that_is_too_long_is_refused_before_it_is_whole(void **state)
{
    static const char head[] = "$20000000\r\n";
    canned_answer answer = {NULL, TA_REDIS_REPLY_BYTES + 1, 1};
    char *bytes = calloc(1, answer.len);
    ta_redis_reply *reply;
    scene *s;

    (void)state;
    memcpy(bytes, head, sizeof(head) - 1);
    answer.bytes = bytes;
    s = start(&answer, 1);
    s->settings.peer.timeout = 10000;
    assert_int_equal(ask(s, &reply), APR_EGENERAL);
    assert_non_null(strstr(s->line, "TA0407"));
    stop(s);
    free(bytes);
}

/* The server reads a quarter of a megabyte, and hangs up in the middle of the command. */
static void test_a_command_that_was_not_heard_to_its_end_is_an_error(void **state)
{
    static const canned_answer answers[] = {{TEXT(""), 1}};
    scene *s = start(answers, COUNT(answers));
    ta_bytes words[2] = {{(const unsigned char *)"GET", 3}, {NULL, 16 << 20}};
    ta_redis_reply *reply;

    (void)state;
    s->settings.peer.timeout = 5000;
    words[1].data = apr_pcalloc(s->pool, words[1].len);
    assert_int_equal(ta_redis_make(s->pool, &s->settings, &s->log, &s->redis), APR_SUCCESS);
    assert_int_equal(ta_redis_call(s->redis, s->pool, words, COUNT(words), &reply), APR_EOF);
    assert_non_null(strstr(s->line, "TA0401"));
    stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_is_sent_whole_and_its_reply_read),
        cmocka_unit_test(test_bytes_that_no_honest_server_sends),
        cmocka_unit_test(test_a_reply_that_never_ends_is_given_up_in_time),
        cmocka_unit_test(test_a_connection_that_died_idle_is_replaced_once),
        cmocka_unit_test(test_a_server_that_became_a_replica_is_left),
        cmocka_unit_test(test_the_greeting_comes_first_and_its_refusal_ends_it),
        cmocka_unit_test(test_a_socket_that_is_forbidden_is_not_called_untrusted),
        cmocka_unit_test(test_a_reply_that_is_too_long_is_refused_before_it_is_whole),
        cmocka_unit_test(test_a_command_that_was_not_heard_to_its_end_is_an_error),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
