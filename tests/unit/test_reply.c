/*
 * Replies: each has its headers and its way out, and nothing in them can be more than text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/reply.h"
#include "util/json.h"
#include "world.h"

static ta_env *env_of(world *w, const char *accept)
{
    browser *b = browser_make(w);
    visit v = {.url = WORLD_APP "/page", .accept = accept};

    (void)browser_send(b, &v);
    return b->env;
}

static void test_a_page_carries_its_policy(void **state)
{
    ta_env *env = env_of(*state, NULL);
    ta_reply *reply = ta_reply_page(env, 200, TA_PAGE_SIGNED_OUT, ta_values_make(env->pool), NULL);

    assert_int_equal(reply->status, 200);
    assert_string_equal(reply->content_type, "text/html; charset=utf-8");
    assert_holds(reply->policy, "default-src 'none'");
    assert_holds(reply->policy, "frame-ancestors 'none'");
    assert_int_equal(reply->challenge, 0);
    assert_null(reply->location);
}

static void test_every_reason_makes_a_page_and_a_document(void **state)
{
    world *w = *state;
    ta_env *page = env_of(w, NULL), *program = env_of(w, "application/json");

    for (int i = 1; i < TA_REASON_COUNT; i++) {
        ta_fault fault = {
            .reason = (ta_reason)i, .quoted = "<i>\"no\"</i>", .detail = "for the log"};
        const ta_reason_info *info = ta_reason_info_get(fault.reason);
        ta_reply *html = ta_reply_refuse(page, &fault, "/again");
        ta_reply *json = ta_reply_refuse(program, &fault, "/again");
        ta_bytes body = {(const unsigned char *)json->body, strlen(json->body)};
        const ta_json *problem;

        assert_int_equal(html->status, info->status);
        assert_holds(html->body, info->code);
        assert_holds(html->body, "href=\"/again\"");
        assert_lacks(html->body, "<i>");
        assert_holds(html->body, "request-1");
        assert_int_equal(json->status, info->status);
        assert_int_equal(ta_json_parse_object(w->pool, body, &problem), APR_SUCCESS);
        assert_string_equal(ta_json_string(problem, "reason"), info->code);
        assert_string_equal(ta_json_string(problem, "title"), info->title);
        assert_string_equal(ta_json_string(problem, "quoted"), "<i>\"no\"</i>");
        assert_int_equal(json->challenge, info->status == 401);
        /* the detail is for the log */
        assert_lacks(html->body, "for the log");
        assert_lacks(json->body, "for the log");
    }
}

static void test_pages_speak_the_browsers_language_and_documents_english(void **state)
{
    world *w = *state;
    ta_env *env = env_of(w, NULL), *program = env_of(w, "application/json");
    ta_fault fault = {.reason = TA_REASON_NOT_FOUND};
    ta_reply *reply;

    assert_string_equal(ta_reply_refuse(env, &fault, NULL)->language, "en");
    ((ta_request *)(uintptr_t)env->request)->accept_language = "tlh, de-AT;q=0.9, en;q=0.1";
    ((ta_request *)(uintptr_t)program->request)->accept_language = "de";
    reply = ta_reply_refuse(env, &fault, NULL);
    assert_string_equal(reply->language, "de");
    assert_holds(reply->body, "<html lang=\"de\" dir=\"ltr\">");
    assert_holds(reply->body, "<h1>Diese Seite gibt es nicht</h1>");
    reply = ta_reply_refuse(program, &fault, NULL);
    assert_string_equal(reply->language, "en");
    assert_holds(reply->body, "There is no such page");
    /* TinyauthLanguage en */
    w->app->site.has_language = 1;
    assert_holds(ta_reply_refuse(env, &fault, NULL)->body, "<h1>There is no such page</h1>");
}

static void test_the_contact_is_a_link_where_it_can_be_one(void **state)
{
    static const struct {
        const char *contact;
        const char *shown;
    } cases[] = {
        {"it@example.com", "<a href=\"mailto:it@example.com\"><bdi>it@example.com</bdi></a>"},
        {"https://help.example.com/a@b", "<a href=\"https://help.example.com/a@b\">"},
        {"room 12, phone 34", ": <bdi>room 12, phone 34</bdi></p>"},
        {"<b>@x", ": <bdi>&lt;b&gt;@x</bdi></p>"},
        {"javascript:alert(1)", ": <bdi>javascript:alert(1)</bdi></p>"},
    };
    world *w = *state;
    ta_env *env = env_of(w, NULL);
    ta_fault fault = {.reason = TA_REASON_NOT_FOUND};

    for (size_t i = 0; i < COUNT(cases); i++) {
        w->app->site.contact = cases[i].contact;
        assert_holds(ta_reply_refuse(env, &fault, NULL)->body, cases[i].shown);
    }
}

/* A page of the administrator's that grows too large must not leave somebody without one. */
static void test_a_file_that_fails_gives_way_to_the_page_that_is_built_in(void **state)
{
    world *w = *state;
    ta_env *env = env_of(w, NULL);
    ta_fault fault = {.reason = TA_REASON_NOT_FOUND};
    apr_array_header_t *files = apr_array_make(w->pool, 1, sizeof(ta_page_file));
    char *text = apr_palloc(w->pool, 70001);
    const char *error;
    ta_reply *reply;

    memset(text, 'x', 70000);
    text[70000] = '\0';
    APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){"error.html", text};
    w->app->site.look.pages = ta_page_make_set(w->pool, files, &error);
    assert_non_null(w->app->site.look.pages);
    reply = ta_reply_refuse(env, &fault, NULL);
    assert_int_equal(reply->status, 404);
    assert_holds(reply->body, "<h1>There is no such page</h1>");
    assert_true(world_has_logged(w, "TA0202"));
    assert_false(world_has_logged(w, "TA0001"));
}

static void test_a_reason_that_nobody_set_is_still_a_refusal(void **state)
{
    ta_env *env = env_of(*state, NULL);
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(ta_reply_refuse(env, &fault, NULL)->status, 500);
}

static void test_a_link_that_is_none_is_left_out(void **state)
{
    ta_env *env = env_of(*state, NULL);
    ta_fault fault = {.reason = TA_REASON_INTERNAL};

    assert_lacks(ta_reply_refuse(env, &fault, "javascript:alert(1)")->body, "javascript:");
    assert_lacks(ta_reply_refuse(env, &fault, "//evil.example.net")->body, "evil");
}

/* "Try again" and "Back to the site" side by side, to the same place, would be one too many. */
static void test_no_page_is_a_dead_end_and_none_offers_a_way_twice(void **state)
{
    ta_env *env = env_of(*state, NULL);
    ta_fault fault = {.reason = TA_REASON_INTERNAL};
    const char *body = ta_reply_refuse(env, &fault, "/")->body;

    assert_holds(body, "href=\"/\">Try again</a>");
    assert_lacks(body, "Back to the site");
    body = ta_reply_refuse(env, &fault, "/page")->body;
    assert_holds(body, "href=\"/page\">Try again</a>");
    assert_holds(body, "href=\"/\">Back to the site</a>");
    assert_holds(ta_reply_refuse(env, &fault, NULL)->body, "href=\"/\">Back to the site</a>");
}

static void test_cookies_are_set_and_deleted_with_every_attribute(void **state)
{
    ta_env *env = env_of(*state, NULL);
    ta_reply *reply = ta_reply_make(env, 200);

    ta_reply_set_cookie(env, reply, "__Host-a", "b", 60, NULL);
    ta_reply_set_cookie(env, reply, "__Host-a", NULL, 60, NULL);
    ta_reply_set_cookie(env, reply, "__Secure-a", "b", -1, "example.com");
    assert_int_equal(reply->cookies->nelts, 3);
    assert_string_equal(APR_ARRAY_IDX(reply->cookies, 0, const char *),
                        "__Host-a=b; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60");
    assert_string_equal(APR_ARRAY_IDX(reply->cookies, 1, const char *),
                        "__Host-a=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
    assert_string_equal(APR_ARRAY_IDX(reply->cookies, 2, const char *),
                        "__Secure-a=b; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=example.com");
}

static void test_a_page_beyond_its_limit_is_an_error_and_not_half_a_page(void **state)
{
    world *w = *state;
    ta_env *env = env_of(w, NULL);
    char *text = apr_palloc(w->pool, 70001);
    ta_values *values = ta_values_make(env->pool);
    ta_reply *reply;

    memset(text, 'x', 70000);
    text[70000] = '\0';
    ta_values_set(values, "reason_title", text);
    reply = ta_reply_page(env, 403, TA_PAGE_ERROR, values, NULL);
    assert_int_equal(reply->status, 403);
    assert_string_equal(reply->content_type, "text/plain; charset=utf-8");
    assert_lacks(reply->body, "xxx");
    assert_true(world_has_logged(w, "TA0001"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_page_carries_its_policy),
        TEST(test_every_reason_makes_a_page_and_a_document),
        TEST(test_pages_speak_the_browsers_language_and_documents_english),
        TEST(test_the_contact_is_a_link_where_it_can_be_one),
        TEST(test_a_file_that_fails_gives_way_to_the_page_that_is_built_in),
        TEST(test_a_reason_that_nobody_set_is_still_a_refusal),
        TEST(test_a_link_that_is_none_is_left_out),
        TEST(test_no_page_is_a_dead_end_and_none_offers_a_way_twice),
        TEST(test_cookies_are_set_and_deleted_with_every_attribute),
        TEST(test_a_page_beyond_its_limit_is_an_error_and_not_half_a_page),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
