/*
 * A new session id whenever the user may do something else than before: when that is, what the
 * old id is good for then, and what becomes of the login's other hosts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/host_session.h"
#include "world_renew.h"

#define PAGE     WORLD_APP "/page"
#define OTHER    "https://wiki.example.org"
#define INTERVAL 300
#define COOKIE   "__Host-tinyauth"

#define MEMBERS(group)                                                                             \
    "'preferred_username':'alice','email':'alice@example.com','groups':['" group "']"

static renew_scene *enter(void **state)
{
    renew_scene *scene = renew_scene_make(*state);

    scene->world->op->user = MEMBERS("admins");
    renew_scene_enter(scene);
    return scene;
}

/* The provider says something else now; the next request hears it. */
static void change_groups(renew_scene *scene, const char *url)
{
    scene->world->op->user = MEMBERS("others");
    scene->world->now += INTERVAL;
    assert_int_equal(renew_scene_visit(scene, url), TA_RENEWAL_KEPT);
}

/* What httpd does with it: the old id is returned. */
static const char *rotate(renew_scene *scene)
{
    jar_cookie *cookie = browser_cookie(scene->browser, COOKIE);
    const char *old = cookie->value;

    assert_true(scene->session->has_new_rights);
    cookie->value = ta_host_session_rotate(scene->browser->env, scene->session);
    assert_non_null(cookie->value);
    assert_string_not_equal(cookie->value, old);
    world_keep_secret(scene->world, cookie->value);
    return old;
}

/* Somebody who has only this id. */
static ta_reply *come_with(renew_scene *scene, const char *id)
{
    browser *b = browser_make(scene->world);

    APR_ARRAY_PUSH(b->jar, jar_cookie) = *browser_cookie(scene->browser, COOKIE);
    browser_cookie(b, COOKIE)->value = id;
    return browser_get(b, PAGE);
}

static void test_other_groups_make_another_id(void **state)
{
    renew_scene *scene = enter(state);
    const char *old;

    change_groups(scene, PAGE);
    old = rotate(scene);
    assert_true(world_has_logged(scene->world, "TA0073"));
    assert_passed(browser_get(scene->browser, PAGE), "alice");

    /* requests that were on their way are let in for a minute, and then nobody is */
    assert_passed(come_with(scene, old), "alice");
    scene->world->now += TA_HOST_SESSION_GRACE + 1;
    assert_int_equal(come_with(scene, old)->status, 302);
    assert_passed(browser_get(scene->browser, PAGE), "alice");
}

static void test_the_new_id_opens_the_tokens_and_is_changed_again(void **state)
{
    renew_scene *scene = enter(state);
    int asked;

    change_groups(scene, PAGE);
    (void)rotate(scene);
    asked = scene->sent->nelts;
    scene->world->op->user = MEMBERS("admins");
    scene->world->now += INTERVAL;
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_int_equal(scene->sent->nelts, asked + 1);
    assert_string_equal(renew_scene_group(scene), "admins");
    (void)rotate(scene);
    assert_passed(browser_get(scene->browser, PAGE), "alice");
    /* the login's record, and the two ids that came after its own */
    assert_int_equal(world_records(scene->world), 3);
}

static void test_the_same_rights_keep_the_id(void **state)
{
    renew_scene *scene = enter(state);

    scene->world->now += INTERVAL;
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_int_equal(scene->sent->nelts, 1);
    assert_false(scene->session->has_new_rights);
}

static void test_an_id_is_retired_once(void **state)
{
    renew_scene *scene = enter(state);
    const char *old, *new;

    change_groups(scene, PAGE);
    old = rotate(scene);
    new = browser_cookie(scene->browser, COOKIE)->value;
    browser_cookie(scene->browser, COOKIE)->value = old;
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_null(ta_host_session_rotate(scene->browser->env, scene->session));
    assert_passed(come_with(scene, new), "alice");
}

/* Its token is the login's: the page was opened before the id changed. */
static void test_the_page_that_asks_whether_to_log_out_still_does(void **state)
{
    static const char logout[] = WORLD_APP "/tinyauth/logout", field[] = "name=\"token\" value=\"";
    renew_scene *scene = enter(state);
    world *w = scene->world;
    const char *token = strstr(browser_get(scene->browser, logout)->body, field);

    assert_non_null(token);
    token += strlen(field);
    token =
        apr_pstrcat(w->pool, "token=", apr_pstrmemdup(w->pool, token, strcspn(token, "\"")), NULL);
    change_groups(scene, PAGE);
    (void)rotate(scene);
    assert_int_equal(browser_post(scene->browser, logout, token)->status, 303);
    assert_int_equal(browser_get(scene->browser, PAGE)->status, 302);
}

static void test_further_hosts_go_on_with_their_own(void **state)
{
    renew_scene *scene = renew_scene_make(*state);
    world *w = scene->world;
    world_site *other = world_add_site(w, OTHER, WORLD_APP);
    const char *old;

    other->site.revalidate = INTERVAL;
    w->app->site.app_origin = WORLD_APP;
    w->op->user = MEMBERS("admins");
    assert_passed(browser_log_in(scene->browser, OTHER "/page"), "alice");
    assert_passed(browser_get(scene->browser, PAGE), "alice");

    /* seen first on the further host, whose own id changes; the login's stays as it is */
    change_groups(scene, OTHER "/page");
    assert_true(scene->session->has_new_rights);
    old = ta_host_session_rotate(scene->browser->env, scene->session);
    assert_non_null(old);
    assert_passed(browser_get(scene->browser, PAGE), "alice");
    w->now += TA_HOST_SESSION_GRACE + 1;
    assert_passed(browser_get(scene->browser, PAGE), "alice");

    /* and the other way round: a retired login still is what its other hosts point to */
    assert_passed(browser_log_in(scene->browser, OTHER "/page"), "alice");
    w->op->user = MEMBERS("admins");
    w->now += INTERVAL;
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_non_null(ta_host_session_rotate(scene->browser->env, scene->session));
    w->now += TA_HOST_SESSION_GRACE + 1;
    assert_passed(browser_get(scene->browser, OTHER "/page"), "alice");
    assert_int_equal(browser_get(scene->browser, PAGE)->status, 302);
}

/* The one thing that the store does not do meanwhile is to save, or to replace. */
static void keep_the_id(renew_scene *scene, apr_status_t *status)
{
    change_groups(scene, PAGE);
    *status = APR_TIMEUP;
    assert_null(ta_host_session_rotate(scene->browser->env, scene->session));
    *status = APR_SUCCESS;
    assert_true(world_has_logged(scene->world, "TA0074"));
    assert_passed(browser_get(scene->browser, PAGE), "alice");
    /* and no id is left behind that nobody was given */
    assert_int_equal(world_records(scene->world), 1);
}

static void test_a_store_that_saves_no_other_leaves_the_id(void **state)
{
    renew_scene *scene = enter(state);

    keep_the_id(scene, &scene->world->store.save_status);
}

static void test_a_store_that_does_not_retire_it_leaves_the_id(void **state)
{
    renew_scene *scene = enter(state);

    keep_the_id(scene, &scene->world->store.replace_status);
}

static void test_a_change_meanwhile_is_not_lost(void **state)
{
    renew_scene *scene = enter(state);
    ta_session *session;
    ta_record changed;
    ta_bytes bytes;

    change_groups(scene, PAGE);
    /* another request notes something in the login's record before the id is retired */
    session = scene->session;
    changed = session->login;
    ta_record_set_text(&changed, TA_RECORD_ENTRIES, "colour=blue");
    assert_int_equal(ta_record_write(scene->world->pool, &changed, &bytes), APR_SUCCESS);
    assert_int_equal(scene->world->port.replace(scene->world, scene->world->pool,
                                                session->login_key, session->login_bytes, bytes,
                                                scene->world->now + 1000),
                     APR_SUCCESS);
    (void)rotate(scene);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_string_equal(ta_record_text(&scene->session->login, TA_RECORD_ENTRIES), "colour=blue");
}

static void test_what_counts_as_a_change(void **state)
{
    world *w = *state;
    ta_record before = {.flags = TA_RECORD_EMAIL_VERIFIED}, after;

    ta_record_set_text(&before, TA_RECORD_USER, "alice");
    ta_record_set_text(&before, TA_RECORD_EMAIL, "alice@example.com");
    before.slots[TA_RECORD_GROUPS] = world_row(w->pool, "a\0b", 4);
    before.slots[TA_RECORD_CLAIMS] = world_row(w->pool, "department\0IT", 14);
    after = before;
    assert_false(ta_host_session_is_due(&before, &after));
    after.flags |= TA_RECORD_REFRESHING;
    ta_record_set_text(&after, TA_RECORD_NAME, "Alice");
    after.slots[TA_RECORD_GROUPS] = world_row(w->pool, "b\0a", 4);
    assert_false(ta_host_session_is_due(&before, &after));
    after.flags = TA_RECORD_GROUPS_ABSENT;
    assert_true(ta_host_session_is_due(&before, &after));
    after = before;
    after.slots[TA_RECORD_GROUPS] = world_row(w->pool, "a", 2);
    assert_true(ta_host_session_is_due(&before, &after));
    after = before;
    after.slots[TA_RECORD_CLAIMS] = world_row(w->pool, "department\0HR", 14);
    assert_true(ta_host_session_is_due(&before, &after));
    after = before;
    ta_record_set_text(&after, TA_RECORD_USER, "alicia");
    assert_true(ta_host_session_is_due(&before, &after));
    after = before;
    ta_record_set_text(&after, TA_RECORD_EMAIL, "alicia@example.com");
    assert_true(ta_host_session_is_due(&before, &after));
}

static void test_a_record_that_changes_without_end_leaves_the_id(void **state)
{
    renew_scene *scene = enter(state);
    int replaces;

    change_groups(scene, PAGE);
    replaces = scene->world->store.replaces;
    scene->world->store.replace_status = APR_EAGAIN;
    assert_null(ta_host_session_rotate(scene->browser->env, scene->session));
    /* it gave up, and nobody's id is left behind */
    assert_int_equal(scene->world->store.replaces, replaces + 5);
    scene->world->store.replace_status = APR_SUCCESS;
    assert_true(world_has_logged(scene->world, "TA0074"));
    assert_int_equal(world_records(scene->world), 1);
}

/* What another request does to the record before the id is retired; no bytes remove it. */
static ta_bytes interference;

static apr_status_t be_late(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry)
{
    world *w = context;
    world_record *found = apr_hash_get(w->store.records, key, TA_STORE_KEY_LEN);

    (void)tmp, (void)expected, (void)record, (void)expiry;
    if (interference.data && found) {
        found->bytes = interference;
    } else {
        apr_hash_set(w->store.records, key, TA_STORE_KEY_LEN, NULL);
    }
    return APR_EAGAIN;
}

/* A logout, or damage, at the same moment: no new id comes out of it. */
static void test_a_session_that_is_gone_or_damaged_gets_no_other_id(void **state)
{
    static const ta_bytes cases[] = {{NULL, 0}, {(const unsigned char *)"damaged", 7}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        renew_scene *scene = enter(state);
        world *w = scene->world;
        ta_store whole = w->port;

        change_groups(scene, PAGE);
        interference = cases[i];
        w->port.replace = be_late;
        assert_null(ta_host_session_rotate(scene->browser->env, scene->session));
        assert_true(world_has_logged(w, "TA0074"));
        assert_int_equal(world_records(w), i);
        assert_int_equal(browser_get(scene->browser, PAGE)->status, 302);
        w->port = whole;
        w->http = scene->honest;
        apr_hash_clear(w->store.records);
    }
}

/* No room is left to write down that the id is retired. */
static void test_a_record_without_room_leaves_the_id(void **state)
{
    renew_scene *scene = enter(state);
    world *w = scene->world;
    ta_session *session;
    ta_bytes bytes;
    char *entries;
    apr_size_t room;

    change_groups(scene, PAGE);
    session = scene->session;
    room = TA_STORE_RECORD_BYTES - session->login_bytes.len - 5;
    entries = apr_palloc(w->pool, room + 1);
    memset(entries, 'x', room);
    entries[room] = '\0';
    ta_record_set_text(&session->login, TA_RECORD_ENTRIES, entries);
    assert_int_equal(ta_record_write(w->pool, &session->login, &bytes), APR_SUCCESS);
    world_only_record(w)->bytes = session->login_bytes = bytes;
    assert_null(ta_host_session_rotate(scene->browser->env, session));
    assert_true(world_has_logged(w, "TA0074"));
    assert_passed(browser_get(scene->browser, PAGE), "alice");
    assert_int_equal(world_records(w), 1);
}

/* A record of a further id whose sealed key was damaged: without the key to the tokens there is
 * no other id. */
static void test_an_id_that_opens_nothing_is_not_changed(void **state)
{
    renew_scene *scene = enter(state);
    ta_session session;
    ta_record damaged;
    unsigned char *sealed;

    change_groups(scene, PAGE);
    (void)rotate(scene);
    (void)renew_scene_fetch(scene);
    session = *scene->session;
    damaged = *session.own;
    assert_true(damaged.flags & TA_RECORD_HAS_PARENT);
    sealed = apr_pmemdup(scene->world->pool, damaged.slots[TA_RECORD_TOKENS].data,
                         damaged.slots[TA_RECORD_TOKENS].len);
    sealed[20] ^= 1;
    damaged.slots[TA_RECORD_TOKENS].data = sealed;
    session.own = &damaged;
    assert_null(ta_host_session_rotate(scene->browser->env, &session));
    assert_true(world_has_logged(scene->world, "TA0074"));
    assert_int_equal(world_records(scene->world), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_other_groups_make_another_id),
        TEST(test_the_new_id_opens_the_tokens_and_is_changed_again),
        TEST(test_the_same_rights_keep_the_id),
        TEST(test_an_id_is_retired_once),
        TEST(test_the_page_that_asks_whether_to_log_out_still_does),
        TEST(test_further_hosts_go_on_with_their_own),
        TEST(test_a_store_that_saves_no_other_leaves_the_id),
        TEST(test_a_store_that_does_not_retire_it_leaves_the_id),
        TEST(test_a_change_meanwhile_is_not_lost),
        TEST(test_what_counts_as_a_change),
        TEST(test_a_record_that_changes_without_end_leaves_the_id),
        TEST(test_a_session_that_is_gone_or_damaged_gets_no_other_id),
        TEST(test_a_record_without_room_leaves_the_id),
        TEST(test_an_id_that_opens_nothing_is_not_changed),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
