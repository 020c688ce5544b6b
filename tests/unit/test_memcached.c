/*
 * memcached on the wire: what is sent, what comes back, and bytes that no honest server sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "canned.h"
#include "net/memcached.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) (literal), sizeof(literal) - 1

typedef struct scene {
    apr_pool_t *pool;
    canned *server;
    ta_peer_settings settings;
    ta_memcached *memcached;
} scene;

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
    s->settings.name = "the server";
    s->settings.host = "127.0.0.1";
    s->settings.port = canned_port(s->server);
    s->settings.timeout = 300;
    assert_int_equal(ta_memcached_make(s->pool, &s->settings, NULL, &s->memcached), APR_SUCCESS);
    return s;
}

static apr_status_t get(scene *s, ta_memcached_value values[2])
{
    return ta_memcached_get(s->memcached, s->pool, (const char *const[]){"one", "two"}, 2, values);
}

static apr_status_t put(scene *s, ta_memcached_when when)
{
    ta_memcached_value value = {.bytes = {(const unsigned char *)"a\0\r\nb", 5}, .mark = 7};

    return ta_memcached_put(s->memcached, s->pool, when, "name", &value, 1800000000);
}

static void stop(scene *s)
{
    apr_pool_destroy(s->pool);
    canned_stop(s->server);
    free(s);
}

static void test_values_are_told_apart_from_their_absence(void **state)
{
    static const canned_answer answers[] = {
        {TEXT("VALUE two 0 6 99\r\nEND\r\n\0\r\nEND\r\n"), 1},
        {TEXT("END\r\n"), 1},
        {TEXT("VALUE two 0 0 1\r\n\r\nVALUE one 0 1 18446744073709551615\r\nx\r\nEND\r\n"), 1},
    };
    scene *s = start(answers, COUNT(answers));
    ta_memcached_value values[2];

    (void)state;
    assert_int_equal(get(s, values), APR_SUCCESS);
    assert_string_equal(canned_asked(s->server), "gets one two\r\n");
    assert_null(values[0].bytes.data);
    assert_int_equal(values[1].bytes.len, 6);
    assert_memory_equal(values[1].bytes.data, "END\r\n\0", 6);
    assert_int_equal(values[1].mark, 99);
    assert_int_equal(get(s, values), APR_SUCCESS);
    assert_null(values[1].bytes.data);
    assert_int_equal(get(s, values), APR_SUCCESS);
    assert_int_equal(values[0].bytes.len, 1);
    assert_true(values[0].mark == UINT64_MAX); /* all 64 bits of it, or no change is ever taken */
    assert_non_null(values[1].bytes.data);
    stop(s);
}

static void test_a_value_is_written_under_its_condition(void **state)
{
    static const struct {
        ta_memcached_when when;
        canned_answer answer;
        apr_status_t expected;
        const char *sent;
    } cases[] = {
        {TA_MEMCACHED_ALWAYS, {TEXT("STORED\r\n"), 1}, APR_SUCCESS, "set name 0 1800000000 5\r\na"},
        {TA_MEMCACHED_IF_NEW, {TEXT("NOT_STORED\r\n"), 1}, APR_EEXIST, "add name"},
        {TA_MEMCACHED_IF_SAME,
         {TEXT("EXISTS\r\n"), 1},
         APR_EEXIST,
         "cas name 0 1800000000 5 7\r\n"},
        {TA_MEMCACHED_IF_SAME, {TEXT("NOT_FOUND\r\n"), 1}, APR_EEXIST, "cas name"},
        {TA_MEMCACHED_ALWAYS,
         {TEXT("SERVER_ERROR out of memory storing object\r\n"), 1},
         APR_ENOSPC,
         "set name"},
        {TA_MEMCACHED_ALWAYS,
         {TEXT("SERVER_ERROR object too large for cache\r\n"), 1},
         APR_ENOSPC,
         "set name"},
        {TA_MEMCACHED_ALWAYS, {TEXT("SERVER_ERROR odd\r\n"), 1}, APR_EGENERAL, "set name"},
        {TA_MEMCACHED_ALWAYS, {TEXT("ERROR\r\n"), 1}, APR_EGENERAL, "set name"},
        {TA_MEMCACHED_ALWAYS, {TEXT("END\r\n"), 1}, APR_EGENERAL, "set name"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        scene *s = start(&cases[i].answer, 1);

        assert_int_equal(put(s, cases[i].when), cases[i].expected);
        assert_ptr_equal(strstr(canned_asked(s->server), cases[i].sent), canned_asked(s->server));
        stop(s);
    }
}

/* It reads the time of an end as 31 bits, and takes a later one for past. */
static void test_an_end_after_2038_is_none(void **state)
{
    static const canned_answer answers[] = {{TEXT("STORED\r\n"), 1}};
    ta_memcached_value value = {.bytes = {(const unsigned char *)"a", 1}};
    const apr_int64_t last = APR_INT32_MAX;
    scene *s;

    (void)state;
    for (int later = 0; later < 2; later++) {
        s = start(answers, COUNT(answers));
        assert_int_equal(ta_memcached_put(s->memcached, s->pool, TA_MEMCACHED_ALWAYS, "name",
                                          &value, last + later),
                         APR_SUCCESS);
        assert_non_null(strstr(canned_asked(s->server),
                               later ? "set name 0 0 1\r\n" : "set name 0 2147483647 1\r\n"));
        stop(s);
    }
}

/* Each is an error, never "there is none". */
static void test_bytes_that_no_honest_server_sends(void **state)
{
    static const canned_answer cases[] = {
        {TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), 1},
        {TEXT("VALUE three 0 1 1\r\nx\r\nEND\r\n"), 1},
        {TEXT("VALUE one\r\nx\r\nEND\r\n"), 1},
        {TEXT("VALUE one 0 99999999999 1\r\nx\r\nEND\r\n"), 1},
        {TEXT("VALUE one 0 -1 1\r\nx\r\nEND\r\n"), 1},
        {TEXT("VALUE one 0 1x 1\r\nx\r\nEND\r\n"), 1},
        {TEXT("VALUE one 0 2 1\r\nxyzEND\r\n"), 1},
        {TEXT("VALUE one 0 1\r\nx\r\nEND\r\n"), 1},
        {TEXT("VALUE one 0 5 1\r\nx\r\n"), 1},
        {TEXT("VALUE one 0 1 1\r\nx\r\n"), 0},
        {TEXT("END\r\nEND\r\n"), 1},
        {TEXT("END"), 0},
        {TEXT("\n"), 0},
        {TEXT("SERVER_ERROR\r\n"), 1},
        {TEXT("STORED\r\n"), 1},
    };
    char endless[2048];
    canned_answer long_line = {endless, sizeof(endless), 1};
    ta_memcached_value values[2];
    scene *s;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        s = start(&cases[i], 1);
        assert_int_not_equal(get(s, values), APR_SUCCESS);
        stop(s);
    }
    memset(endless, 'E', sizeof(endless));
    s = start(&long_line, 1);
    assert_int_equal(get(s, values), APR_EGENERAL);
    stop(s);
}

static void test_removing_is_done_also_where_there_was_none(void **state)
{
    static const canned_answer answers[] = {
        {TEXT("DELETED\r\n"), 1}, {TEXT("NOT_FOUND\r\n"), 1}, {TEXT("ERROR\r\n"), 1}};
    scene *s = start(answers, COUNT(answers));

    (void)state;
    assert_int_equal(ta_memcached_remove(s->memcached, s->pool, "x"), APR_SUCCESS);
    assert_int_equal(ta_memcached_remove(s->memcached, s->pool, "x"), APR_SUCCESS);
    assert_int_equal(ta_memcached_remove(s->memcached, s->pool, "x"), APR_EGENERAL);
    stop(s);
}

/* The server reads a quarter of a megabyte, and hangs up in the middle of the value. */
static void test_a_question_that_was_not_heard_to_its_end_is_an_error(void **state)
{
    static const canned_answer answers[] = {{TEXT(""), 1}};
    scene *s = start(answers, COUNT(answers));
    ta_memcached_value value = {.bytes.len = 16 << 20};

    (void)state;
    s->settings.timeout = 5000;
    value.bytes.data = apr_pcalloc(s->pool, value.bytes.len);
    assert_int_equal(
        ta_memcached_put(s->memcached, s->pool, TA_MEMCACHED_ALWAYS, "name", &value, 1800000000),
        APR_EOF);
    stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_told_apart_from_their_absence),
        cmocka_unit_test(test_a_value_is_written_under_its_condition),
        cmocka_unit_test(test_an_end_after_2038_is_none),
        cmocka_unit_test(test_bytes_that_no_honest_server_sends),
        cmocka_unit_test(test_removing_is_done_also_where_there_was_none),
        cmocka_unit_test(test_a_question_that_was_not_heard_to_its_end_is_an_error),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
