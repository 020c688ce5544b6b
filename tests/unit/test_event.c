/*
 * What the flow tells: one event for each decision, with the reason that the page has, and about
 * the right person.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "world_renew.h"

#define PAGE     WORLD_APP "/page"
#define INTERVAL 300

static void assert_about_alice(const ta_event *event)
{
    assert_string_equal(event->provider, WORLD_ID);
    assert_string_equal(event->user, "alice");
    assert_true(event->sub && *event->sub);
    assert_non_null(event->login_key);
}

static void test_a_login_is_told_once(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    assert_passed(browser_log_in(b, PAGE), "alice");
    assert_passed(browser_get(b, PAGE), "alice");
    assert_int_equal(world_has_told(w, TA_EVENT_LOGIN), 1);
    assert_about_alice(world_last_told(w, TA_EVENT_LOGIN));
    assert_int_equal(world_has_told(w, TA_EVENT_LOGIN_REFUSED), 0);
    assert_int_equal(world_has_told(w, TA_EVENT_KEYS_FETCHED), 1);
    /* a request that is let in has nothing to tell */
    assert_int_equal(w->told->nelts, 2);
}

static void test_a_second_login_ends_the_session_of_the_first(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *first;

    assert_passed(browser_log_in(b, PAGE), "alice");
    first = apr_pmemdup(w->pool, world_last_told(w, TA_EVENT_LOGIN)->login_key, TA_STORE_KEY_LEN);
    browser_walk(b, browser_get(b, WORLD_APP "/tinyauth/login?prompt=login"));
    assert_int_equal(world_has_told(w, TA_EVENT_LOGIN), 2);
    assert_int_equal(world_has_told(w, TA_EVENT_SESSION_ENDED), 1);
    assert_int_equal(world_last_told(w, TA_EVENT_SESSION_ENDED)->by, TA_ENDED_BY_LOGIN);
    assert_memory_equal(world_last_told(w, TA_EVENT_SESSION_ENDED)->login_key, first,
                        TA_STORE_KEY_LEN);
}

static void test_a_refused_login_is_told_with_the_reason_of_the_page(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    const char *callback = browser_start(b, PAGE);

    w->op->status = 500;
    assert_refused(b, browser_get(b, callback), TA_REASON_PROVIDER_UNREACHABLE);
    assert_int_equal(world_has_told(w, TA_EVENT_LOGIN_REFUSED), 1);
    assert_int_equal(world_last_told(w, TA_EVENT_LOGIN_REFUSED)->reason,
                     TA_REASON_PROVIDER_UNREACHABLE);
    assert_string_equal(world_last_told(w, TA_EVENT_LOGIN_REFUSED)->provider, WORLD_ID);
    assert_null(world_last_told(w, TA_EVENT_LOGIN_REFUSED)->user);
}

static void test_who_is_not_on_the_whitelist_is_told_by_name(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);

    world_set_whitelist(w, w->app, "bob@example.com");
    assert_refused(b, browser_log_in(b, PAGE), TA_REASON_NOT_WHITELISTED);
    assert_int_equal(world_last_told(w, TA_EVENT_LOGIN_REFUSED)->reason, TA_REASON_NOT_WHITELISTED);
    assert_string_equal(world_last_told(w, TA_EVENT_LOGIN_REFUSED)->user, "alice");
    assert_int_equal(world_has_told(w, TA_EVENT_LOGIN), 0);
}

static void test_a_denial_is_told_when_it_is_decided_not_when_it_is_shown(void **state)
{
    world *w = *state;
    browser *b = browser_make(w);
    ta_denial denial = {.reason = TA_REASON_GROUPS_EMPTY};
    ta_reply *reply;

    assert_passed(browser_log_in(b, PAGE), "alice");
    w->app->denial = &denial;
    reply = browser_get(b, PAGE);
    assert_int_equal(reply->reason, TA_REASON_GROUPS_EMPTY);
    reply = browser_follow(b, reply);
    assert_refused(b, reply, TA_REASON_GROUPS_EMPTY);
    assert_int_equal(reply->reason, TA_REASON_GROUPS_EMPTY);
    assert_int_equal(world_has_told(w, TA_EVENT_DENIED), 1);
    assert_int_equal(world_last_told(w, TA_EVENT_DENIED)->reason, TA_REASON_GROUPS_EMPTY);
    assert_about_alice(world_last_told(w, TA_EVENT_DENIED));
}

static renew_scene *enter(void **state)
{
    renew_scene *scene = renew_scene_make(*state);

    scene->gives_refresh_token = 1;
    scene->expires_in = 3600;
    renew_scene_enter(scene);
    return scene;
}

static void test_a_revalidation_tells_old_and_new_groups(void **state)
{
    renew_scene *scene = enter(state);
    world *w = scene->world;
    const ta_event *event;

    w->now += INTERVAL;
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    event = world_last_told(w, TA_EVENT_CONFIRMED);
    assert_about_alice(event);
    assert_false(ta_event_do_groups_differ(event->before, event->after));
    w->op->user = "'preferred_username':'alice','email':'alice@example.com',"
                  "'email_verified':true,'groups':['others']";
    w->now += INTERVAL;
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    event = world_last_told(w, TA_EVENT_CONFIRMED);
    assert_true(ta_event_do_groups_differ(event->before, event->after));
    assert_true(ta_event_has_group(event->after, "others"));
    assert_false(ta_event_has_group(event->before, "others"));
    assert_int_equal(world_has_told(w, TA_EVENT_CONFIRMED), 2);
}

static void test_a_definite_no_is_told_as_the_end_of_the_session(void **state)
{
    renew_scene *scene = enter(state);

    scene->world->now += INTERVAL;
    scene->refresh_status = 400;
    scene->refresh_body = "{'error':'invalid_grant'}";
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
    assert_int_equal(world_last_told(scene->world, TA_EVENT_SESSION_ENDED)->by,
                     TA_ENDED_BY_PROVIDER);
    assert_int_equal(world_last_told(scene->world, TA_EVENT_SESSION_ENDED)->reason,
                     TA_REASON_TOKEN_REFUSED);
    assert_about_alice(world_last_told(scene->world, TA_EVENT_SESSION_ENDED));
}

static void test_dont_know_is_told_as_such(void **state)
{
    renew_scene *scene = enter(state);

    scene->world->now += INTERVAL;
    scene->refresh_status = 503;
    scene->refresh_body = "{}";
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(world_has_told(scene->world, TA_EVENT_UNCONFIRMED), 1);
    assert_int_equal(world_has_told(scene->world, TA_EVENT_CONFIRMED), 0);
    assert_int_equal(world_has_told(scene->world, TA_EVENT_SESSION_ENDED), 0);
}

static ta_record groups(apr_pool_t *p, const char *strings, apr_size_t len)
{
    ta_record record = {.flags = 0};

    record.slots[TA_RECORD_GROUPS] = world_row(p, strings, len);
    return record;
}

static void test_another_order_of_groups_is_no_change(void **state)
{
    world *w = *state;
    ta_record none = groups(w->pool, "", 0), ab = groups(w->pool, "a\0b", 4),
              ba = groups(w->pool, "b\0a", 4), a = groups(w->pool, "a", 2);

    assert_false(ta_event_do_groups_differ(&none, &none));
    assert_false(ta_event_do_groups_differ(&ab, &ba));
    assert_true(ta_event_do_groups_differ(&ab, &a));
    assert_true(ta_event_do_groups_differ(&a, &ab));
    assert_true(ta_event_do_groups_differ(&none, &a));
}

/* Without anybody who listens, and about a record that cannot be read, nothing is told. */
static void test_what_nobody_hears_or_understands_is_not_told(void **state)
{
    static const unsigned char key[TA_STORE_KEY_LEN] = {1};
    const ta_event event = {.kind = TA_EVENT_SESSION_ENDED, .by = TA_ENDED_BY_ADMINISTRATOR};
    world *w = *state;
    ta_bytes bytes;

    assert_passed(browser_log_in(browser_make(w), PAGE), "alice");
    bytes = world_only_record(w)->bytes;
    ta_event_note_login(NULL, key, bytes, event);
    ta_event_note_login(&w->events, key, (ta_bytes){bytes.data, bytes.len - 1}, event);
    assert_int_equal(world_has_told(w, TA_EVENT_SESSION_ENDED), 0);
    ta_event_note_login(&w->events, key, bytes, event);
    assert_about_alice(world_last_told(w, TA_EVENT_SESSION_ENDED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_login_is_told_once),
        TEST(test_a_second_login_ends_the_session_of_the_first),
        TEST(test_a_refused_login_is_told_with_the_reason_of_the_page),
        TEST(test_who_is_not_on_the_whitelist_is_told_by_name),
        TEST(test_a_denial_is_told_when_it_is_decided_not_when_it_is_shown),
        TEST(test_a_revalidation_tells_old_and_new_groups),
        TEST(test_a_definite_no_is_told_as_the_end_of_the_session),
        TEST(test_dont_know_is_told_as_such),
        TEST(test_another_order_of_groups_is_no_change),
        TEST(test_what_nobody_hears_or_understands_is_not_told),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
