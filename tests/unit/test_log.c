/*
 * The log sink: one line per message, of bounded length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>

#include "util/log.h"

static apr_pool_t *pool;

static int make_pool(void **state)
{
    (void)state;
    return apr_initialize() || apr_pool_create(&pool, NULL);
}

static int end_pool(void **state)
{
    (void)state;
    apr_terminate();
    return 0;
}

typedef struct sink {
    int lines;
    ta_log_level level;
    apr_status_t status;
    char last[4096];
} sink;

static void keep(void *context, ta_log_level level, apr_status_t status, const char *message)
{
    sink *s = context;

    s->lines++;
    s->level = level;
    s->status = status;
    assert_true(strlen(message) < sizeof(s->last));
    memcpy(s->last, message, strlen(message) + 1);
}

static void a_message_arrives_with_level_and_status(void **state)
{
    sink s = {.lines = 0};
    ta_log log = {.write = keep, .context = &s};

    (void)state;
    ta_log_write(&log, TA_LOG_WARNING, APR_ENOENT, "TA0000: %s is %d", "it", 7);
    assert_int_equal(s.lines, 1);
    assert_int_equal(s.level, TA_LOG_WARNING);
    assert_int_equal(s.status, APR_ENOENT);
    assert_string_equal(s.last, "TA0000: it is 7");
}

static void without_a_sink_nothing_happens(void **state)
{
    ta_log log = {.write = NULL};

    (void)state;
    ta_log_write(NULL, TA_LOG_ERROR, APR_SUCCESS, "TA0000: lost");
    ta_log_write(&log, TA_LOG_ERROR, APR_SUCCESS, "TA0000: lost");
}

/* A foreign value with a line break would write a log line of its own choice. */
static void a_message_stays_one_line(void **state)
{
    sink s = {.lines = 0};
    ta_log log = {.write = keep, .context = &s};

    (void)state;
    ta_log_write(&log, TA_LOG_ERROR, APR_SUCCESS, "TA0000: %s", "a\r\nTA0001: b\t\x1b[2J\x7f");
    assert_int_equal(s.lines, 1);
    assert_string_equal(s.last, "TA0000: a  TA0001: b  [2J ");
}

static void a_long_message_is_cut(void **state)
{
    sink s = {.lines = 0};
    ta_log log = {.write = keep, .context = &s};
    char longer[4000];

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ta_log_write(&log, TA_LOG_ERROR, APR_SUCCESS, "TA0000: %s", longer);
    assert_int_equal(s.lines, 1);
    assert_int_equal(strlen(s.last), 2047);
    assert_memory_equal(s.last, "TA0000: xxx", 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_with_level_and_status),
        cmocka_unit_test(without_a_sink_nothing_happens),
        cmocka_unit_test(a_message_stays_one_line),
        cmocka_unit_test(a_long_message_is_cut),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
