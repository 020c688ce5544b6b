/*
 * Question and ticket between two hosts of one login.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/handover.h"
#include "world.h"

static const ta_handover question = {
    .asked = WORLD_NOW,
    .origin = WORLD_APP,
    .return_to = "/page",
    .state = "abcdefgh",
    .providers = "a b",
};

static ta_ticket make_ticket(void)
{
    ta_ticket ticket = {.issued = WORLD_NOW, .origin = WORLD_APP, .state = "abcdefgh"};

    memset(ticket.login_key, 'k', sizeof(ticket.login_key));
    memset(ticket.tokens_key.bytes, 't', sizeof(ticket.tokens_key.bytes));
    return ticket;
}

static void test_a_question_is_read_as_it_was_asked(void **state)
{
    world *w = *state;
    const char *sealed = ta_handover_seal(w->pool, &w->key, &question);
    ta_handover read;

    assert_int_equal(
        ta_handover_open(w->pool, &w->key, world_foreign(w->pool, sealed), WORLD_NOW, &read),
        APR_SUCCESS);
    assert_int_equal(read.asked, WORLD_NOW);
    assert_string_equal(read.origin, WORLD_APP);
    assert_string_equal(read.return_to, "/page");
    assert_string_equal(read.state, "abcdefgh");
    assert_string_equal(read.providers, "a b");
}

static void test_a_question_without_providers_takes_all(void **state)
{
    world *w = *state;
    ta_handover any = question, read;

    any.providers = NULL;
    assert_int_equal(ta_handover_open(w->pool, &w->key, ta_handover_seal(w->pool, &w->key, &any),
                                      WORLD_NOW, &read),
                     APR_SUCCESS);
    assert_string_equal(read.providers, "");
}

static void test_a_ticket_is_read_as_it_was_issued_and_has_an_id_of_its_own(void **state)
{
    world *w = *state;
    ta_ticket ticket = make_ticket(), first, second;
    const char *sealed = ta_ticket_seal(w->pool, &w->key, &ticket);

    assert_int_equal(
        ta_ticket_open(w->pool, &w->key, world_foreign(w->pool, sealed), WORLD_NOW, &first),
        APR_SUCCESS);
    assert_string_equal(first.origin, WORLD_APP);
    assert_string_equal(first.state, "abcdefgh");
    assert_memory_equal(first.login_key, ticket.login_key, sizeof(first.login_key));
    assert_memory_equal(first.tokens_key.bytes, ticket.tokens_key.bytes,
                        sizeof(first.tokens_key.bytes));
    assert_int_equal(ta_ticket_open(w->pool, &w->key, ta_ticket_seal(w->pool, &w->key, &ticket),
                                    WORLD_NOW, &second),
                     APR_SUCCESS);
    assert_memory_not_equal(first.id, second.id, sizeof(first.id));
}

static void test_both_are_good_for_their_time_alone(void **state)
{
    world *w = *state;
    ta_ticket ticket = make_ticket();
    const char *asked = ta_handover_seal(w->pool, &w->key, &question);
    const char *issued = ta_ticket_seal(w->pool, &w->key, &ticket);
    const struct {
        apr_int64_t now;
        apr_status_t question;
        apr_status_t ticket;
    } cases[] = {
        {WORLD_NOW, APR_SUCCESS, APR_SUCCESS},      {WORLD_NOW + 60, APR_SUCCESS, APR_SUCCESS},
        {WORLD_NOW + 61, APR_SUCCESS, APR_TIMEUP},  {WORLD_NOW + 3600, APR_SUCCESS, APR_TIMEUP},
        {WORLD_NOW + 3601, APR_TIMEUP, APR_TIMEUP}, {WORLD_NOW - 300, APR_SUCCESS, APR_SUCCESS},
        {WORLD_NOW - 301, APR_TIMEUP, APR_TIMEUP},  {0, APR_TIMEUP, APR_TIMEUP},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_handover read;

        assert_int_equal(ta_handover_open(w->pool, &w->key, asked, cases[i].now, &read),
                         cases[i].question);
        assert_int_equal(ta_ticket_open(w->pool, &w->key, issued, cases[i].now, &ticket),
                         cases[i].ticket);
    }
}

static void test_neither_opens_as_the_other_or_under_another_key(void **state)
{
    world *w = *state;
    ta_ticket ticket = make_ticket();
    ta_seal_key other = w->key;
    const char *asked = ta_handover_seal(w->pool, &w->key, &question);
    const char *issued = ta_ticket_seal(w->pool, &w->key, &ticket);
    ta_handover read;

    other.bytes[0] ^= 1;
    assert_int_equal(ta_handover_open(w->pool, &w->key, issued, WORLD_NOW, &read), APR_EINVAL);
    assert_int_equal(ta_ticket_open(w->pool, &w->key, asked, WORLD_NOW, &ticket), APR_EINVAL);
    assert_int_equal(ta_handover_open(w->pool, &other, asked, WORLD_NOW, &read), APR_EINVAL);
    assert_int_equal(ta_ticket_open(w->pool, &other, issued, WORLD_NOW, &ticket), APR_EINVAL);
    assert_int_equal(ta_handover_open(w->pool, &w->key, NULL, WORLD_NOW, &read), APR_EINVAL);
    assert_int_equal(ta_ticket_open(w->pool, &w->key, NULL, WORLD_NOW, &ticket), APR_EINVAL);
}

/* Of the right time, then strings that are empty: whole at exactly one length. */
static void test_sealed_bytes_of_another_shape_are_refused(void **state)
{
    world *w = *state;
    unsigned char *plain = apr_pcalloc(w->pool, 200);
    ta_bytes bytes = {.data = plain, .len = 0};
    ta_handover read;
    ta_ticket ticket;

    for (int i = 0; i < 8; i++) {
        plain[i] = (unsigned char)((apr_int64_t)WORLD_NOW >> (8 * i));
    }
    for (; bytes.len < 200; bytes.len++) {
        const char *asked = ta_seal_text(w->pool, &w->key, TA_SEAL_HANDOVER, "", bytes);
        const char *issued = ta_seal_text(w->pool, &w->key, TA_SEAL_TICKET, "", bytes);

        assert_int_equal(ta_handover_open(w->pool, &w->key, asked, WORLD_NOW, &read),
                         bytes.len == 8 + 4 * 3 ? APR_SUCCESS : APR_EINVAL);
        assert_int_equal(ta_ticket_open(w->pool, &w->key, issued, WORLD_NOW, &ticket),
                         bytes.len == 8 + 2 * 3 + 16 + 32 + 32 ? APR_SUCCESS : APR_EINVAL);
    }
}

static void test_a_question_that_is_too_long_is_not_sealed(void **state)
{
    world *w = *state;
    ta_handover longest = question;
    char text[5000];

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    longest.return_to = text;
    assert_null(ta_handover_seal(w->pool, &w->key, &longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_question_is_read_as_it_was_asked),
        TEST(test_a_question_without_providers_takes_all),
        TEST(test_a_ticket_is_read_as_it_was_issued_and_has_an_id_of_its_own),
        TEST(test_both_are_good_for_their_time_alone),
        TEST(test_neither_opens_as_the_other_or_under_another_key),
        TEST(test_sealed_bytes_of_another_shape_are_refused),
        TEST(test_a_question_that_is_too_long_is_not_sealed),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
