/*
 * One login for many hosts, and those who write the question or the ticket themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/accept.h"
#include "session/handover.h"
#include "world.h"

#define LOGIN "https://auth.example.com"
#define FIRST "https://first.example.com"

/* Logins live on a host of their own. */
static world *add_hosts(void **state)
{
    world *w = *state;

    world_add_site(w, LOGIN, LOGIN);
    world_add_site(w, FIRST, LOGIN);
    return w;
}

/* A login up to the ticket: the URL of <path>/accept, not yet visited. */
static const char *get_ticket(browser *b, const char *url)
{
    ta_reply *reply = browser_get(b, browser_start(b, url));

    assert_non_null(reply->location);
    assert_holds(reply->location, "/tinyauth/accept?t=");
    world_keep_secret(b->world, url_parameter(b->world->pool, reply->location, "t"));
    return reply->location;
}

static void test_a_ticket_changed_in_one_character_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *url = get_ticket(b, FIRST "/page");
    const char *right = url_parameter(w->pool, url, "t");

    for (size_t i = 0; i < strlen(right); i++) {
        char *forged = apr_pstrdup(w->pool, right);

        forged[i] = forged[i] == 'A' ? 'g' : 'A';
        assert_refused(b, browser_get(b, url_with(w->pool, url, "t", forged)),
                       TA_REASON_TICKET_INVALID);
    }
    assert_refused(b, browser_get(b, url_with(w->pool, url, "t", NULL)), TA_REASON_TICKET_INVALID);
    assert_refused(b, browser_get(b, apr_pstrcat(w->pool, url, "&t=x", NULL)),
                   TA_REASON_TICKET_INVALID);
    assert_leads_to(browser_get(b, url), 303, "/page");
}

/* Both are sealed with the same key: one must never do for the other. */
static void test_a_question_is_no_ticket_and_a_ticket_no_question(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *question = url_parameter(w->pool, browser_get(b, FIRST "/page")->location, "for");
    const char *ticket = url_parameter(w->pool, get_ticket(b, FIRST "/page"), "t");

    assert_refused(b, browser_get(b, url_with(w->pool, FIRST "/tinyauth/accept", "t", question)),
                   TA_REASON_TICKET_INVALID);
    assert_refused(b, browser_get(b, url_with(w->pool, LOGIN "/tinyauth/login", "for", ticket)),
                   TA_REASON_TICKET_INVALID);
    assert_refused(b,
                   browser_get(b, url_with(w->pool, LOGIN "/tinyauth/login", "for",
                                           browser_cookie(b, "__Host-tinyauth")->value)),
                   TA_REASON_TICKET_INVALID);
}

static void test_a_question_that_is_too_old_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *login = browser_get(b, FIRST "/page?a=1&b=2")->location;
    const char *link;
    ta_reply *reply;

    w->now += TA_ATTEMPT_SECONDS + 1;
    reply = browser_get(b, login);
    assert_refused(b, reply, TA_REASON_ATTEMPT_EXPIRED);
    /* a login page that was open overnight: the application's host asks again, not this one */
    link = browser_link(b, reply, "first.example.com");
    assert_non_null(link);
    assert_string_equal(link, FIRST "/page?a=1&b=2");
    assert_passed(browser_walk(b, browser_get(b, link)), "alice");
    assert_string_equal(b->url, link);
}

/* Each of the two steps was in time, both together were not. */
static void test_a_ticket_for_an_attempt_that_is_too_old_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_reply *reply = browser_follow(b, browser_get(b, FIRST "/page?a=1&b=2"));
    const char *provider = browser_link(b, reply, "provider=" WORLD_ID);

    w->now += 2 * TA_ATTEMPT_SECONDS / 3;
    reply = browser_get(b, provider);
    w->now += 2 * TA_ATTEMPT_SECONDS / 3;
    reply = browser_walk(b, reply);
    assert_refused(b, reply, TA_REASON_ATTEMPT_EXPIRED);
    assert_string_equal(browser_link(b, reply, "/page"), FIRST "/page?a=1&b=2");
    assert_passed(browser_walk(b, browser_get(b, browser_link(b, reply, "/page"))), "alice");
}

/* A question that somebody else's server sealed sends nobody's login there. */
static void test_a_question_under_another_key_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    world_site *evil = world_add_site(w, "https://evil.example.net", LOGIN);

    evil->site.key.bytes[0] ^= 1;
    assert_passed(browser_log_in(b, FIRST "/"), "alice");
    assert_refused(b, browser_follow(b, browser_get(b, "https://evil.example.net/")),
                   TA_REASON_TICKET_INVALID);
}

/* As if somebody had our key: an attempt of this host, and a ticket for it. */
static const char *forge_ticket(world *w, browser *b, const char *provider_id,
                                const char *return_to)
{
    ta_ticket ticket = {.issued = w->now, .origin = FIRST};
    jar_cookie cookie = {.host = "first.example.com", .is_secure = 1};
    ta_attempt_values values;
    ta_session *session;
    ta_attempt attempt;

    assert_passed(browser_log_in(b, LOGIN "/"), "alice");
    assert_int_equal(ta_access_find_session(b->env, &session), APR_SUCCESS);
    assert_int_equal(ta_attempt_start(&attempt, w->now), APR_SUCCESS);
    assert_int_equal(ta_attempt_derive(w->pool, &attempt, &values), APR_SUCCESS);
    attempt.provider_id = provider_id;
    attempt.return_to = return_to;
    cookie.name = apr_pstrcat(w->pool, "__Host-tinyauth-login-",
                              apr_pstrndup(w->pool, values.state, TA_ATTEMPT_TAG_LEN), NULL);
    cookie.value = ta_attempt_seal(w->pool, &w->key, FIRST, &attempt);
    APR_ARRAY_PUSH(b->jar, jar_cookie) = cookie;
    ticket.state = values.state;
    assert_int_equal(ta_session_get_tokens_key(w->pool, session, &ticket.tokens_key), APR_SUCCESS);
    memcpy(ticket.login_key, session->login_key, sizeof(ticket.login_key));
    return url_with(w->pool, FIRST "/tinyauth/accept", "t",
                    ta_ticket_seal(w->pool, &w->key, &ticket));
}

static void test_a_way_back_is_checked_again_before_it_is_taken(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);

    assert_leads_to(browser_get(b, forge_ticket(w, b, "", "/page")), 303, "/page");
    b = browser_make(w);
    assert_leads_to(browser_get(b, forge_ticket(w, b, "", "//evil.example.net")), 303, "/");
}

static void test_an_attempt_at_a_provider_is_none_for_a_ticket(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);

    assert_refused(b, browser_get(b, forge_ticket(w, b, WORLD_ID, "/page")),
                   TA_REASON_ATTEMPT_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_ticket_changed_in_one_character_is_refused),
        TEST(test_a_question_is_no_ticket_and_a_ticket_no_question),
        TEST(test_a_question_that_is_too_old_is_refused),
        TEST(test_a_ticket_for_an_attempt_that_is_too_old_is_refused),
        TEST(test_a_question_under_another_key_is_refused),
        TEST(test_a_way_back_is_checked_again_before_it_is_taken),
        TEST(test_an_attempt_at_a_provider_is_none_for_a_ticket),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
