/*
 * The administrator's page: what it shows, what it never shows, and who may end what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/administer.h"
#include "world.h"

#define PAGE WORLD_APP "/admin/sessions"

/* The administrator's request, as httpd lets it through after Require. */
static ta_reply *ask(browser *b, const visit *v)
{
    ta_administrator administrator = {.user = "root"};
    ta_session *session;

    (void)browser_send(b, v);
    if (ta_access_find_session(b->env, &session) == APR_SUCCESS) {
        administrator.session = session;
        administrator.user = ta_record_text(&session->login, TA_RECORD_USER);
    }
    return ta_administer_handle(b->env, &administrator);
}

static ta_reply *look(browser *b, const char *url)
{
    visit v = {.url = url};

    return ask(b, &v);
}

static ta_reply *look_as_json(browser *b, const char *url)
{
    visit v = {.url = url, .accept = "application/json"};

    return ask(b, &v);
}

static ta_reply *post(browser *b, const char *body)
{
    visit v = {.url = PAGE "?q=x", .method = "POST", .body = body};

    return ask(b, &v);
}

static browser *log_in(world *w, const char *name)
{
    browser *b = browser_make(w);

    w->op->sub = name;
    w->op->user = apr_psprintf(w->pool, "'preferred_username':'%s','groups':['g-%s']", name, name);
    b->user_agent = apr_pstrcat(w->pool, "Agent of ", name, NULL);
    assert_passed(browser_log_in(b, WORLD_APP "/page"), name);
    return b;
}

static int is_logged_in(browser *b)
{
    return browser_get(b, WORLD_APP "/page")->status == 200;
}

/* The value of the first "name":"…" or name="…" behind a text. */
static const char *value_behind(world *w, const char *body, const char *place, const char *begin)
{
    const char *at = strstr(body, place);

    assert_non_null(at);
    at = strstr(at, begin);
    assert_non_null(at);
    at += strlen(begin);
    return apr_pstrmemdup(w->pool, at, strcspn(at, "\""));
}

static const char *token_of(browser *b)
{
    const char *token = value_behind(b->world, look(b, PAGE)->body, "name=\"token\"", "value=\"");

    world_keep_secret(b->world, token);
    return token;
}

static const char *handle_of(browser *b, const char *user)
{
    return value_behind(b->world, look(b, PAGE)->body,
                        apr_psprintf(b->world->pool, "<strong><bdi>%s</bdi></strong>", user),
                        "value=\"");
}

static const char *form(world *w, const char *token, const char *name, const char *value)
{
    return apr_pstrcat(w->pool, "token=", token, "&", name, "=", value, NULL);
}

static void test_the_page_says_who_is_logged_in(void **state)
{
    static const char *const seen[] = {"alice",
                                       "bob",
                                       "g-bob",
                                       "Agent of bob",
                                       WORLD_ID,
                                       WORLD_CLIENT,
                                       "2027-01-15 08:00 UTC",
                                       "(this session)"};
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const char *html;

    (void)log_in(w, "bob");
    html = look(alice, PAGE)->body;
    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_holds(html, seen[i]);
    }
    html = look_as_json(alice, PAGE)->body;
    for (size_t i = 0; i < COUNT(seen) - 2; i++) {
        assert_holds(html, seen[i]);
    }
    assert_holds(html, "\"total\":2");
    assert_holds(html, "\"created\":1800000000");
}

/* Neither cookie nor storage key nor a token of the provider. */
static void test_nothing_on_it_lets_anybody_in(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice"), *bob = log_in(w, "bob");
    const char *const bodies[] = {look(alice, PAGE)->body, look_as_json(alice, PAGE)->body};
    unsigned char key[TA_STORE_KEY_LEN];
    const char *cookie = browser_cookie(bob, "__Host-tinyauth")->value;
    char *hex = apr_pcalloc(w->pool, 2 * TA_STORE_KEY_LEN + 1);

    assert_int_equal(ta_session_id_key(cookie, key), APR_SUCCESS);
    for (int i = 0; i < TA_STORE_KEY_LEN; i++) {
        (void)apr_snprintf(hex + 2 * i, 3, "%02x", key[i]);
    }
    hex[16] = '\0';
    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_lacks(bodies[i], cookie);
        assert_lacks(bodies[i], hex);
        assert_lacks(bodies[i], w->op->last_id_token);
    }
}

static void test_hostile_values_are_text(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *html, *json;

    w->op->user = "'preferred_username':'<script>alert(1)</script>','name':'\\u202eevil',"
                  "'groups':['<b>g</b>','\\u0026amp;']";
    b->user_agent = "\"><img src=x onerror=alert(1)>\r\nX: y\x1b\xff";
    (void)browser_log_in(b, WORLD_APP "/page");
    html = look(b, PAGE "?q=%22%3E%3Cimg%3E")->body;
    assert_lacks(html, "<img");
    assert_holds(html, "value=\"&quot;&gt;&lt;img&gt;\"");
    html = look(b, PAGE)->body;
    assert_lacks(html, "<script");
    assert_lacks(html, "<img");
    assert_lacks(html, "<b>");
    assert_lacks(html, "\xe2\x80\xae");
    assert_holds(html, "&lt;script&gt;");
    json = look_as_json(b, PAGE)->body;
    assert_null(strpbrk(json, "<>\r\x1b\xff"));
}

static void test_a_handle_ends_one_session(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice"), *bob = log_in(w, "bob");
    ta_reply *reply = post(alice, form(w, token_of(alice), "end", handle_of(alice, "bob")));

    assert_leads_to(reply, 303, "/admin/sessions?q=x");
    assert_false(is_logged_in(bob));
    assert_true(is_logged_in(alice));
    assert_true(world_has_logged(w, "TA0510: administrator \"alice\" ended 1 sessions of user"));
}

static void test_end_user_ends_all_of_that_user(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice"), *first = log_in(w, "bob"), *second = log_in(w, "bob");

    assert_int_equal(
        post(alice, form(w, token_of(alice), "end_user", handle_of(alice, "bob")))->status, 303);
    assert_false(is_logged_in(first));
    assert_false(is_logged_in(second));
    assert_true(is_logged_in(alice));
}

static void test_end_all_ends_everybody(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const char *token;

    (void)log_in(w, "bob");
    token = token_of(alice);
    assert_int_equal(post(alice, form(w, token, "end_all", "no"))->status, 303);
    assert_int_equal(world_records(w), 2);
    assert_int_equal(post(alice, form(w, token, "end_all", "yes"))->status, 303);
    assert_int_equal(world_records(w), 0);
}

static void test_each_session_that_ends_is_told(void **state)
{
    static const char *const orders[] = {"end", "end_user", "end_all"};
    static const int counts[] = {1, 1 + 3, 1 + 3 + 3}; /* one stays, then two, then alice too */
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const ta_event *told;

    for (size_t i = 0; i < COUNT(orders); i++) {
        (void)log_in(w, "bob");
        (void)log_in(w, "bob");
        (void)post(alice,
                   form(w, token_of(alice), orders[i], i < 2 ? handle_of(alice, "bob") : "yes"));
        assert_int_equal(world_has_told(w, TA_EVENT_SESSION_ENDED), counts[i]);
        told = world_last_told(w, TA_EVENT_SESSION_ENDED);
        assert_int_equal(told->by, TA_ENDED_BY_ADMINISTRATOR);
        assert_string_equal(told->provider, WORLD_ID);
        assert_non_null(told->login_key);
        if (i < 2) {
            assert_string_equal(told->user, "bob");
            assert_string_equal(told->sub, "bob");
        }
    }
    assert_int_equal(world_has_told(w, TA_EVENT_LOGOUT), 0);
}

static void test_scripts_hear_how_many(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const char *token = value_behind(w, look_as_json(alice, PAGE)->body, "", "\"token\":\"");
    visit v = {.url = PAGE, .method = "POST", .accept = "application/json"};

    (void)log_in(w, "bob");
    (void)log_in(w, "bob");
    v.body = form(w, token, "end_user", handle_of(alice, "bob"));
    assert_string_equal(ask(alice, &v)->body, "{\"ended\":2}\n");
    assert_string_equal(ask(alice, &v)->body, "{\"ended\":0}\n");
}

/* Another site's form, with another administrator's token, one of another kind, or none. */
static void test_without_the_sessions_own_token_nothing_ends(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice"), *mallory = log_in(w, "mallory");
    const char *foreign = token_of(mallory), *logout;
    const char *const bodies[] = {"end_all=yes", "token=&end_all=yes", "token=x&end_all=yes",
                                  form(w, foreign, "end_all", "yes"), NULL};

    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_refused(alice, post(alice, bodies[i]), TA_REASON_LOGOUT_TOKEN);
    }
    logout = value_behind(w, browser_get(alice, WORLD_APP "/tinyauth/logout")->body,
                          "name=\"token\"", "value=\"");
    assert_refused(alice, post(alice, form(w, logout, "end_all", "yes")), TA_REASON_LOGOUT_TOKEN);
    assert_int_equal(world_records(w), 2);
    assert_true(world_has_logged(w, "TA0511"));
}

/* Logged in by another AuthType: the token is bound to the name. */
static void test_without_a_session_the_token_is_the_names(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const ta_administrator root = {.user = "root"}, other = {.user = "other"};
    visit v = {.url = PAGE, .method = "POST"};
    const char *token;

    (void)log_in(w, "bob");
    token = token_of(b);
    v.body = form(w, token, "end_all", "yes");
    (void)browser_send(b, &v);
    assert_refused(b, ta_administer_handle(b->env, &other), TA_REASON_LOGOUT_TOKEN);
    assert_int_equal(ta_administer_handle(b->env, &root)->status, 303);
    assert_int_equal(world_records(w), 0);
}

/* Hosts of one server share its store, but not their users. */
static void test_sessions_of_another_provider_are_not_seen_and_not_ended(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice"), *bob = log_in(w, "bob");
    const char *token = token_of(alice), *handle = handle_of(alice, "bob");

    w->provider->fingerprint[0] ^= 1;
    assert_lacks(look(alice, PAGE)->body, "bob");
    w->provider->fingerprint[0] ^= 1;
    {
        visit v = {.url = PAGE, .method = "POST", .body = form(w, token, "end", handle)};
        ta_administrator administrator = {.user = "alice"};
        ta_session *session;

        (void)browser_send(alice, &v);
        assert_int_equal(ta_access_find_session(alice->env, &session), APR_SUCCESS);
        administrator.session = session;
        w->provider->fingerprint[0] ^= 1;
        assert_int_equal(ta_administer_handle(alice->env, &administrator)->status, 303);
        w->provider->fingerprint[0] ^= 1;
    }
    assert_true(is_logged_in(bob));
}

static void test_pages_lead_on_and_keep_the_search(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const char *next;
    ta_reply *reply;

    for (int i = 0; i < 60; i++) {
        w->now++;
        (void)log_in(w, "bob");
    }
    reply = look(alice, PAGE "?q=bob");
    assert_holds(reply->body, "Sessions: 60");
    next = browser_link(alice, reply, "after=");
    assert_non_null(next);
    assert_holds(next, "q=bob&after=18");
    reply = look(alice, next);
    assert_holds(reply->body, "Sessions: 60");
    assert_null(browser_link(alice, reply, "after="));
    assert_holds(look(alice, PAGE "?after=x")->body, "Sessions: 61");
    assert_holds(look(alice, PAGE "?q=")->body, "Sessions: 61");
}

static void test_scripts_are_led_on_too(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const char *next;
    ta_reply *reply;

    for (int i = 0; i < 501; i++) {
        w->now++;
        (void)log_in(w, "bob");
    }
    reply = look_as_json(alice, PAGE "?q=bob");
    assert_holds(reply->body, "\"total\":501");
    next = value_behind(w, reply->body, "", "\"next\":\"");
    assert_holds(next, "/admin/sessions?q=bob");
    next = apr_pstrcat(w->pool, PAGE "?q=bob&", strstr(next, "after="), NULL);
    reply = look_as_json(alice, next);
    assert_holds(reply->body, "\"next\":null");
    assert_holds(reply->body, "\"created\":1800000001,");
    assert_lacks(reply->body, "\"created\":1800000002,");
}

static void test_slashes_before_the_path_lead_to_no_other_host(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");
    visit v = {.url = WORLD_APP "//evil.example/?q=x", .method = "POST"};

    v.body = form(w, token_of(alice), "end", "0");
    assert_leads_to(ask(alice, &v), 303, "/evil.example/?q=x");
    assert_holds(look(alice, WORLD_APP "//evil.example/")->body, "action=\"/evil.example/\"");
}

static void test_json_is_for_those_who_ask_for_it(void **state)
{
    static const char *const others[] = {"", "image/png", "text/html",
                                         "text/html, application/json"};
    world *w = *state;
    browser *alice = log_in(w, "alice");

    for (size_t i = 0; i < COUNT(others); i++) {
        visit v = {.url = PAGE, .accept = others[i]};

        assert_string_equal(ask(alice, &v)->content_type, "text/html; charset=utf-8");
    }
    assert_string_equal(look_as_json(alice, PAGE)->content_type, "application/json");
}

static void test_other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE", "PATCH", "OPTIONS"};
    world *w = *state;
    browser *alice = log_in(w, "alice");

    for (size_t i = 0; i < COUNT(methods); i++) {
        visit v = {.url = PAGE, .method = methods[i]};
        ta_reply *reply = ask(alice, &v);

        assert_int_equal(reply->status, 405);
        assert_string_equal(reply->allow, "GET, HEAD, POST");
    }
}

static void test_a_store_that_cannot_list_says_so(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");

    w->port.iterate = NULL;
    assert_holds(look(alice, PAGE)->body, "cannot list its sessions");
    assert_string_equal(look_as_json(alice, PAGE)->body, "{\"listable\":false,\"sessions\":[]}\n");
    assert_holds(post(alice, "end_all=yes")->body, "cannot list its sessions");
    assert_true(is_logged_in(alice));
}

static void test_a_store_that_fails_says_so(void **state)
{
    world *w = *state;
    browser *alice = log_in(w, "alice");
    const ta_administrator root = {.user = "root"};
    const char *token = token_of(alice), *handle = handle_of(alice, "alice");

    w->store.remove_status = APR_TIMEUP;
    assert_refused(alice, post(alice, form(w, token, "end", handle)), TA_REASON_STORE_UNAVAILABLE);
    assert_refused(alice, post(alice, form(w, token, "end_all", "yes")),
                   TA_REASON_STORE_UNAVAILABLE);
    w->store.load_status = APR_TIMEUP;
    assert_refused(alice, ta_administer_handle(alice->env, &root), TA_REASON_LOGOUT_TOKEN);
    assert_refused(alice, look(alice, PAGE), TA_REASON_STORE_UNAVAILABLE);
}

/* The administrator came by another AuthType, and the store fails while it is searched. */
static void test_a_store_that_fails_while_it_is_searched_says_so(void **state)
{
    world *w = *state;
    browser *root = browser_make(w);
    const char *token, *handle;

    (void)log_in(w, "bob");
    token = token_of(root);
    handle = handle_of(root, "bob");
    w->store.load_status = APR_TIMEUP;
    assert_refused(root, post(root, form(w, token, "end", handle)), TA_REASON_STORE_UNAVAILABLE);
    assert_int_equal(world_records(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_page_says_who_is_logged_in),
        TEST(test_nothing_on_it_lets_anybody_in),
        TEST(test_hostile_values_are_text),
        TEST(test_a_handle_ends_one_session),
        TEST(test_end_user_ends_all_of_that_user),
        TEST(test_end_all_ends_everybody),
        TEST(test_each_session_that_ends_is_told),
        TEST(test_scripts_hear_how_many),
        TEST(test_without_the_sessions_own_token_nothing_ends),
        TEST(test_without_a_session_the_token_is_the_names),
        TEST(test_sessions_of_another_provider_are_not_seen_and_not_ended),
        TEST(test_pages_lead_on_and_keep_the_search),
        TEST(test_scripts_are_led_on_too),
        TEST(test_slashes_before_the_path_lead_to_no_other_host),
        TEST(test_json_is_for_those_who_ask_for_it),
        TEST(test_other_methods_are_refused),
        TEST(test_a_store_that_cannot_list_says_so),
        TEST(test_a_store_that_fails_says_so),
        TEST(test_a_store_that_fails_while_it_is_searched_says_so),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
