/*
 * Revalidation: who is asked, how often, and what comes of each answer. The first rule is that
 * no refresh token is ever sent twice, whatever happens while the provider thinks.
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
#define LEASE    60

#define MEMBERS(groups) "'preferred_username':'alice','groups':['" groups "']"

static renew_scene *enter(void **state)
{
    renew_scene *scene = renew_scene_make(*state);

    renew_scene_enter(scene);
    return scene;
}

static void pass_time(const renew_scene *scene, int seconds)
{
    scene->world->now += seconds;
}

static void assert_sent_once_each(const renew_scene *scene, int expected)
{
    assert_int_equal(scene->sent->nelts, expected);
    for (int i = 0; i < expected; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(APR_ARRAY_IDX(scene->sent, i, const char *),
                                    APR_ARRAY_IDX(scene->sent, j, const char *));
        }
    }
}

static void test_nobody_is_asked_before_the_interval_is_over(void **state)
{
    renew_scene *scene = enter(state);

    pass_time(scene, INTERVAL - 1);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 0);
    pass_time(scene, 1);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 1);
    assert_int_equal(scene->userinfos, 1);
}

/* A clock that was set back tells nothing about when somebody was asked last. */
static void test_a_check_in_the_future_does_not_put_the_next_one_off(void **state)
{
    renew_scene *scene = enter(state);

    pass_time(scene, -200);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 1);
}

static void test_new_groups_count_at_once(void **state)
{
    renew_scene *scene = enter(state);

    scene->world->op->user = MEMBERS("others");
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_string_equal(renew_scene_group(scene), "others");
    assert_string_equal(ta_record_text(&scene->session->login, TA_RECORD_HEADER_GROUPS), "others");
    assert_int_equal(renew_scene_record(scene).checked, scene->world->now);
    assert_int_equal(renew_scene_record(scene).flags & TA_RECORD_REFRESHING, 0);
}

static void test_each_round_sends_the_newest_refresh_token(void **state)
{
    renew_scene *scene = enter(state);

    for (int round = 1; round <= 4; round++) {
        const char *newest = scene->refresh_token;

        scene->gives_id_token = round % 2;
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_sent_once_each(scene, round);
        assert_string_equal(APR_ARRAY_IDX(scene->sent, round - 1, const char *), newest);
        assert_string_equal(renew_scene_tokens(scene).refresh_token, scene->refresh_token);
        assert_non_null(renew_scene_tokens(scene).id_token);
    }
}

static void test_a_provider_that_does_not_rotate_is_sent_the_same_token(void **state)
{
    renew_scene *scene = enter(state);
    const char *token = scene->refresh_token;

    scene->gives_refresh_token = 0;
    for (int round = 1; round <= 3; round++) {
        scene->refresh_token = token;
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_int_equal(scene->sent->nelts, round);
        assert_string_equal(renew_scene_tokens(scene).refresh_token, token);
    }
}

static void ask_too(renew_scene *scene)
{
    int before = scene->sent->nelts + scene->userinfos;
    ta_session *outer = scene->session;

    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_int_equal(scene->sent->nelts + scene->userinfos, before);
    scene->session = outer;
}

static void test_others_go_on_while_one_asks(void **state)
{
    renew_scene *scene = enter(state);

    scene->meanwhile = ask_too;
    pass_time(scene, 2 * 3600); /* the access token is dead, too */
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 1);
}

/* The mark is the last line: two askers of one round, for whatever reason. */
static void ask_without_lease(renew_scene *scene)
{
    ta_session *outer = scene->session;

    apr_hash_clear(scene->world->store.claims);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    scene->session = outer;
}

static void test_a_lost_lease_does_not_spend_the_token_twice(void **state)
{
    renew_scene *scene = enter(state);

    scene->meanwhile = ask_without_lease;
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 1);
    assert_string_equal(renew_scene_tokens(scene).refresh_token, scene->refresh_token);
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 2);
}

/* A request that read the record before it was marked, and goes on only now. */
static struct {
    const ta_env *env;
    ta_session *session;
} late;

static void read_early(renew_scene *scene)
{
    (void)browser_get(scene->browser, PAGE);
    late.env = scene->browser->env;
    assert_int_equal(ta_access_find_session(late.env, &late.session), APR_SUCCESS);
}

static void go_on(renew_scene *scene)
{
    apr_hash_clear(scene->world->store.claims);
    assert_int_equal(ta_renew_session(late.env, late.session), TA_RENEWAL_KEPT);
}

static void test_who_read_an_older_record_does_not_send_its_token(void **state)
{
    renew_scene *scene = enter(state);

    pass_time(scene, INTERVAL);
    read_early(scene);
    scene->meanwhile = go_on;
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 1);
    pass_time(scene, INTERVAL);
    read_early(scene);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    go_on(scene);
    assert_sent_once_each(scene, 2);
    assert_string_equal(renew_scene_tokens(scene).refresh_token, scene->refresh_token);
}

static void log_out(renew_scene *scene)
{
    apr_hash_clear(scene->world->store.records);
}

static void test_a_session_that_ends_meanwhile_does_not_come_back(void **state)
{
    renew_scene *scene = enter(state);

    scene->meanwhile = log_out;
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
    assert_int_equal(world_records(scene->world), 0);
}

static void write_entry(renew_scene *scene)
{
    ta_record record = renew_scene_record(scene);
    world_record *stored =
        apr_hash_get(scene->world->store.records, scene->session->login_key, TA_STORE_KEY_LEN);

    ta_record_set_text(&record, TA_RECORD_ENTRIES, "cart=full");
    assert_int_equal(ta_record_write(scene->world->pool, &record, &stored->bytes), APR_SUCCESS);
}

static void test_what_others_write_meanwhile_is_kept(void **state)
{
    renew_scene *scene = enter(state);

    scene->meanwhile = write_entry;
    scene->world->op->user = MEMBERS("others");
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_string_equal(ta_record_text(&scene->session->login, TA_RECORD_ENTRIES), "cart=full");
    assert_string_equal(renew_scene_group(scene), "others");
    assert_string_equal(renew_scene_tokens(scene).refresh_token, scene->refresh_token);
}

static void test_no_token_is_sent_where_the_mark_cannot_be_written(void **state)
{
    renew_scene *scene = enter(state);

    scene->world->store.replace_status = APR_EGENERAL;
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    scene->world->store.replace_status = APR_EAGAIN;
    pass_time(scene, LEASE);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    scene->world->store.replace_status = APR_SUCCESS;
    scene->world->store.claim_status = APR_EGENERAL;
    pass_time(scene, LEASE);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_sent_once_each(scene, 0);
    assert_true(world_has_logged(scene->world, "store-unavailable"));
}

static void test_a_definite_no_ends_the_session(void **state)
{
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        {400, "{'error':'invalid_grant','error_description':'The user account is disabled.'}"},
        {403, "{'error':'access_denied'}"},
        {401, "{'error':'invalid_grant'}"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        renew_scene *scene = enter(state);

        scene->refresh_status = cases[i].status;
        scene->refresh_body = cases[i].body;
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
        assert_int_equal(world_records(scene->world), 0);
        assert_int_equal(browser_get(scene->browser, PAGE)->status, 302);
        assert_int_equal(scene->userinfos, 0);
        scene->world->http = scene->honest;
    }
    assert_true(world_has_logged(*state, "TA0070: the session of user \"alice\" ends"));
}

/* The request is nobody's, but the session is still there: whoever reads the log must know. */
static void test_an_end_that_the_store_does_not_take_is_an_error(void **state)
{
    renew_scene *scene = enter(state);

    scene->refresh_status = 400;
    scene->refresh_body = "{'error':'invalid_grant'}";
    scene->world->store.remove_status = APR_TIMEUP;
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_ENDED);
    assert_int_equal(world_records(scene->world), 1);
    assert_true(world_has_logged(*state, "TA0075: the session of user \"alice\" should end"));
}

/* Not to know keeps the session, and for a minute nobody asks. Then the token is sent again
 * only where the provider cannot have spent it. */
static void test_dont_know_keeps_the_session(void **state)
{
    static const struct {
        apr_status_t fails;
        int status;
        const char *body;
        int is_sent_again;
    } cases[] = {
        {APR_ECONNREFUSED, 0, NULL, 1},
        {APR_EGENERAL, 0, NULL, 0},
        {APR_SUCCESS, 429, "{'error':'Too many requests'}", 1},
        {APR_SUCCESS, 401, "{'error':'invalid_client'}", 1},
        {APR_SUCCESS, 400, "{'error':'invalid_request'}", 1},
        {APR_SUCCESS, 404, "{}", 1},
        {APR_SUCCESS, 500, "{'error':'server_error'}", 0},
        {APR_SUCCESS, 502, "<h1>", 0},
        {APR_SUCCESS, 200, "<h1>", 0},
        {APR_SUCCESS, 200, "{'token_type':'bearer'}", 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        renew_scene *scene = enter(state);

        scene->refresh_fails = cases[i].fails;
        scene->refresh_status = cases[i].status;
        scene->refresh_body = cases[i].body;
        pass_time(scene, INTERVAL);
        for (int second = 0; second < LEASE; second += LEASE / 4) {
            assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
            assert_int_equal(scene->sent->nelts, 1);
            pass_time(scene, LEASE / 4);
        }
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_int_equal(scene->sent->nelts, 1 + cases[i].is_sent_again);
        assert_int_equal(scene->userinfos, !cases[i].is_sent_again);
        assert_string_equal(renew_scene_group(scene), "users");
        log_out(scene);
        scene->world->http = scene->honest;
    }
    assert_true(world_has_logged(*state, "TA0071: provider \"pocketid\" cannot say who user"));
}

/* The record as it lies there when the process dies before it hears the answer. */
static ta_bytes before_death;

static void remember_record(renew_scene *scene)
{
    const world_record *stored =
        apr_hash_get(scene->world->store.records, scene->session->login_key, TA_STORE_KEY_LEN);

    before_death.data = apr_pmemdup(scene->world->pool, stored->bytes.data, stored->bytes.len);
    before_death.len = stored->bytes.len;
}

static renew_scene *enter_and_die_while_refreshing(void **state)
{
    renew_scene *scene = enter(state);
    world_record *stored;

    scene->meanwhile = remember_record;
    pass_time(scene, INTERVAL);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    stored = apr_hash_get(scene->world->store.records, scene->session->login_key, TA_STORE_KEY_LEN);
    stored->bytes = before_death;
    assert_int_equal(renew_scene_record(scene).flags & TA_RECORD_REFRESHING, TA_RECORD_REFRESHING);
    scene->userinfos = 0;
    return scene;
}

static void test_whoever_finds_the_mark_of_the_dead_asks_userinfo(void **state)
{
    renew_scene *scene = enter_and_die_while_refreshing(state);

    /* a provider that lets the old access token live */
    scene->access_token = renew_scene_tokens(scene).access_token;
    scene->world->op->user = MEMBERS("others");
    for (int round = 1; round <= 3; round++) {
        pass_time(scene, INTERVAL);
        assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
        assert_int_equal(scene->userinfos, round);
        assert_string_equal(renew_scene_group(scene), "others");
    }
    assert_sent_once_each(scene, 1);
}

static void test_tokens_that_died_with_the_process_are_no_word_about_the_user(void **state)
{
    renew_scene *scene = enter_and_die_while_refreshing(state);

    pass_time(scene, LEASE);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(scene->userinfos, 1);
    pass_time(scene, LEASE);
    assert_int_equal(renew_scene_fetch(scene), TA_RENEWAL_KEPT);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_LOGIN);
    assert_int_equal(renew_scene_visit(scene, PAGE), TA_RENEWAL_KEPT);
    assert_int_equal(scene->userinfos, 1);
    assert_sent_once_each(scene, 1);
    /* what logging out at the provider needs is still there */
    assert_non_null(renew_scene_tokens(scene).id_token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_is_asked_before_the_interval_is_over),
        TEST(test_a_check_in_the_future_does_not_put_the_next_one_off),
        TEST(test_new_groups_count_at_once),
        TEST(test_each_round_sends_the_newest_refresh_token),
        TEST(test_a_provider_that_does_not_rotate_is_sent_the_same_token),
        TEST(test_others_go_on_while_one_asks),
        TEST(test_a_lost_lease_does_not_spend_the_token_twice),
        TEST(test_who_read_an_older_record_does_not_send_its_token),
        TEST(test_a_session_that_ends_meanwhile_does_not_come_back),
        TEST(test_what_others_write_meanwhile_is_kept),
        TEST(test_no_token_is_sent_where_the_mark_cannot_be_written),
        TEST(test_a_definite_no_ends_the_session),
        TEST(test_an_end_that_the_store_does_not_take_is_an_error),
        TEST(test_dont_know_keeps_the_session),
        TEST(test_whoever_finds_the_mark_of_the_dead_asks_userinfo),
        TEST(test_tokens_that_died_with_the_process_are_no_word_about_the_user),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
