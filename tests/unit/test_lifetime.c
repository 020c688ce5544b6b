/*
 * How long a session lives, by clocks that are right, wrong, and set back and forth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/lifetime.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOUR         3600
#define DAY          86400
#define LOGIN        1800000000LL

static const ta_lifetime usual = {.idle = DAY, .absolute = 7 * DAY};

static void test_both_limits_hold_to_the_second(void **state)
{
    static const struct {
        apr_int64_t last_used;
        apr_int64_t now;
        int is_alive;
    } cases[] = {
        {LOGIN, LOGIN, 1},
        {LOGIN, LOGIN + DAY - 1, 1},
        {LOGIN, LOGIN + DAY, 0},
        {LOGIN, LOGIN + 100 * 365 * (apr_int64_t)DAY, 0},
        {LOGIN + 3 * DAY, LOGIN + 4 * DAY - 1, 1},
        {LOGIN + 3 * DAY, LOGIN + 4 * DAY, 0},
        {LOGIN + 7 * DAY - 1, LOGIN + 7 * DAY - 1, 1},
        {LOGIN + 7 * DAY - 1, LOGIN + 7 * DAY, 0},
        /* set back by up to five minutes, and by more */
        {LOGIN, LOGIN - 300, 1},
        {LOGIN, LOGIN - 301, 0},
        {LOGIN + HOUR, LOGIN + HOUR - 300, 1},
        {LOGIN + HOUR, LOGIN + HOUR - 301, 0},
        {LOGIN + HOUR, 0, 0},
        {LOGIN - 400, LOGIN - 300, 1},
        {LOGIN - 400, LOGIN - 301, 0},
        {LOGIN, -1, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_record record = {.created = LOGIN, .last_used = cases[i].last_used};

        if (ta_lifetime_is_alive(&usual, &record, cases[i].now) != cases[i].is_alive) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_no_year_is_too_late(void **state)
{
    static const apr_int64_t years[] = {2147483640, 2147483648, 4294967290, 253402300799};

    (void)state;
    for (size_t i = 0; i < COUNT(years); i++) {
        ta_record record = {.created = years[i], .last_used = years[i]};

        assert_true(ta_lifetime_is_alive(&usual, &record, years[i] + HOUR));
        assert_false(ta_lifetime_is_alive(&usual, &record, years[i] + DAY));
        assert_int_equal(ta_lifetime_expiry(&usual, &record), years[i] + DAY);
    }
}

static void test_the_store_may_forget_it_at_the_nearer_limit(void **state)
{
    ta_record record = {.created = LOGIN, .last_used = LOGIN};

    (void)state;
    assert_int_equal(ta_lifetime_expiry(&usual, &record), LOGIN + DAY);
    record.last_used = LOGIN + 6 * DAY + 1;
    assert_int_equal(ta_lifetime_expiry(&usual, &record), LOGIN + 7 * DAY);
}

static void test_use_is_noted_once_a_minute_or_in_a_tenth_of_a_short_limit(void **state)
{
    static const struct {
        apr_int64_t idle;
        apr_int64_t since;
        int is_due;
    } cases[] = {
        {DAY, 0, 0}, {DAY, 59, 0}, {DAY, 60, 1}, {DAY, DAY, 1}, {300, 29, 0},  {300, 30, 1},
        {5, 0, 0},   {5, 1, 1},    {1, 0, 0},    {1, 1, 1},     {DAY, -10, 0}, {DAY, -DAY, 0},
    };
    ta_record record = {.created = LOGIN, .last_used = LOGIN};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_lifetime lifetime = {.idle = cases[i].idle, .absolute = 7 * DAY};

        if (ta_lifetime_is_due(&lifetime, &record, LOGIN + cases[i].since) != cases[i].is_due) {
            fail_msg("case %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_limits_hold_to_the_second),
        cmocka_unit_test(test_no_year_is_too_late),
        cmocka_unit_test(test_the_store_may_forget_it_at_the_nearer_limit),
        cmocka_unit_test(test_use_is_noted_once_a_minute_or_in_a_tenth_of_a_short_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
