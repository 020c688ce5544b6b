/*
 * What a revalidation may believe: whom the new tokens are about, when userinfo's refusal is a
 * word about the user, and where a person is sent for whom no token is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/login.h"
#include "oidc/claims.h"
#include "world_renew.h"

#define PAGE     WORLD_APP "/page"
#define OTHER    "https://wiki.example.org"
#define INTERVAL 300
#define LEASE    60

static renew_scene *enter(void **state, int gives_refresh_token, int expires_in)
{
    renew_scene *scene = renew_scene_make(*state);

    scene->gives_refresh_token = gives_refresh_token;
    scene->expires_in = expires_in;
    renew_scene_enter(scene);
    return scene;
}

static void pass_time(const renew_scene *scene, int seconds)
{
    scene->world->now += seconds;
}

static void test_a_new_id_token_of_somebody_else_ends_the_session(void **state)
{
    renew_scene *scene = enter(state, 1, 3600);

    scene->sub = "sub-of-mallory";
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
    assert_int_equal(world_records(scene->world), 0);
    /* it is refused before userinfo is asked: even one that is down changes nothing */
    assert_int_equal(scene->userinfos, 0);
}

/* It is not believed now; and nor is it later, when a refresh brings no new one. */
static void test_an_id_token_that_does_not_verify_is_never_believed(void **state)
{
    renew_scene *scene = enter(state, 1, 3600);
    const char *verified = scene->world->op->last_id_token;

    scene->key = world_op_key(scene->world->pool);
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(scene->userinfos, 0);
    assert_string_equal(renew_scene_tokens(scene).id_token, verified);
    /* the rotated refresh token is kept all the same */
    assert_string_equal(renew_scene_tokens(scene).refresh_token, scene->refresh_token);
    scene->key = NULL;
    pass_time(scene, LEASE);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(scene->userinfos, 1);
    assert_string_not_equal(renew_scene_tokens(scene).id_token, verified);
}

static void test_userinfo_of_somebody_else_ends_the_session(void **state)
{
    renew_scene *scene = enter(state, 0, 3600);

    scene->world->op->sub = "sub-of-mallory";
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
}

static void test_userinfo_that_does_not_know_keeps_the_session(void **state)
{
    static const int statuses[] = {404, 429, 500, 503};

    for (size_t i = 0; i < COUNT(statuses); i++) {
        renew_scene *scene = enter(state, 0, -1);

        scene->userinfo_status = statuses[i];
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_int_equal(scene->userinfos, 1);
        scene->world->http = scene->honest;
        apr_hash_clear(scene->world->store.records);
    }
}

/* 401 is a no only while the access token lives by its own expires_in. */
static void test_when_a_refusal_of_userinfo_is_about_the_user(void **state)
{
    static const struct {
        int expires_in;
        ta_renewal expected;
    } cases[] = {
        {-1, TA_RENEWAL_ENDED},
        {3600, TA_RENEWAL_ENDED},
        {INTERVAL + 31, TA_RENEWAL_ENDED},
        {INTERVAL + 29, TA_RENEWAL_KEPT},
        {INTERVAL + 1, TA_RENEWAL_KEPT},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        renew_scene *scene = enter(state, 0, cases[i].expires_in);

        scene->userinfo_status = 401;
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), cases[i].expected);
        assert_int_equal(scene->userinfos, 1);
        if (cases[i].expected == TA_RENEWAL_KEPT) {
            /* it is not tried again; the next person passes by the provider */
            pass_time(scene, LEASE);
            assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_LOGIN);
            assert_int_equal(scene->userinfos, 1);
        }
        scene->world->http = scene->honest;
        apr_hash_clear(scene->world->store.records);
    }
}

static void test_a_new_access_token_that_is_refused_is_a_no(void **state)
{
    renew_scene *scene = enter(state, 1, 3600);

    scene->userinfo_status = 401;
    pass_time(scene, 2 * 3600);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
    assert_int_equal(scene->sent->nelts, 1);
}

/* Programs that ask all the time must not take the turn of the person who can be sent away. */
static void test_with_no_token_left_a_person_is_sent_to_the_provider_once(void **state)
{
    renew_scene *scene = enter(state, 0, 600);

    pass_time(scene, 600);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    }
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_LOGIN);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_int_equal(scene->userinfos, 0);
}

/* Nobody keeps a session alive by never going where it could be confirmed. */
static void test_a_session_that_nobody_can_confirm_does_not_count(void **state)
{
    renew_scene *scene = enter(state, 0, 10);
    apr_int64_t overdue = 2 * INTERVAL + 60;

    pass_time(scene, overdue);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_false(ta_renew_is_overdue(scene->browser->env, scene->session));
    pass_time(scene, 1);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
    assert_true(ta_renew_is_overdue(scene->browser->env, scene->session));
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_LOGIN);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_ENDED);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
}

/* The login page neither: where it led on to, the session is nobody's, and leads back. */
static void test_the_login_page_does_not_pass_whom_nobody_can_confirm(void **state)
{
    static const char page[] = WORLD_APP "/tinyauth/login?provider=" WORLD_ID "&return=/page";
    renew_scene *scene = enter(state, 0, 10);

    pass_time(scene, 2 * INTERVAL + 60);
    assert_leads_to(browser_get(scene->browser, page), 302, "/page");
    pass_time(scene, 1);
    assert_holds(browser_get(scene->browser, page)->location, WORLD_ISSUER "/authorize?");
}

/* Who asks has a minute for it, and then is taken for dead. */
static void test_who_is_being_asked_for_is_not_overdue(void **state)
{
    static const int ages[] = {0, LEASE - 1, LEASE};
    renew_scene *scene = enter(state, 0, 10);
    ta_record *login;

    (void)renew_scene_fetch(scene);
    login = &scene->session->login;
    login->checked = scene->world->now - 10000;
    login->flags |= TA_RECORD_REFRESHING;
    scene->world->now += 10;
    (void)browser_get(scene->browser, PAGE);
    for (size_t i = 0; i < COUNT(ages); i++) {
        login->asked = scene->browser->env->now - ages[i];
        assert_int_equal(ta_renew_is_overdue(scene->browser->env, scene->session),
                         ages[i] == LEASE);
    }
}

/* Another tree's, or damaged ones: they are as good as none. */
static void test_tokens_that_do_not_open_are_none(void **state)
{
    renew_scene *scene = enter(state, 1, 36000);
    ta_bytes *tokens;

    (void)renew_scene_fetch(scene);
    tokens = &scene->session->login.slots[TA_RECORD_TOKENS];
    scene->session->login.checked = scene->world->now - 10000;
    assert_false(ta_renew_is_overdue(scene->browser->env, scene->session));
    tokens->len--;
    assert_true(ta_renew_is_overdue(scene->browser->env, scene->session));
    assert_int_equal(ta_renew_session(scene->browser->env, scene->session), TA_RENEWAL_ENDED);
    assert_int_equal(scene->sent->nelts, 0);
}

/* Not to be asked is one thing, and to be late another. */
static void test_a_late_session_with_a_token_is_not_overdue(void **state)
{
    for (int has_refresh_token = 0; has_refresh_token < 2; has_refresh_token++) {
        renew_scene *scene = enter(state, has_refresh_token, has_refresh_token ? 10 : 36000);

        (void)browser_get(scene->browser, PAGE);
        pass_time(scene, 10000);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        scene->session->login.checked = WORLD_NOW;
        assert_false(ta_renew_is_overdue(scene->browser->env, scene->session));
        scene->world->http = scene->honest;
    }
}

static void test_a_provider_without_userinfo_is_passed_by(void **state)
{
    world *w = *state;
    renew_scene *scene;

    w->op->path = "/.well-known/openid-configuration";
    w->op->body =
        "{'issuer':'" WORLD_ISSUER "','authorization_endpoint':'" WORLD_ISSUER
        "/authorize','token_endpoint':'" WORLD_ISSUER "/token','jwks_uri':'" WORLD_ISSUER "/keys'}";
    w->provider->user_claims = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(w->provider->user_claims, const char *) = "sub";
    scene = renew_scene_make(w);
    scene->gives_refresh_token = 0;
    assert_passed(browser_log_in(scene->browser, PAGE), "sub-of-alice");
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    pass_time(scene, LEASE);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_LOGIN);
    assert_int_equal(scene->userinfos, 0);
}

static void test_who_leaves_the_whitelist_is_out_at_once(void **state)
{
    renew_scene *scene = enter(state, 1, 3600);

    world_set_whitelist(scene->world, scene->world->app, "alice@example.com");
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    scene->world->op->user = "'preferred_username':'alice','email':'alice@example.com',"
                             "'email_verified':false";
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
}

/* A provider may leave out a list that has become empty. The ID token of the login is no newer
 * answer; but where userinfo never had the groups, nothing else has. */
static void test_groups_that_userinfo_leaves_out_are_not_taken_from_an_old_id_token(void **state)
{
    for (int i = 0; i < 4; i++) {
        int had_groups = i < 2, has_refresh_token = i % 2;
        world *w = *state;
        renew_scene *scene;

        w->op->claim = "groups";
        w->op->json = "['users']";
        w->op->user = had_groups ? "'preferred_username':'alice','groups':['users']"
                                 : "'preferred_username':'alice'";
        scene = enter(state, has_refresh_token, 36000);
        scene->gives_id_token = 0;
        w->op->user = "'preferred_username':'alice'";
        for (int round = 0; round < 2; round++) {
            pass_time(scene, INTERVAL);
            assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
            if (had_groups) {
                assert_null(renew_scene_group(scene));
                assert_true(scene->session->login.flags & TA_RECORD_GROUPS_ABSENT);
            } else {
                assert_string_equal(renew_scene_group(scene), "users");
            }
        }
        if (had_groups) {
            w->op->user = "'preferred_username':'alice','groups':['others']";
            pass_time(scene, INTERVAL);
            assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
            assert_string_equal(renew_scene_group(scene), "others");
        }
        w->http = scene->honest;
    }
}

static void test_an_e_mail_that_userinfo_leaves_out_is_not_taken_from_an_old_id_token(void **state)
{
    world *w = *state;
    renew_scene *scene;

    w->op->claim = "email";
    w->op->json = "'alice@example.com'";
    w->op->user = "'preferred_username':'alice','email':'alice@example.com'";
    w->provider->trust_email = 1;
    world_set_whitelist(w, w->app, "alice@example.com");
    scene = enter(state, 0, 36000);
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    w->op->user = "'preferred_username':'alice'";
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
}

static const char *many(world *w, const char *begin, const char *end, int count)
{
    ta_text out;
    const char *text;

    ta_text_init(&out, w->pool, 400000);
    for (int i = 0; i < count; i++) {
        ta_text_append_format(&out, "%s%d%s", begin, i, end);
    }
    assert_int_equal(ta_text_finish(&out, &text), APR_SUCCESS);
    return text;
}

/* Nobody keeps the rights of yesterday by being somebody today who could not log in at all: with
 * more groups or claims than there is room for, or without a name. */
static void test_an_answer_with_which_nobody_could_log_in_ends_the_session(void **state)
{
    world *w = *state;
    const struct {
        const char *user;
        const char *reason;
    } cases[] = {
        {apr_pstrcat(w->pool, "'preferred_username':'alice','groups':[",
                     many(w, "'a-group-with-a-long-name-", "',", 4000), "'z']", NULL),
         "session-too-large"},
        {apr_pstrcat(w->pool, "'preferred_username':'alice','groups':[",
                     many(w, "'", "',", TA_CLAIMS_GROUPS), "'z']", NULL),
         "token-malformed"},
        {apr_pstrcat(w->pool, "'preferred_username':'alice','list':[",
                     many(w, "", ",", TA_CLAIMS_VALUES), "0]", NULL),
         "token-malformed"},
        {"'groups':['others']", "identity-empty"},
    };

    w->provider->user_claims = apr_array_make(w->pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(w->provider->user_claims, const char *) = "preferred_username";
    for (size_t i = 0; i < COUNT(cases); i++) {
        renew_scene *scene;

        w->op->user = "'preferred_username':'alice','groups':['users']";
        scene = enter(state, i % 2, 3600);
        scene->gives_id_token = 0;
        w->op->user = cases[i].user;
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
        assert_int_equal(world_records(w), 0);
        assert_true(world_has_logged(w, cases[i].reason));
        w->http = scene->honest;
    }
}

static void test_a_plain_oauth_user_who_has_an_id_stays_who_he_is(void **state)
{
    world *w = *state;
    renew_scene *scene;

    w->provider->issuer = NULL;
    w->provider->auth_url = WORLD_ISSUER "/authorize";
    w->provider->token_url = WORLD_ISSUER "/token";
    w->provider->userinfo_url = WORLD_ISSUER "/userinfo";
    w->op->path = "/userinfo";
    w->op->body = "{'id':4711,'preferred_username':'alice'}";
    scene = enter(state, 0, 3600);
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(scene->userinfos, 1);
    w->op->body = "{'id':4712,'preferred_username':'alice'}";
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
}

static const char *location_of(const ta_reply *reply)
{
    assert_non_null(reply);
    assert_int_equal(reply->status, 302);
    assert_non_null(reply->location);
    return reply->location;
}

static void test_the_way_to_the_provider_has_no_page(void **state)
{
    renew_scene *scene = enter(state, 0, 600);
    world *w = scene->world;
    ta_reply *reply;

    pass_time(scene, 600);
    assert_int_equal(renew_scene_visit(scene, PAGE "?a=1"), TA_RENEWAL_LOGIN);
    reply = ta_login_again(scene->browser->env, scene->session);
    assert_holds(location_of(reply), WORLD_ISSUER "/authorize?");
    /* the provider is not known and does not answer: the session goes on */
    world_restart(w);
    w->op->down = "/";
    (void)browser_get(scene->browser, PAGE);
    assert_null(ta_login_again(scene->browser->env, scene->session));
}

/* The host of the application has no callback: the login host goes to the provider for it, also
 * where it knows the browser. */
static void test_a_second_host_asks_with_the_tokens_of_the_login(void **state)
{
    renew_scene *scene = renew_scene_make(*state);
    world *w = scene->world;
    world_site *other = world_add_site(w, OTHER, WORLD_APP);
    const char *location;

    other->site.revalidate = INTERVAL;
    w->app->site.app_origin = WORLD_APP;
    assert_passed(browser_log_in(scene->browser, OTHER "/page"), "alice");
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_visit(scene, OTHER "/page"), TA_RENEWAL_KEPT);
    assert_int_equal(scene->sent->nelts, 1);
    /* the login's own host finds that done */
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_int_equal(scene->sent->nelts, 1);
    assert_int_equal(renew_scene_visit(scene, OTHER "/page"), TA_RENEWAL_KEPT);
    location = location_of(ta_login_again(scene->browser->env, scene->session));
    assert_holds(location, WORLD_APP "/tinyauth/login?for=");
    assert_holds(location_of(browser_get(scene->browser, location)), WORLD_ISSUER "/authorize?");
}

/* A store whose lease other machines do not see. */
static void test_without_a_lease_for_all_machines_userinfo_is_asked(void **state)
{
    renew_scene *scene = enter(state, 1, 2 * INTERVAL + LEASE);

    scene->world->port.claims_everywhere = 0;
    scene->world->op->user = "'preferred_username':'alice','groups':['others']";
    for (int round = 1; round <= 2; round++) {
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_int_equal(scene->userinfos, round);
        assert_string_equal(renew_scene_group(scene), "others");
    }
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_LOGIN);
    assert_int_equal(scene->userinfos, 2);
    assert_int_equal(scene->sent->nelts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_id_token_of_somebody_else_ends_the_session),
        TEST(test_an_id_token_that_does_not_verify_is_never_believed),
        TEST(test_userinfo_of_somebody_else_ends_the_session),
        TEST(test_userinfo_that_does_not_know_keeps_the_session),
        TEST(test_when_a_refusal_of_userinfo_is_about_the_user),
        TEST(test_a_new_access_token_that_is_refused_is_a_no),
        TEST(test_with_no_token_left_a_person_is_sent_to_the_provider_once),
        TEST(test_a_session_that_nobody_can_confirm_does_not_count),
        TEST(test_the_login_page_does_not_pass_whom_nobody_can_confirm),
        TEST(test_who_is_being_asked_for_is_not_overdue),
        TEST(test_tokens_that_do_not_open_are_none),
        TEST(test_a_late_session_with_a_token_is_not_overdue),
        TEST(test_a_provider_without_userinfo_is_passed_by),
        TEST(test_who_leaves_the_whitelist_is_out_at_once),
        TEST(test_groups_that_userinfo_leaves_out_are_not_taken_from_an_old_id_token),
        TEST(test_an_e_mail_that_userinfo_leaves_out_is_not_taken_from_an_old_id_token),
        TEST(test_an_answer_with_which_nobody_could_log_in_ends_the_session),
        TEST(test_a_plain_oauth_user_who_has_an_id_stays_who_he_is),
        TEST(test_the_way_to_the_provider_has_no_page),
        TEST(test_a_second_host_asks_with_the_tokens_of_the_login),
        TEST(test_without_a_lease_for_all_machines_userinfo_is_asked),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
