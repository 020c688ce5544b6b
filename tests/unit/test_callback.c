/*
 * The callback: whole logins, and every way in which a response from the provider, a browser
 * or an attacker is not to be believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/callback.h"
#include "session/attempt.h"
#include "world.h"

#define CALLBACK WORLD_APP "/api/oauth/callback/" WORLD_ID

static void test_a_login_leads_back_to_the_page_and_makes_a_session(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, WORLD_APP "/page?q=1"), "alice");
    assert_string_equal(b->url, WORLD_APP "/page?q=1");
    assert_int_equal(world_records(w), 1);
    assert_int_equal(w->op->tokens, 1);
    assert_int_equal(w->op->userinfos, 1);
    assert_int_equal(browser_cookies(b, "-login-"), 0);
    assert_string_equal(browser_cookie(b, "__Host-tinyauth")->name, "__Host-tinyauth");
    assert_true(world_has_logged(w, "TA0041: user \"alice\" logged in"));
    assert_passed(browser_get(b, WORLD_APP "/other"), "alice");
}

static void test_the_callback_answers_303_so_that_no_form_is_sent_on(void **state)
{
    browser *b = browser_make(*state);
    const char *callback = browser_start(b, WORLD_APP "/page");

    assert_leads_to(browser_get(b, callback), 303, "/page");
}

/* login.gov's and many others' bug: the state is compared, but with nothing that belongs to
 * this browser, so the attacker's own callback URL logs the victim in as the attacker. */
static void test_anothers_callback_url_logs_nobody_in(void **state)
{
    world *w = *state;
    browser *attacker = browser_make(w), *victim = browser_make(w);
    const char *callback = browser_start(attacker, WORLD_APP "/page");

    assert_refused(victim, browser_get(victim, callback), TA_REASON_ATTEMPT_MISSING);
    (void)browser_start(victim, WORLD_APP "/page");
    assert_refused(victim, browser_get(victim, callback), TA_REASON_ATTEMPT_MISSING);
    assert_int_equal(w->op->tokens, 0);
    assert_int_equal(world_records(w), 0);
}

/* Every response here is refused before the provider hears of a code. */
static void test_a_malformed_response_is_refused_before_the_token_request(void **state)
{
    static const struct {
        const char *name;  /* parameter */
        const char *value; /* instead; NULL: without; "twice": as it is, but twice */
        ta_reason expected;
    } cases[] = {
        {"state", NULL, TA_REASON_STATE_MISSING},
        {"state", "", TA_REASON_STATE_MISSING},
        {"state", "x", TA_REASON_ATTEMPT_MISSING},
        {"state", "1234567", TA_REASON_ATTEMPT_MISSING},
        {"state", "12345678", TA_REASON_ATTEMPT_MISSING},
        {"state", "../../..", TA_REASON_ATTEMPT_MISSING},
        {"state", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TA_REASON_ATTEMPT_MISSING},
        {"state", "twice", TA_REASON_RESPONSE_MALFORMED},
        {"code", NULL, TA_REASON_CODE_MISSING},
        {"code", "", TA_REASON_CODE_MISSING},
        {"code", "twice", TA_REASON_RESPONSE_MALFORMED},
        {"error", "access_denied", TA_REASON_RESPONSE_MALFORMED},
        {"iss", "twice", TA_REASON_RESPONSE_MALFORMED},
        {"iss", "https://evil.example.net", TA_REASON_ISSUER_MISMATCH},
        {"iss", WORLD_ISSUER "/", TA_REASON_ISSUER_MISMATCH},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        browser *b = browser_make(w);
        const char *callback = browser_start(b, WORLD_APP "/page");
        const char *value = cases[i].value;

        if (value && strcmp(value, "twice") == 0) {
            value = url_parameter(w->pool, callback, cases[i].name);
            callback = apr_pstrcat(w->pool, callback, "&", cases[i].name, "=", value, NULL);
        } else {
            callback = url_with(w->pool, callback, cases[i].name, value);
        }
        assert_refused(b, browser_get(b, callback), cases[i].expected);
    }
    assert_int_equal(w->op->tokens, 0);
    assert_int_equal(world_records(w), 0);
}

/* The name of the cookie holds only the state's begin: the rest is compared too. */
static void test_a_state_that_only_begins_right_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    char *forged = apr_pstrdup(w->pool, url_parameter(w->pool, callback, "state"));
    const char *shorter = apr_pstrmemdup(w->pool, forged, TA_ATTEMPT_TAG_LEN);

    forged[TA_ATTEMPT_TAG_LEN] = forged[TA_ATTEMPT_TAG_LEN] == 'x' ? 'y' : 'x';
    assert_refused(b, browser_get(b, url_with(w->pool, callback, "state", forged)),
                   TA_REASON_ATTEMPT_MISSING);
    assert_refused(b, browser_get(b, url_with(w->pool, callback, "state", shorter)),
                   TA_REASON_ATTEMPT_MISSING);
    assert_int_equal(w->op->tokens, 0);
    assert_leads_to(browser_get(b, callback), 303, "/page");
}

static void test_a_query_that_cannot_be_read_is_refused(void **state)
{
    static const char *const queries[] = {"?%", "?code=%zz", "?state=%00", "?state=%ff", "?%zz=1"};
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(queries); i++) {
        visit v = {.url = apr_pstrcat(w->pool, CALLBACK, queries[i], NULL)};

        assert_refused(b, browser_send(b, &v), TA_REASON_RESPONSE_MALFORMED);
    }
    assert_refused(b, browser_get(b, CALLBACK), TA_REASON_STATE_MISSING);
}

static void test_unknown_parameters_of_the_response_are_ignored(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");

    callback = apr_pstrcat(w->pool, callback, "&session_state=a&session_state=b&scope=x", NULL);
    assert_leads_to(browser_get(b, callback), 303, "/page");
}

/* RFC 9207 section 2.4 */
static void test_a_response_without_the_promised_iss_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->op->promises_iss = 1;
    w->op->response_iss = "";
    assert_refused(b, browser_get(b, browser_start(b, WORLD_APP "/page")),
                   TA_REASON_ISSUER_MISMATCH);
    assert_int_equal(w->op->tokens, 0);
    w->op->response_iss = NULL;
    assert_leads_to(browser_get(b, browser_start(b, WORLD_APP "/page")), 303, "/page");
}

static void test_a_response_without_iss_is_good_where_none_was_promised(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    w->op->response_iss = "";
    assert_leads_to(browser_get(b, browser_start(b, WORLD_APP "/page")), 303, "/page");
}

/* RFC 9700 section 4.4: the honest provider's response is brought to the other's callback. */
static void test_one_provider_does_not_answer_for_another(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback;

    world_add_provider(w, "other", "https://other.example.net");
    callback = browser_start(b, WORLD_APP "/tinyauth/login?provider=" WORLD_ID "&return=/page");
    callback =
        apr_pstrcat(w->pool, WORLD_APP "/api/oauth/callback/other", strchr(callback, '?'), NULL);
    assert_refused(b, browser_get(b, callback), TA_REASON_ATTEMPT_MISSING);
    assert_int_equal(w->op->tokens, 0);
    assert_int_equal(world_find_op(w, "https://other.example.net/")->tokens, 0);
    assert_true(world_has_logged(w, "the login began with provider \"" WORLD_ID "\""));
}

static void test_an_error_of_the_provider_is_shown_in_words_and_escaped(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    ta_reply *reply;

    callback = url_with(w->pool, callback, "code", NULL);
    callback = url_with(w->pool, callback, "error", "access_denied");
    callback = url_with(w->pool, callback, "error_description", "<script>alert(1)</script>\" no");
    reply = browser_get(b, callback);
    assert_refused(b, reply, TA_REASON_PROVIDER_ERROR);
    assert_holds(reply->body, "access_denied");
    assert_holds(reply->body, "&lt;script&gt;");
    assert_lacks(reply->body, "<script>alert");
    assert_non_null(browser_link(b, reply, "/page"));
    assert_int_equal(w->op->tokens, 0);
    assert_int_equal(browser_cookies(b, "-login-"), 0);
}

/* Anybody can write such a link: it must neither say something on our behalf nor end the login
 * that is under way. */
static void test_an_error_with_a_foreign_state_shows_nothing_and_ends_no_login(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    ta_reply *reply =
        browser_get(b, CALLBACK "?state=abcdefghijk&error=x&error_description=Call+us+at+0900");

    assert_refused(b, reply, TA_REASON_ATTEMPT_MISSING);
    assert_lacks(reply->body, "0900");
    assert_leads_to(browser_get(b, callback), 303, "/page");
}

static void test_the_callback_loaded_again_goes_to_the_page_and_sends_no_code(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    jar_cookie attempt = *browser_cookie(b, "-login-");

    assert_leads_to(browser_get(b, callback), 303, "/page");
    /* the cookie of the attempt is gone: we do not know any more where to */
    assert_leads_to(browser_get(b, callback), 303, "/");
    /* two loads at once: it is still there */
    APR_ARRAY_PUSH(b->jar, jar_cookie) = attempt;
    assert_leads_to(browser_get(b, callback), 303, "/page");
    assert_int_equal(w->op->tokens, 1);
    assert_int_equal(world_records(w), 1);
}

/* Whoever copied cookie and URL before they were used comes too late. */
static void test_a_used_state_is_refused_without_a_session(void **state)
{
    world *w = *state;
    browser *b = browser_make(w), *thief = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");

    APR_ARRAY_PUSH(thief->jar, jar_cookie) = *browser_cookie(b, "-login-");
    assert_leads_to(browser_get(b, callback), 303, "/page");
    assert_refused(thief, browser_get(thief, callback), TA_REASON_ATTEMPT_USED);
    assert_int_equal(w->op->tokens, 1);
    assert_int_equal(world_records(w), 1);
}

/* A browser that never heard the answer still has the cookie, and may load the page again. At the
 * provider a code that comes twice ends what came of it, as long as it lives. */
static void test_a_code_is_not_sent_again_while_it_may_live(void **state)
{
    static const int waits[] = {301, 600 - 301};
    world *w = *state;
    browser *b = browser_make(w), *late = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    jar_cookie attempt = *browser_cookie(b, "-login-");

    attempt.expires = 0;
    assert_leads_to(browser_get(b, callback), 303, "/page");
    for (size_t i = 0; i < COUNT(waits); i++) {
        w->now += waits[i];
        APR_ARRAY_PUSH(late->jar, jar_cookie) = attempt;
        assert_refused(late, browser_get(late, callback), TA_REASON_ATTEMPT_USED);
    }
    assert_int_equal(w->op->tokens, 1);
}

static void test_an_attempt_that_failed_at_the_provider_is_not_tried_again(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    jar_cookie attempt = *browser_cookie(b, "-login-");

    w->op->down = "/token";
    assert_refused(b, browser_get(b, callback), TA_REASON_PROVIDER_UNREACHABLE);
    w->op->down = NULL;
    APR_ARRAY_PUSH(b->jar, jar_cookie) = attempt;
    assert_refused(b, browser_get(b, callback), TA_REASON_ATTEMPT_USED);
    assert_int_equal(w->op->tokens, 1);
}

static void test_an_attempt_older_than_an_hour_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *in_time = browser_start(b, WORLD_APP "/page");
    const char *late = browser_start(b, WORLD_APP "/late?x=y");
    ta_reply *reply;

    w->now += 3600;
    assert_leads_to(browser_get(b, in_time), 303, "/page");
    w->now += 1;
    reply = browser_get(b, late);
    assert_refused(b, reply, TA_REASON_ATTEMPT_EXPIRED);
    /* the page names the limit, and knows what was wanted; then the cookie goes */
    assert_holds(ta_reason_info_get(TA_REASON_ATTEMPT_EXPIRED)->advice, "within an hour");
    assert_string_equal(browser_link(b, reply, "/late"), WORLD_APP "/late?x=y");
    assert_int_equal(browser_cookies(b, "-login-"), 0);
}

static void test_an_attempt_from_the_future_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");

    w->now -= 3000;
    assert_refused(b, browser_get(b, callback), TA_REASON_ATTEMPT_EXPIRED);
}

static void test_a_forged_attempt_cookie_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    jar_cookie *cookie = browser_cookie(b, "-login-");
    const char *right = cookie->value;

    for (size_t i = 0; i < strlen(right); i++) {
        char *forged = apr_pstrdup(w->pool, right);

        forged[i] = forged[i] == 'A' ? 'g' : 'A';
        cookie->value = forged;
        assert_refused(b, browser_get(b, callback), TA_REASON_ATTEMPT_MISSING);
    }
    cookie->value = "";
    assert_refused(b, browser_get(b, callback), TA_REASON_ATTEMPT_MISSING);
    assert_int_equal(w->op->tokens, 0);
    cookie->value = right;
    assert_leads_to(browser_get(b, callback), 303, "/page");
}

static void test_an_attempt_of_another_host_is_refused(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback;
    jar_cookie cookie;

    world_add_site(w, "https://second.example.com", NULL);
    callback = browser_start(b, WORLD_APP "/page");
    cookie = *browser_cookie(b, "-login-");
    cookie.host = "second.example.com";
    APR_ARRAY_PUSH(b->jar, jar_cookie) = cookie;
    callback = apr_pstrcat(w->pool, "https://second.example.com/api/oauth/callback/" WORLD_ID,
                           strchr(callback, '?'), NULL);
    assert_refused(b, browser_get(b, callback), TA_REASON_ATTEMPT_MISSING);
    assert_int_equal(w->op->tokens, 0);
}

static void test_a_forged_cookie_of_the_same_name_does_not_hide_the_right_one(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");

    b->extra_cookies = apr_pstrcat(w->pool, browser_cookie(b, "-login-")->name, "=AAAA", NULL);
    assert_leads_to(browser_get(b, callback), 303, "/page");
}

static void test_head_on_the_callback_does_not_spend_the_code(void **state)
{
    static const char *const methods[] = {"HEAD", "POST", "PUT", "OPTIONS", "get", "GE", "G", ""};
    world *w = *state;
    browser *b = browser_make(w);
    visit v = {.url = browser_start(b, WORLD_APP "/page")};

    for (size_t i = 0; i < COUNT(methods); i++) {
        ta_reply *reply;

        v.method = methods[i];
        reply = browser_send(b, &v);
        assert_refused(b, reply, TA_REASON_METHOD);
        assert_string_equal(reply->allow, "GET");
    }
    assert_int_equal(w->op->tokens, 0);
    assert_leads_to(browser_get(b, v.url), 303, "/page");
}

/* Somebody is signed in, and a further login goes wrong: that is an error and no pass. */
static void test_a_login_that_fails_leaves_the_session_before_as_it_was(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback;

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    callback = browser_start(b, WORLD_APP "/tinyauth/login?prompt=login&return=/page");
    assert_refused(b, browser_get(b, url_with(w->pool, callback, "iss", "https://evil.net")),
                   TA_REASON_ISSUER_MISMATCH);
    assert_refused(b, browser_get(b, CALLBACK "?code=x"), TA_REASON_STATE_MISSING);
    callback = browser_start(b, WORLD_APP "/tinyauth/login?prompt=login&return=/page");
    w->op->breaks_signature = 1;
    assert_refused(b, browser_get(b, callback), TA_REASON_ID_TOKEN_SIGNATURE);
    assert_passed(browser_get(b, WORLD_APP "/page"), "alice");
    assert_int_equal(world_records(w), 1);
}

static void test_a_session_before_that_the_store_keeps_is_an_error(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback;

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    callback = browser_start(b, WORLD_APP "/tinyauth/login?prompt=login&return=/page");
    w->store.remove_status = APR_TIMEUP;
    assert_leads_to(browser_get(b, callback), 303, "/page");
    assert_true(world_has_logged(w, "TA0075: the session of user \"alice\" should end"));
    assert_int_equal(world_has_told(w, TA_EVENT_SESSION_ENDED), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_login_leads_back_to_the_page_and_makes_a_session),
        TEST(test_the_callback_answers_303_so_that_no_form_is_sent_on),
        TEST(test_anothers_callback_url_logs_nobody_in),
        TEST(test_a_malformed_response_is_refused_before_the_token_request),
        TEST(test_a_state_that_only_begins_right_is_refused),
        TEST(test_a_query_that_cannot_be_read_is_refused),
        TEST(test_unknown_parameters_of_the_response_are_ignored),
        TEST(test_a_response_without_the_promised_iss_is_refused),
        TEST(test_a_response_without_iss_is_good_where_none_was_promised),
        TEST(test_one_provider_does_not_answer_for_another),
        TEST(test_an_error_of_the_provider_is_shown_in_words_and_escaped),
        TEST(test_an_error_with_a_foreign_state_shows_nothing_and_ends_no_login),
        TEST(test_the_callback_loaded_again_goes_to_the_page_and_sends_no_code),
        TEST(test_a_used_state_is_refused_without_a_session),
        TEST(test_a_code_is_not_sent_again_while_it_may_live),
        TEST(test_an_attempt_that_failed_at_the_provider_is_not_tried_again),
        TEST(test_an_attempt_older_than_an_hour_is_refused),
        TEST(test_an_attempt_from_the_future_is_refused),
        TEST(test_a_forged_attempt_cookie_is_refused),
        TEST(test_an_attempt_of_another_host_is_refused),
        TEST(test_a_forged_cookie_of_the_same_name_does_not_hide_the_right_one),
        TEST(test_head_on_the_callback_does_not_spend_the_code),
        TEST(test_a_login_that_fails_leaves_the_session_before_as_it_was),
        TEST(test_a_session_before_that_the_store_keeps_is_an_error),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
