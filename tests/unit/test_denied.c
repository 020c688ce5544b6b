/*
 * The unauthorized page: what it says, and that nobody can make it say anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/denied.h"
#include "session/packed.h"
#include "util/json.h"
#include "world.h"

#define PAGE WORLD_APP "/secret?x=1"
#define SHOW WORLD_APP "/tinyauth/unauthorized"
#define MORE "\xe2\x80\xa6"

/* Denies everybody, for want of groups. */
static browser *denied(world *w, ta_reason reason, const char *const *groups, int count)
{
    ta_denial *denial = apr_pcalloc(w->pool, sizeof(*denial));
    browser *b = browser_make(w);

    w->app->denial = NULL;
    assert_int_equal(browser_log_in(b, WORLD_APP "/")->status, 200);
    denial->reason = reason;
    if (groups) {
        denial->groups = apr_array_make(w->pool, count, sizeof(const char *));
    }
    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(denial->groups, const char *) = groups[i];
    }
    w->app->denial = denial;
    return b;
}

static void test_a_navigation_is_led_to_a_page_that_says_everything(void **state)
{
    static const char *const groups[] = {"admins", "people with blanks"};
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_IN_GROUP, groups, 2);
    ta_reply *reply = browser_get(b, PAGE);

    assert_int_equal(reply->status, 302);
    assert_holds(reply->location, "/tinyauth/unauthorized?d=");
    /* readable by nobody on the way */
    assert_lacks(reply->location, "alice");
    assert_lacks(reply->location, "admins");
    reply = browser_follow(b, reply);
    assert_refused(b, reply, TA_REASON_NOT_IN_GROUP);
    assert_holds(reply->body, "alice");
    assert_holds(reply->body, "alice@example.com");
    assert_holds(reply->body, PAGE);
    assert_holds(reply->body, "admins");
    assert_holds(reply->body, "people with blanks");
    assert_holds(reply->body, "admin@example.com");
    assert_non_null(browser_link(b, reply, "&prompt=login"));
    assert_true(world_has_logged(w, "TA0050: user \"alice\" is not let in to /secret: "
                                    "not-in-group, needs one of the groups \"admins\""));
}

/* Denied, and named by TinyauthExplain. */
static browser *explained(world *w, const char *line)
{
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    ta_denial *denial = (ta_denial *)w->app->denial;

    denial->is_explained = 1;
    denial->lines = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(denial->lines, const char *) = line;
    return b;
}

static void test_whom_it_is_explained_to_sees_line_and_groups(void **state)
{
    world *w = *state;
    browser *b = explained(w, "Require oauth-user \"<b>\" (x.conf:7)");
    ta_reply *reply = browser_get(b, PAGE);

    assert_lacks(reply->location, "x.conf");
    reply = browser_follow(b, reply);
    assert_holds(reply->body, "How this was decided");
    assert_holds(reply->body, "Require oauth-user &quot;&lt;b&gt;&quot; (x.conf:7)");
    assert_holds(reply->body, "<bdi>admins</bdi>");
    /* too long for an address: the page comes at once, and says the same */
    APR_ARRAY_IDX(w->app->denial->lines, 0, const char *) =
        apr_psprintf(w->pool, "Require oauth-user %04000d", 7);
    reply = browser_get(b, PAGE);
    assert_int_equal(reply->status, 403);
    assert_holds(reply->body, "How this was decided");
}

static void test_a_program_gets_the_explanation_as_json(void **state)
{
    world *w = *state;
    browser *b = explained(w, "Require oauth-user \"x\" (x.conf:7)");
    visit v = {.url = PAGE, .accept = "application/json"};
    const char *body = browser_send(b, &v)->body;
    const ta_json *json;

    assert_int_equal(
        ta_json_parse_object(w->pool, (ta_bytes){(const unsigned char *)body, strlen(body)}, &json),
        APR_SUCCESS);
    assert_string_equal(ta_json_text(ta_json_item(ta_json_get(json, "denied_by"), 0)),
                        "Require oauth-user \"x\" (x.conf:7)");
    assert_true(ta_json_length(ta_json_get(json, "groups")) > 0);
    ((ta_denial *)w->app->denial)->is_explained = 0;
    assert_lacks(browser_send(b, &v)->body, "denied_by");
}

static void test_log_in_as_somebody_else_asks_the_provider_to_ask(void **state)
{
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    ta_reply *reply = browser_walk(b, browser_get(b, PAGE));
    const char *link = browser_link(b, reply, "&prompt=login");

    assert_string_equal(url_parameter(w->pool, link, "return"), "/secret?x=1");
    reply = browser_get(b, browser_link(b, browser_get(b, link), "provider="));
    assert_string_equal(url_parameter(w->pool, reply->location, "prompt"), "login");
}

static void test_a_denied_user_is_not_sent_round_in_a_circle(void **state)
{
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    ta_reply *reply = browser_get(b, PAGE);
    int steps = 0;

    for (; reply->location; reply = browser_follow(b, reply)) {
        steps++;
    }
    assert_int_equal(steps, 1);
    assert_int_equal(reply->status, 403);
    assert_int_equal(w->op->tokens, 1);
}

static void test_no_navigation_gets_the_answer_at_once(void **state)
{
    static const visit visits[] = {
        {.url = PAGE, .method = "POST"},
        {.url = PAGE, .fetch_mode = "navigate", .fetch_dest = "iframe"},
        {.url = PAGE, .purpose = "prefetch"},
    };
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);

    for (size_t i = 0; i < COUNT(visits); i++) {
        ta_reply *reply = browser_send(b, &visits[i]);

        assert_refused(b, reply, TA_REASON_NOT_ALLOWED);
        assert_holds(reply->body, "alice");
    }
}

static void test_programs_get_403_as_json_without_a_challenge(void **state)
{
    static const char *const groups[] = {"admins"};
    world *w = *state;
    browser *b = denied(w, TA_REASON_GROUPS_ABSENT, groups, 1);
    visit v = {.url = PAGE, .accept = "application/json"};
    ta_reply *reply = browser_send(b, &v);
    ta_bytes body = {(const unsigned char *)reply->body, strlen(reply->body)};
    const ta_json *json;

    assert_refused(b, reply, TA_REASON_GROUPS_ABSENT);
    assert_string_equal(reply->content_type, "application/problem+json");
    assert_int_equal(reply->challenge, 0);
    assert_int_equal(ta_json_parse_object(w->pool, body, &json), APR_SUCCESS);
    assert_null(ta_json_get(json, "login"));
    assert_lacks(reply->body, "admins");
}

static void test_markup_in_names_groups_and_addresses_is_text(void **state)
{
    static const char *const groups[] = {"</dd><script>alert(1)</script>", "\" onload=\"x",
                                         "\xe2\x80\xaegroup"};
    world *w = *state;
    browser *b;
    ta_reply *reply;

    w->op->user = "'preferred_username':'<img src=x onerror=alert(2)>',"
                  "'email':'<b>@example.com','email_verified':true";
    b = denied(w, TA_REASON_NOT_IN_GROUP, groups, COUNT(groups));
    reply = browser_walk(b, browser_get(b, WORLD_APP "/page?a&lt;=%3Cscript%3E"));
    assert_refused(b, reply, TA_REASON_NOT_IN_GROUP);
    assert_holds(reply->body, "&lt;img src=x onerror=alert(2)&gt;");
    assert_holds(reply->body, "/page?a&amp;lt;=%3Cscript%3E");
    assert_lacks(reply->body, "<script>");
    assert_lacks(reply->body, "\" onload");
    assert_lacks(reply->body, "\xe2\x80\xae");
    assert_lacks(reply->body, "<img");
    assert_lacks(reply->body, "<b>");
}

/* The values of a readable parameter would be the words of whoever wrote the link. */
static void test_a_forged_parameter_shows_nothing(void **state)
{
    static const char *const queries[] = {"",
                                          "?d=",
                                          "?d=x",
                                          "?d=Y2FsbCAwOTAw",
                                          "?user=mallory&resource=https://evil.example.net",
                                          "?d=%3Cscript%3E",
                                          "?d=%ff",
                                          "?reason=not-in-group&groups=x"};
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(queries); i++) {
        ta_reply *reply = browser_get(b, apr_pstrcat(w->pool, SHOW, queries[i], NULL));

        assert_refused(b, reply, TA_REASON_NOT_ALLOWED);
        assert_lacks(reply->body, "mallory");
        assert_lacks(reply->body, "evil");
        assert_lacks(reply->body, "0900");
    }
}

static void test_a_notice_changed_in_any_character_shows_nothing(void **state)
{
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    const char *url = browser_resolve(b, browser_get(b, PAGE)->location);
    const char *right = url_parameter(w->pool, url, "d");

    for (size_t i = 0; i < strlen(right); i++) {
        char *forged = apr_pstrdup(w->pool, right);

        forged[i] = forged[i] == 'A' ? 'g' : 'A';
        assert_lacks(browser_get(b, url_with(w->pool, url, "d", forged))->body, "alice");
    }
    assert_holds(browser_get(b, url)->body, "alice");
}

static void test_a_notice_is_good_for_this_host_and_an_hour(void **state)
{
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    const char *url = browser_resolve(b, browser_get(b, PAGE)->location);

    world_add_site(w, "https://second.example.com", NULL);
    assert_lacks(browser_get(b, apr_pstrcat(w->pool, "https://second.example.com",
                                            strstr(url, "/tinyauth"), NULL))
                     ->body,
                 "alice");
    w->now += 3600;
    assert_holds(browser_get(b, url)->body, "alice");
    w->now++;
    assert_lacks(browser_get(b, url)->body, "alice");
}

/* Sealed with the same key, for another purpose. */
static void test_other_sealed_values_are_no_notice(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    (void)browser_start(b, WORLD_APP "/page");
    reply = browser_get(b, url_with(w->pool, SHOW, "d", browser_cookie(b, "-login-")->value));
    assert_refused(b, reply, TA_REASON_NOT_ALLOWED);
}

static void test_many_or_long_groups_are_cut_and_not_lost(void **state)
{
    const char *groups[50];
    world *w = *state;
    browser *b;
    ta_reply *reply;
    char *longest = apr_palloc(w->pool, 4001);

    for (int i = 0; i < 50; i++) {
        groups[i] = apr_psprintf(w->pool, "group-%d-", i);
    }
    b = denied(w, TA_REASON_NOT_IN_GROUP, groups, 50);
    reply = browser_walk(b, browser_get(b, PAGE));
    assert_holds(reply->body, "group-19-</bdi></dd>\n<dd><bdi>" MORE "</bdi>");
    assert_lacks(reply->body, "group-20-");
    assert_true(world_has_logged(w, "\"group-18-\", \"group-19-\" ... [request "));
    /* where all are shown, nothing says that there are more */
    b = denied(w, TA_REASON_NOT_IN_GROUP, groups, 20);
    reply = browser_walk(b, browser_get(b, PAGE));
    assert_holds(reply->body, "group-19-");
    assert_lacks(reply->body, MORE);
    /* too long for an address: the page at once */
    memset(longest, 'g', 4000);
    longest[4000] = '\0';
    groups[0] = longest;
    b = denied(w, TA_REASON_NOT_IN_GROUP, groups, 1);
    reply = browser_get(b, PAGE);
    assert_refused(b, reply, TA_REASON_NOT_IN_GROUP);
    assert_holds(reply->body, longest);
}

/* The page on this host where the browser came from, if it is one; else the front page. */
static void test_the_way_back_is_where_the_browser_came_from(void **state)
{
    static const struct {
        const char *referer;
        const char *back; /* NULL: no such link */
    } cases[] = {
        {NULL, "/"},
        {WORLD_APP "/list?page=2", "/list?page=2"},
        {WORLD_APP "/secret?x=1", NULL},
        {WORLD_APP, "/"},
        {WORLD_APP ".evil.example/list", "/"},
        {"https://evil.example.net/list", "/"},
        {WORLD_APP "//evil.example.net", "/"},
        {WORLD_APP "/tinyauth/logout", "/"},
    };
    world *w = *state;
    browser *b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    ta_session *session;

    for (size_t i = 0; i < COUNT(cases); i++) {
        visit v = {.url = PAGE, .fetch_mode = "cors", .fetch_dest = "empty"};
        ta_reply *reply;

        (void)browser_send(b, &v);
        ((ta_request *)b->env->request)->referer = world_foreign(w->pool, cases[i].referer);
        assert_int_equal(ta_access_find_session(b->env, &session), APR_SUCCESS);
        reply = ta_denied_reply(b->env, session, w->app->denial);
        if (cases[i].back) {
            assert_holds(reply->body, apr_psprintf(w->pool, "href=\"%s\"", cases[i].back));
        } else {
            assert_lacks(reply->body, "href=\"/\"");
            assert_lacks(reply->body, "href=\"/secret?x=1\"");
        }
        assert_lacks(reply->body, "evil");
    }
}

/* The address of the page, opened by a program. */
static void test_a_program_that_opens_the_notice_gets_it_as_json(void **state)
{
    world *w = *state;
    browser *b = explained(w, "Require oauth-user \"x\" (x.conf:7)");
    visit v = {.accept = "application/json"};
    ta_reply *reply;

    v.url = browser_resolve(b, browser_get(b, PAGE)->location);
    reply = browser_send(b, &v);
    assert_refused(b, reply, TA_REASON_NOT_ALLOWED);
    assert_string_equal(reply->content_type, "application/problem+json");
    assert_holds(reply->body, "\"user\":\"alice\"");
    assert_holds(reply->body, "\"resource\":\"" PAGE "\"");
    assert_holds(reply->body, "x.conf:7");
}

/* Very long lines are not worth half a document: the refusal stands, and is JSON. */
static void test_a_program_gets_a_short_refusal_where_the_lines_are_too_long(void **state)
{
    world *w = *state;
    browser *b = explained(w, apr_psprintf(w->pool, "Require oauth-user %09000d", 7));
    visit v = {.url = PAGE, .accept = "application/json"};
    ta_reply *reply = browser_send(b, &v);

    assert_int_equal(reply->status, 403);
    assert_int_equal(reply->reason, TA_REASON_NOT_ALLOWED);
    assert_string_equal(reply->body, "{\"type\":\"about:blank\"}\n");
}

static void test_a_name_that_says_no_more_than_the_user_is_not_shown(void **state)
{
    world *w = *state;
    browser *b;
    const char *html;

    w->op->user = "'preferred_username':'a@example.com','name':'a@example.com',"
                  "'email':'a@example.com'";
    w->app->denial = NULL;
    b = denied(w, TA_REASON_NOT_ALLOWED, NULL, 0);
    html = browser_walk(b, browser_get(b, PAGE))->body;
    html = strstr(html, "a@example.com");
    assert_non_null(html);
    assert_null(strstr(html + 1, "a@example.com"));
}

/* A notice that a newer version of this module sealed. */
static void test_a_reason_that_nobody_knows_shows_nothing(void **state)
{
    static const int reasons[] = {TA_REASON_NOT_ALLOWED, TA_REASON_COUNT, 65535};
    world *w = *state;
    browser *b = browser_make(w);

    for (size_t i = 0; i < COUNT(reasons); i++) {
        ta_bytes plain;
        const char *sealed;
        ta_text out;

        ta_text_init(&out, w->pool, 1000);
        ta_packed_write_number(&out, (apr_uint64_t)reasons[i], 2);
        ta_packed_write_number(&out, (apr_uint64_t)w->now, 8);
        ta_packed_write_string(&out, "mallory");
        for (int j = 0; j < 5; j++) {
            ta_packed_write_string(&out, "/");
        }
        for (int j = 0; j < 4; j++) {
            ta_packed_write_number(&out, 0, 1);
        }
        assert_int_equal(ta_packed_finish(&out, &plain), APR_SUCCESS);
        sealed = ta_seal_text(w->pool, &w->app->site.key, TA_SEAL_DENIAL, WORLD_APP, plain);
        if (i == 0) {
            assert_holds(browser_get(b, url_with(w->pool, SHOW, "d", sealed))->body, "mallory");
        } else {
            assert_lacks(browser_get(b, url_with(w->pool, SHOW, "d", sealed))->body, "mallory");
        }
    }
}

/* The page that explains a denial to alice, who is in so many groups of so long names. */
static const char *page_of_groups(world *w, int count, const char *name)
{
    const char *groups = "'preferred_username':'alice','groups':[";
    browser *b;

    for (int i = 0; i < count; i++) {
        groups = apr_psprintf(w->pool, "%s%s'own-%d-%s'", groups, i ? "," : "", i, name);
    }
    w->op->user = apr_pstrcat(w->pool, groups, "]", NULL);
    b = explained(w, "Require oauth-user \"x\" (x.conf:7)");
    return browser_walk(b, browser_get(b, PAGE))->body;
}

/* Whoever looks for one group among their own, and does not see it, must know that it is absent. */
static void test_of_very_many_own_groups_it_is_said_that_there_are_more(void **state)
{
    world *w = *state;
    const char *page = page_of_groups(w, 60, "of-a-department");

    assert_holds(page, "own-59-");
    assert_lacks(page, MORE);
    page = page_of_groups(w, 150, "x");
    assert_holds(page, "own-99-x</bdi></dd>\n<dd><bdi>" MORE "</bdi>");
    assert_lacks(page, "own-100-");
    page = page_of_groups(w, 10, apr_psprintf(w->pool, "%0500d", 1));
    assert_holds(page, "own-2-");
    assert_lacks(page, "own-3-");
    assert_holds(page, MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_navigation_is_led_to_a_page_that_says_everything),
        TEST(test_whom_it_is_explained_to_sees_line_and_groups),
        TEST(test_a_program_gets_the_explanation_as_json),
        TEST(test_log_in_as_somebody_else_asks_the_provider_to_ask),
        TEST(test_a_denied_user_is_not_sent_round_in_a_circle),
        TEST(test_no_navigation_gets_the_answer_at_once),
        TEST(test_programs_get_403_as_json_without_a_challenge),
        TEST(test_markup_in_names_groups_and_addresses_is_text),
        TEST(test_a_forged_parameter_shows_nothing),
        TEST(test_a_notice_changed_in_any_character_shows_nothing),
        TEST(test_a_notice_is_good_for_this_host_and_an_hour),
        TEST(test_other_sealed_values_are_no_notice),
        TEST(test_many_or_long_groups_are_cut_and_not_lost),
        TEST(test_the_way_back_is_where_the_browser_came_from),
        TEST(test_a_program_that_opens_the_notice_gets_it_as_json),
        TEST(test_a_program_gets_a_short_refusal_where_the_lines_are_too_long),
        TEST(test_a_name_that_says_no_more_than_the_user_is_not_shown),
        TEST(test_a_reason_that_nobody_knows_shows_nothing),
        TEST(test_of_very_many_own_groups_it_is_said_that_there_are_more),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
