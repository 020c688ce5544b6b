/*
 * One login for many hosts: the question, the ticket, and everybody who brings a ticket that
 * is not theirs.
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
#define OTHER "https://second.example.org"

/* Logins live on a host of their own; the applications' hosts are of unrelated domains. */
static world *add_hosts(void **state)
{
    world *w = *state;

    world_add_site(w, LOGIN, LOGIN);
    world_add_site(w, FIRST, LOGIN);
    world_add_site(w, OTHER, LOGIN);
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

static void test_a_login_on_another_host_comes_back_to_the_page(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_reply *reply = browser_get(b, FIRST "/page?a=1&b=2");

    /* the application's host asks, and keeps nothing but a cookie in the browser */
    assert_int_equal(reply->status, 302);
    assert_true(strncmp(reply->location,
                        LOGIN "/tinyauth/login?for=", strlen(LOGIN "/tinyauth/login?for=")) == 0);
    assert_int_equal(browser_cookies(b, "-login-"), 1);
    assert_int_equal(world_records(w), 0);
    assert_passed(browser_walk(b, reply), "alice");
    assert_string_equal(b->url, FIRST "/page?a=1&b=2");
    /* one record of the login, one of this host */
    assert_int_equal(world_records(w), 2);
    assert_int_equal(browser_cookies(b, "-login-"), 0);
    assert_int_equal(w->op->tokens, 1);
    assert_true(world_has_logged(w, "TA0031"));
}

static void test_the_second_application_passes_without_a_page(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_reply *reply;
    int steps = 0;

    assert_passed(browser_log_in(b, FIRST "/"), "alice");
    for (reply = browser_get(b, OTHER "/deep/page"); reply->location;
         reply = browser_follow(b, reply)) {
        assert_null(reply->body);
        steps++;
    }
    assert_passed(reply, "alice");
    assert_string_equal(b->url, OTHER "/deep/page");
    assert_int_equal(steps, 3);
    assert_int_equal(w->op->tokens, 1);
}

static void test_the_tokens_of_the_login_open_for_its_other_hosts(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_session *session;
    ta_tokens tokens;
    apr_int64_t given;

    assert_passed(browser_log_in(b, FIRST "/"), "alice");
    assert_int_equal(ta_access_find_session(b->env, &session), APR_SUCCESS);
    assert_int_not_equal(session->own_bytes.len, 0);
    assert_memory_not_equal(session->key, session->login_key, TA_STORE_KEY_LEN);
    assert_int_equal(ta_session_open_tokens(w->pool, session, &tokens, &given), APR_SUCCESS);
    assert_string_equal(tokens.id_token, w->op->last_id_token);
}

static void test_a_ticket_is_good_once(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");
    apr_array_header_t *before = apr_array_copy(w->pool, b->jar);

    assert_leads_to(browser_get(b, ticket), 303, "/page");
    assert_int_equal(world_records(w), 2);
    /* with the cookies of before, as a thief would have copied them */
    b->jar = before;
    assert_refused(b, browser_get(b, ticket), TA_REASON_ATTEMPT_USED);
    assert_int_equal(world_records(w), 2);
}

static void test_a_session_before_that_the_store_keeps_is_an_error(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_reply *reply;

    assert_passed(browser_log_in(b, FIRST "/page"), "alice");
    reply = browser_follow(b, browser_get(b, FIRST "/tinyauth/login?again=1&return=/page"));
    assert_holds(reply->location, "/tinyauth/accept?t=");
    w->store.remove_status = APR_TIMEUP;
    assert_leads_to(browser_follow(b, reply), 303, "/page");
    assert_true(world_has_logged(w, "TA0075: the session of user \"alice\" should end"));
}

static void test_the_accept_page_loaded_again_goes_to_the_application(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");

    assert_leads_to(browser_get(b, ticket), 303, "/page");
    assert_leads_to(browser_get(b, ticket), 303, "/");
    assert_int_equal(world_records(w), 2);
}

/* The attacker's own ticket in the victim's browser would log the victim in as the attacker. */
static void test_a_ticket_in_another_browser_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *attacker = browser_make(w), *victim = browser_make(w);
    const char *ticket = get_ticket(attacker, FIRST "/page");

    assert_refused(victim, browser_get(victim, ticket), TA_REASON_ATTEMPT_MISSING);
    (void)browser_get(victim, FIRST "/page");
    assert_refused(victim, browser_get(victim, ticket), TA_REASON_ATTEMPT_MISSING);
    assert_int_equal(browser_get(victim, FIRST "/page")->status, 302);
    assert_int_equal(world_records(w), 1);
    /* and it is not spent by that */
    assert_leads_to(browser_get(attacker, ticket), 303, "/page");
}

static void test_a_ticket_for_another_host_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");
    jar_cookie cookie = *browser_cookie(b, "-login-");

    cookie.host = "second.example.org";
    APR_ARRAY_PUSH(b->jar, jar_cookie) = cookie;
    assert_refused(b,
                   browser_get(b, apr_pstrcat(w->pool, OTHER, strstr(ticket, "/tinyauth"), NULL)),
                   TA_REASON_TICKET_INVALID);
    assert_true(world_has_logged(w, "the ticket is for " FIRST ", this is " OTHER));
    assert_int_equal(world_records(w), 1);
}

static void test_a_ticket_is_good_for_sixty_seconds(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");

    w->now += TA_TICKET_SECONDS + 1;
    assert_refused(b, browser_get(b, ticket), TA_REASON_TICKET_INVALID);
    w->now -= 400;
    assert_refused(b, browser_get(b, ticket), TA_REASON_TICKET_INVALID);
    w->now = WORLD_NOW + TA_TICKET_SECONDS;
    assert_leads_to(browser_get(b, ticket), 303, "/page");
}

static void test_a_ticket_of_a_login_that_ended_is_refused(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");

    apr_hash_clear(w->store.records);
    assert_refused(b, browser_get(b, ticket), TA_REASON_TICKET_INVALID);
    assert_int_equal(world_records(w), 0);
}

static void test_a_provider_that_is_another_one_there_does_not_count(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    world_site *first = world_find_site(w, FIRST);
    ta_provider *same_id = apr_pmemdup(w->pool, w->provider, sizeof(*same_id));
    const char *ticket = get_ticket(b, FIRST "/page");

    same_id->client_id = "another-client";
    assert_int_equal(ta_provider_finish(w->pool, same_id), APR_SUCCESS);
    first->site.providers = apr_array_make(w->pool, 1, sizeof(ta_provider *));
    assert_refused(b, browser_get(b, ticket), TA_REASON_PROVIDER_UNKNOWN);
    APR_ARRAY_PUSH(first->site.providers, ta_provider *) = same_id;
    assert_refused(b, browser_get(b, ticket), TA_REASON_PROVIDER_UNKNOWN);
    assert_int_equal(world_records(w), 1);
}

static void test_the_whitelist_of_the_other_host_counts_there(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_reply *reply;

    world_set_whitelist(w, world_find_site(w, OTHER), "bob@example.com");
    assert_passed(browser_log_in(b, FIRST "/"), "alice");
    reply = browser_walk(b, browser_get(b, OTHER "/page"));
    assert_refused(b, reply, TA_REASON_NOT_WHITELISTED);
    /* alice is still logged in at the login host, and must not be sent back here by it at once */
    w->op->user = "'preferred_username':'bob','email':'bob@example.com','email_verified':true";
    w->op->sub = "sub-of-bob";
    reply = browser_walk(b, browser_get(b, browser_link(b, reply, "&prompt=login")));
    assert_passed(reply, "bob");
    assert_string_equal(b->url, OTHER "/page");
}

/* The same where the login host has the list: the provider knows the browser, and would send it
 * back with the same account for ever. */
static void test_who_is_not_on_the_list_can_be_somebody_else(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    ta_reply *reply;
    const char *link;

    world_set_whitelist(w, world_find_site(w, LOGIN), "bob@example.com");
    reply = browser_log_in(b, FIRST "/page");
    assert_refused(b, reply, TA_REASON_NOT_WHITELISTED);
    link = browser_link(b, reply, "&prompt=login");
    assert_non_null(link);
    assert_holds(link, FIRST "/tinyauth/login?");
    reply = browser_follow(b, browser_get(b, link));
    reply = browser_get(b, browser_link(b, reply, "provider="));
    assert_string_equal(url_parameter(w->pool, reply->location, "prompt"), "login");
    w->op->user = "'preferred_username':'bob','email':'bob@example.com','email_verified':true";
    assert_passed(browser_walk(b, reply), "bob");
    assert_string_equal(b->url, FIRST "/page");
}

/* On the login host the login goes on; here it is too old, and a new one has to be made. */
static void test_a_host_with_a_shorter_lifetime_asks_for_a_new_login(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);

    world_find_site(w, FIRST)->site.lifetime.absolute = 3600;
    assert_passed(browser_log_in(b, FIRST "/page"), "alice");
    w->now += 3600;
    assert_passed(browser_get(b, LOGIN "/page"), "alice");
    assert_passed(browser_walk(b, browser_get(b, FIRST "/page")), "alice");
    assert_string_equal(b->url, FIRST "/page");
    assert_int_equal(w->op->tokens, 2);
}

static void test_a_store_that_fails_makes_no_session_here(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");

    w->store.load_status = APR_TIMEUP;
    assert_refused(b, browser_get(b, ticket), TA_REASON_STORE_UNAVAILABLE);
    w->store.load_status = APR_SUCCESS;
    w->store.claim_status = APR_EGENERAL;
    assert_refused(b, browser_get(b, ticket), TA_REASON_STORE_UNAVAILABLE);
    w->store.claim_status = APR_SUCCESS;
    w->store.save_status = APR_ENOSPC;
    assert_refused(b, browser_get(b, ticket), TA_REASON_STORE_UNAVAILABLE);
    /* the login's session, and the attempt of this host */
    assert_int_equal(browser_cookies(b, "tinyauth"), 2);
    assert_int_equal(world_records(w), 1);
}

static void test_the_session_that_was_there_before_is_dead_after_accepting(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w), *thief = browser_make(w);

    assert_passed(browser_log_in(b, FIRST "/"), "alice");
    for (int i = 0; i < b->jar->nelts; i++) {
        APR_ARRAY_PUSH(thief->jar, jar_cookie) = APR_ARRAY_IDX(b->jar, i, jar_cookie);
    }
    assert_passed(browser_get(thief, FIRST "/"), "alice");
    assert_passed(browser_walk(b, browser_get(b, FIRST "/tinyauth/login?prompt=login&return=/")),
                  "alice");
    assert_int_equal(browser_get(thief, FIRST "/")->status, 302);
    /* the login and this host's, and nothing is left of the ones before */
    assert_passed(browser_get(b, FIRST "/"), "alice");
    /* a second acceptance of the same login */
    assert_leads_to(browser_get(b, get_ticket(b, FIRST "/tinyauth/login?prompt=login&return=/a")),
                    303, "/a");
}

/* Only the host that is asked for gets the ticket: the way back is in the sealed question. */
static void test_the_login_host_sends_tickets_only_where_the_question_came_from(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *login = browser_get(b, FIRST "/page")->location;
    const char *ticket;

    login = apr_pstrcat(w->pool, login, "&return=https://evil.example.net/&origin=x", NULL);
    ticket = browser_get(b, browser_start(b, login))->location;
    assert_true(strncmp(ticket, FIRST "/tinyauth/accept?t=", strlen(FIRST "/tinyauth/accept?t=")) ==
                0);
}

static void test_a_callback_is_ours_on_the_login_host_alone(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *callback = browser_start(b, FIRST "/page");

    assert_true(strncmp(callback, LOGIN "/api/oauth/callback/", strlen(LOGIN)) == 0);
    callback = apr_pstrcat(w->pool, FIRST, callback + strlen(LOGIN), NULL);
    assert_int_equal(browser_get(b, callback)->status, 302);
    assert_int_equal(w->op->tokens, 0);
}

static void test_a_long_way_back_needs_no_room_in_the_question(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    char path[1400];

    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    /* the question is part of an address, and of a cookie on the login host */
    assert_true(strlen(browser_get(b, apr_pstrcat(w->pool, FIRST, path, NULL))->location) < 600);
    assert_passed(browser_log_in(b, apr_pstrcat(w->pool, FIRST, path, NULL)), "alice");
    assert_string_equal(b->url, apr_pstrcat(w->pool, FIRST, path, NULL));
}

static void test_only_get_brings_a_ticket(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    visit v = {.url = get_ticket(b, FIRST "/page"), .method = "HEAD"};

    assert_refused(b, browser_send(b, &v), TA_REASON_METHOD);
    v.method = "POST";
    assert_refused(b, browser_send(b, &v), TA_REASON_METHOD);
    assert_leads_to(browser_get(b, v.url), 303, "/page");
}

static void test_http_and_https_do_not_mix(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);

    world_add_site(w, "http://plain.example.com", LOGIN);
    assert_refused(b, browser_get(b, "http://plain.example.com/"), TA_REASON_SCHEME_MISMATCH);
    assert_true(world_has_logged(w, "ServerName https://plain.example.com ["));
    world_add_site(w, "http://both.example.com", "https://both.example.com");
    assert_refused(b, browser_get(b, "http://both.example.com/"), TA_REASON_SCHEME_MISMATCH);
    assert_true(world_has_logged(w, "ServerName https://both.example.com ["));
    /* one host on two ports: the other name would be another site again */
    world_add_site(w, "http://ported.example.com:8080", "https://ported.example.com:8443");
    assert_refused(b, browser_get(b, "http://ported.example.com:8080/"), TA_REASON_SCHEME_MISMATCH);
    assert_true(world_has_logged(w, "ServerName https://ported.example.com:8443 ["));
}

static void test_a_second_ticket_of_one_login_replaces_the_session_here(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w), *thief = browser_make(w);
    const char *first = get_ticket(b, FIRST "/first"), *second;

    second = browser_get(b, browser_get(b, FIRST "/second")->location)->location;
    assert_leads_to(browser_get(b, first), 303, "/first");
    thief->jar = apr_array_copy(w->pool, b->jar);
    assert_passed(browser_get(thief, FIRST "/"), "alice");
    assert_leads_to(browser_get(b, second), 303, "/second");
    assert_passed(browser_get(b, FIRST "/"), "alice");
    assert_int_equal(browser_get(thief, FIRST "/")->status, 302);
    assert_int_equal(world_records(w), 2);
}

static void test_a_ticket_of_a_login_that_idled_away_makes_no_session(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    const char *ticket = get_ticket(b, FIRST "/page");
    ta_reply *reply;

    world_find_site(w, FIRST)->site.lifetime.idle = 30;
    w->now += 30;
    reply = browser_get(b, ticket);
    assert_int_equal(reply->status, 302);
    assert_holds(reply->location, LOGIN "/tinyauth/login?for=");
    assert_holds(reply->location, "&again=1");
    assert_int_equal(browser_cookies(b, "-login-"), 1);
    assert_int_equal(world_records(w), 1);
}

/* The application's host takes one provider; the login host must not let another one in. */
static void test_the_question_says_which_providers_may_answer(void **state)
{
    world *w = add_hosts(state);
    browser *b = browser_make(w);
    world_site *first = world_find_site(w, FIRST);
    const char *login;

    world_add_provider(w, "other", "https://other.example.net");
    first->scope.providers = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(first->scope.providers, const char *) = "other";
    /* already signed in, but with the wrong one */
    assert_passed(
        browser_walk(b, browser_get(b, LOGIN "/tinyauth/login?return=/page&provider=" WORLD_ID)),
        "alice");
    login = browser_get(b, FIRST "/page")->location;
    assert_null(browser_link(b, browser_get(b, login), "provider=" WORLD_ID));
    assert_refused(b, browser_get(b, url_with(w->pool, login, "provider", WORLD_ID)),
                   TA_REASON_PROVIDER_UNKNOWN);
    login = apr_pstrcat(w->pool, login, "&providers=" WORLD_ID, NULL);
    assert_null(browser_link(b, browser_get(b, login), "provider=" WORLD_ID));
    assert_passed(browser_walk(b, browser_get(b, FIRST "/page")), "alice");
    assert_int_equal(world_find_op(w, "https://other.example.net/")->tokens, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_login_on_another_host_comes_back_to_the_page),
        TEST(test_the_second_application_passes_without_a_page),
        TEST(test_the_tokens_of_the_login_open_for_its_other_hosts),
        TEST(test_a_ticket_is_good_once),
        TEST(test_a_session_before_that_the_store_keeps_is_an_error),
        TEST(test_the_accept_page_loaded_again_goes_to_the_application),
        TEST(test_a_ticket_in_another_browser_is_refused),
        TEST(test_a_ticket_for_another_host_is_refused),
        TEST(test_a_ticket_is_good_for_sixty_seconds),
        TEST(test_a_ticket_of_a_login_that_ended_is_refused),
        TEST(test_a_provider_that_is_another_one_there_does_not_count),
        TEST(test_the_whitelist_of_the_other_host_counts_there),
        TEST(test_who_is_not_on_the_list_can_be_somebody_else),
        TEST(test_a_host_with_a_shorter_lifetime_asks_for_a_new_login),
        TEST(test_a_store_that_fails_makes_no_session_here),
        TEST(test_the_session_that_was_there_before_is_dead_after_accepting),
        TEST(test_the_login_host_sends_tickets_only_where_the_question_came_from),
        TEST(test_a_callback_is_ours_on_the_login_host_alone),
        TEST(test_a_long_way_back_needs_no_room_in_the_question),
        TEST(test_only_get_brings_a_ticket),
        TEST(test_http_and_https_do_not_mix),
        TEST(test_a_second_ticket_of_one_login_replaces_the_session_here),
        TEST(test_a_ticket_of_a_login_that_idled_away_makes_no_session),
        TEST(test_the_question_says_which_providers_may_answer),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
