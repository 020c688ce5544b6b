/*
 * Ways through the flow that people rarely go: over plain http, under names that are not the
 * site's own, across hosts that do not fit together, and with a provider that repeats secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/access.h"
#include "flow/login.h"
#include "flow/renew.h"
#include "world_renew.h"

#define LOGIN  "https://auth.example.com"
#define PLAIN  "http://plain.example.com"
#define DIRECT "/tinyauth/login?provider=" WORLD_ID

/* The environment of the browser's last request, whose request may be changed. */
static ta_env *borrow_env(const browser *b, ta_request *request)
{
    ta_env *env = apr_pmemdup(b->world->pool, b->env, sizeof(*env));

    *request = *b->env->request;
    env->request = request;
    return env;
}

static ta_session *session_of(const ta_env *env)
{
    ta_session *session;

    assert_int_equal(ta_access_find_session(env, &session), APR_SUCCESS);
    return session;
}

static void test_a_login_over_plain_http_is_warned_of(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    browser_get(b, WORLD_APP DIRECT);
    assert_false(world_has_logged(w, "TA0022"));
    world_add_site(w, PLAIN, NULL);
    assert_int_equal(browser_get(b, PLAIN DIRECT)->status, 302);
    assert_true(world_has_logged(w, "TA0022"));
}

static void test_a_login_page_of_another_scheme_says_what_to_configure(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_add_site(w, LOGIN, NULL);
    world_add_site(w, PLAIN, LOGIN);
    assert_refused(b, browser_get(b, PLAIN "/page"), TA_REASON_SCHEME_MISMATCH);
    assert_refused(b, browser_get(b, PLAIN "/tinyauth/login"), TA_REASON_SCHEME_MISMATCH);
}

/* Under a foreign name no cookie would come back. */
static void test_a_login_page_under_a_foreign_name_leads_to_its_own(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_request request;
    ta_reply *reply;
    ta_env *env;

    browser_get(b, WORLD_APP "/tinyauth/login?return=/page");
    env = borrow_env(b, &request);
    request.is_other_host = 1;
    request.server_origin = "https://www.example.com";
    reply = ta_login_handle(env);
    assert_leads_to(reply, 302, "https://www.example.com/tinyauth/login?return=/page");
}

/* Whoever has a name that only a wildcard allows could ask for somebody else's ticket. */
static void test_a_wildcard_name_asks_the_login_host_for_nothing(void **state)
{
    world *w = *state;
    world_site *app = world_add_site(w, "https://any.example.com", LOGIN);
    browser *b = browser_make(w);
    ta_request request;
    ta_env *env;

    world_add_site(w, LOGIN, NULL);
    browser_get(b, "https://any.example.com/tinyauth/login?return=/page");
    env = borrow_env(b, &request);
    request.is_wild_host = 1;
    request.server_origin = "https://www.example.com";
    assert_leads_to(ta_login_handle(env), 302,
                    "https://www.example.com/tinyauth/login?return=/page");
    /* one cookie for all of the domain needs no ticket */
    app->site.cookie_domain = "example.com";
    assert_true(strncmp(ta_login_handle(env)->location, LOGIN "/", strlen(LOGIN) + 1) == 0);
}

static void test_a_program_on_an_application_s_host_gets_a_page_of_it(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    visit script = {
        .url = "https://other.example.com/tinyauth/login",
        .fetch_mode = "cors",
        .fetch_dest = "empty",
    };

    world_add_site(w, LOGIN, NULL);
    world_add_site(w, "https://other.example.com", LOGIN);
    assert_int_equal(browser_send(b, &script)->status, 200);
    assert_int_equal(b->jar->nelts, 0);
}

static void test_tokens_that_ran_out_lead_to_the_login_host_of_the_domain(void **state)
{
    world *w = *state;
    world_site *login = world_add_site(w, LOGIN, NULL);
    browser *b = browser_make(w);
    ta_request request;
    ta_reply *reply;
    ta_env *env;

    w->app->site.app_origin = LOGIN;
    w->app->site.cookie_domain = login->site.cookie_domain = "example.com";
    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    env = borrow_env(b, &request);
    reply = ta_login_again(env, session_of(env));
    assert_int_equal(reply->status, 302);
    assert_string_equal(url_parameter(w->pool, reply->location, "return"), WORLD_APP "/page");
    /* where the way there is not open, the session goes on */
    w->app->site.app_origin = "http://auth.example.com";
    assert_null(ta_login_again(env, session_of(env)));
}

static void test_a_session_of_another_provider_passes_no_login_page(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_add_provider(w, "other", "https://other.example.net");
    world_restart(w);
    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    assert_leads_to(browser_get(b, WORLD_APP DIRECT "&return=/page"), 302, "/page");
    assert_non_null(
        strstr(browser_get(b, WORLD_APP "/tinyauth/login?provider=other&return=/page")->location,
               "https://other.example.net/authorize"));
}

/* Some providers repeat in their error what they were sent. */
static void test_a_provider_that_repeats_a_secret_puts_none_into_the_log(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, WORLD_APP "/page");
    const char *code = url_parameter(w->pool, callback, "code");

    world_keep_secret(w, code);
    w->op->status = 400;
    w->op->path = "/token";
    w->op->body = apr_pstrcat(w->pool, "{'error':'invalid_grant','error_description':'code ", code,
                              " is unknown'}", NULL);
    assert_refused(b, browser_get(b, callback), TA_REASON_TOKEN_REFUSED);
    assert_true(world_has_logged(w, "(here it repeats a secret)"));
    assert_false(world_has_logged(w, code));
}

static void test_a_provider_that_is_down_ends_no_session_when_it_is_asked(void **state)
{
    world *w = *state;
    renew_scene *scene = renew_scene_make(w);

    renew_scene_enter(scene);
    world_restart(w);
    w->op->down = "/";
    w->http = world_http(w);
    w->now += 301;
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_true(world_has_logged(w, "TA0071"));
    assert_true(world_has_logged(w, "provider-unreachable"));
}

static void test_whose_provider_is_gone_is_not_asked_about(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_request request;
    ta_session *session;
    ta_site site;
    ta_env *env;

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    env = borrow_env(b, &request);
    session = session_of(env);
    site = *env->site;
    site.revalidate = 300;
    site.providers = apr_array_make(w->pool, 1, sizeof(ta_provider *));
    env->site = &site;
    env->now += 301;
    assert_int_equal(ta_renew_session(env, session), TA_RENEWAL_KEPT);
}

static void test_who_logs_out_while_the_provider_is_down_is_logged_out(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_reply *reply;

    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    world_restart(w);
    w->op->down = "/";
    reply = browser_get(b, WORLD_APP "/tinyauth/logout");
    assert_int_equal(reply->status, 200);
    assert_lacks(reply->policy, WORLD_ISSUER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_login_over_plain_http_is_warned_of),
        TEST(test_a_login_page_of_another_scheme_says_what_to_configure),
        TEST(test_a_login_page_under_a_foreign_name_leads_to_its_own),
        TEST(test_a_wildcard_name_asks_the_login_host_for_nothing),
        TEST(test_a_program_on_an_application_s_host_gets_a_page_of_it),
        TEST(test_tokens_that_ran_out_lead_to_the_login_host_of_the_domain),
        TEST(test_a_session_of_another_provider_passes_no_login_page),
        TEST(test_a_provider_that_repeats_a_secret_puts_none_into_the_log),
        TEST(test_a_provider_that_is_down_ends_no_session_when_it_is_asked),
        TEST(test_whose_provider_is_gone_is_not_asked_about),
        TEST(test_who_logs_out_while_the_provider_is_down_is_logged_out),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
