/*
 * What is to be done at Pocket ID, decided against an administration that is a table of
 * answers: the record that is written back, who may use it, and when a new secret is made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "doctor/client_plan.h"

#define CALLBACK "https://a.example.com/api/oauth/callback/pocketid"

static apr_pool_t *pool;

/* What the administration knows, and what it was told. */
struct administration {
    const char *record; /* NULL: 404 */
    const char *groups;
    const char *told; /* "PUT url body\n" … */
    int refuses;      /* status of every change, or 0 */
};

static apr_status_t answer(void *context, apr_pool_t *p, const ta_http_request *request,
                           ta_http_response **response, ta_fault *fault)
{
    struct administration *administration = context;
    ta_http_response *made = apr_pcalloc(p, sizeof(*made));
    const char *body = "{\"id\":\"new\",\"secret\":\"s3cret\"}";

    (void)fault;
    assert_string_equal(request->api_key, "key");
    made->status = 200;
    if (request->json) {
        administration->told =
            apr_pstrcat(pool, administration->told, request->put ? "PUT " : "POST ",
                        strstr(request->url, "/api/"), " ", request->json, "\n", NULL);
        made->status = administration->refuses ? administration->refuses : 200;
    } else if (strstr(request->url, "user-groups")) {
        body = administration->groups;
    } else if (administration->record) {
        body = administration->record;
    } else {
        made->status = 404;
    }
    made->body.data = (const unsigned char *)body;
    made->body.len = strlen(body);
    *response = made;
    return APR_SUCCESS;
}

struct scene {
    struct administration administration;
    ta_http http;
    ta_pocket_id pocket_id;
    ta_layout_client client;
    ta_client_wish wish;
    ta_client_plan *plan;
};

static void set_scene(struct scene *scene, const char *record)
{
    *scene = (struct scene){
        .administration = {.record = record,
                           .told = "",
                           .groups = "{\"data\":[{\"id\":\"g1\",\"name\":\"admins\"}]}"},
        .client = {.provider = {.client_id = "c/d"}, .has_secret = 1, .secret_file = "/no/such"},
        .wish = {.name = "name", .is_secret_accepted = 1, .has_secret = 1},
    };
    scene->http = (ta_http){.send = answer, .context = &scene->administration};
    scene->pocket_id = (ta_pocket_id){
        .pool = pool, .http = &scene->http, .url = "https://id.example.com", .api_key = "key"};
    scene->client.callbacks = apr_array_make(pool, 1, sizeof(const char *));
    scene->client.logout_callbacks = apr_array_make(pool, 1, sizeof(const char *));
    scene->wish.groups = apr_array_make(pool, 1, sizeof(const char *));
    scene->wish.default_groups = apr_array_make(pool, 1, sizeof(const char *));
    scene->wish.client = &scene->client;
    APR_ARRAY_PUSH(scene->client.callbacks, const char *) = CALLBACK;
}

static const char *plan(struct scene *scene)
{
    return ta_client_plan_make(&scene->pocket_id, &scene->wish, &scene->plan);
}

/* Makes the plan and carries it out; what the administration was told. */
static const char *carry_out(struct scene *scene)
{
    assert_null(plan(scene));
    assert_string_equal(scene->administration.told, "");
    ta_client_plan_carry_out(scene->plan, ta_report_make(pool, NULL, 0));
    return scene->administration.told;
}

static void a_client_that_is_right_is_left_alone(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"callbackURLs\":[\"" CALLBACK "\"],\"pkceEnabled\":true}");
    assert_string_equal(carry_out(&scene), "");
    assert_int_equal(ta_client_plan_steps(scene.plan)->nelts, 0);
}

static void a_record_is_written_back_whole(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"new\":{\"a\":[null]},\"callbackURLs\":[\"x\"],\"pkceEnabled\":false}");
    assert_string_equal(carry_out(&scene),
                        "PUT /api/oidc/clients/c%2Fd {\"new\":{\"a\":[null]},\"callbackURLs\":"
                        "[\"x\",\"" CALLBACK "\"],\"pkceEnabled\":true}\n");
}

static void a_client_is_created_with_the_groups_of_the_configuration(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, NULL);
    scene.client.has_secret = 0;
    assert_non_null(strstr(plan(&scene), "nobody may use the client"));
    ((apr_array_header_t *)scene.wish.default_groups)->nelts = 0;
    APR_ARRAY_PUSH((apr_array_header_t *)scene.wish.default_groups, const char *) = "admins";
    assert_string_equal(carry_out(&scene),
                        "POST /api/oidc/clients {\"id\":\"c/d\",\"name\":\"name\",\"callbackURLs\":"
                        "[\"" CALLBACK "\"],\"logoutCallbackURLs\":[],\"isPublic\":true,"
                        "\"pkceEnabled\":true,\"isGroupRestricted\":true}\n"
                        "PUT /api/oidc/clients/c%2Fd/allowed-user-groups "
                        "{\"userGroupIds\":[\"g1\"]}\n");
}

static void groups_are_added_to_those_that_are_allowed(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"callbackURLs\":[\"" CALLBACK "\"],\"pkceEnabled\":true,"
                      "\"isGroupRestricted\":true,\"allowedUserGroups\":[{\"id\":\"g0\"}]}");
    APR_ARRAY_PUSH((apr_array_header_t *)scene.wish.groups, const char *) = "admins";
    APR_ARRAY_PUSH((apr_array_header_t *)scene.wish.groups, const char *) = "te\"am";
    assert_string_equal(carry_out(&scene),
                        "POST /api/user-groups {\"name\":\"te\\u0022am\",\"friendlyName\":"
                        "\"te\\u0022am\"}\n"
                        "PUT /api/oidc/clients/c%2Fd/allowed-user-groups "
                        "{\"userGroupIds\":[\"g0\",\"g1\",\"new\"]}\n");
}

static void nobody_is_shut_out_of_an_open_client(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"callbackURLs\":[\"" CALLBACK "\"],\"pkceEnabled\":true,"
                      "\"isGroupRestricted\":false}");
    APR_ARRAY_PUSH((apr_array_header_t *)scene.wish.default_groups, const char *) = "admins";
    assert_string_equal(carry_out(&scene), "");
}

static void a_secret_is_made_only_where_there_is_no_good_one(void **state)
{
    static const struct {
        int has_secret, accepted, is_made;
    } cases[] = {{1, 1, 0}, {1, -1, 0}, {1, 0, 1}, {0, -1, 1}};
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_scene(&scene, "{\"callbackURLs\":[\"" CALLBACK "\"],\"pkceEnabled\":true}");
        scene.wish.has_secret = cases[i].has_secret;
        scene.wish.is_secret_accepted = cases[i].accepted;
        assert_null(plan(&scene));
        assert_int_equal(ta_client_plan_steps(scene.plan)->nelts, cases[i].is_made);
    }
    scene.client.secret_file = NULL;
    assert_non_null(strstr(plan(&scene), "TinyauthClientSecretFile"));
}

static void a_client_without_a_callback_is_not_made(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, NULL);
    scene.client.callbacks->nelts = 0;
    assert_non_null(strstr(plan(&scene), "write ServerName"));
}

/* Before 2.14 a new secret replaces the old: a file that cannot be written must not cost it. */
static void no_secret_is_made_that_cannot_be_kept(void **state)
{
    ta_report *report = ta_report_make(pool, NULL, 0);
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"callbackURLs\":[\"" CALLBACK "\"],\"pkceEnabled\":true}");
    scene.wish.has_secret = 0;
    scene.client.secret_file = "/proc/no-such-folder/secret";
    assert_null(plan(&scene));
    ta_client_plan_carry_out(scene.plan, report);
    assert_int_equal(ta_report_count(report, TA_REPORT_WRONG), 1);
    assert_string_equal(scene.administration.told, "");
}

/* A folder cannot be read, even by root; for anybody else root's files are the same. */
static void a_secret_that_may_not_be_read_is_not_replaced(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"callbackURLs\":[\"" CALLBACK "\"],\"pkceEnabled\":true}");
    scene.wish.has_secret = 0;
    scene.wish.is_secret_accepted = -1;
    scene.client.secret_file = "/tmp";
    assert_non_null(strstr(plan(&scene), "/tmp cannot be read. Run it as root"));
}

static void what_fails_ends_the_plan(void **state)
{
    ta_report *report = ta_report_make(pool, NULL, 0);
    struct scene scene;

    (void)state;
    set_scene(&scene, "{\"callbackURLs\":[]}");
    scene.wish.has_secret = 0;
    scene.administration.refuses = 500;
    assert_null(plan(&scene));
    ta_client_plan_carry_out(scene.plan, report);
    assert_int_equal(ta_report_count(report, TA_REPORT_WRONG), 1);
    assert_null(strchr(strchr(scene.administration.told, '\n') + 1, '\n'));
}

static void an_api_key_is_not_sent_over_plain_http(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{}");
    scene.pocket_id.url = "http://id.example.com";
    assert_non_null(strstr(plan(&scene), "not encrypted"));
    scene.pocket_id.url = "http://localhost:1411";
    assert_null(plan(&scene));
}

static void an_api_key_is_not_sent_to_whoever_answers(void **state)
{
    struct scene scene;

    (void)state;
    set_scene(&scene, "{}");
    scene.pocket_id.insecure = 1;
    assert_non_null(strstr(plan(&scene), "TinyauthCACertificateFile"));
}

static int make_pool(void **state)
{
    (void)state;
    return apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int end_pool(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_is_right_is_left_alone),
        cmocka_unit_test(a_record_is_written_back_whole),
        cmocka_unit_test(a_client_is_created_with_the_groups_of_the_configuration),
        cmocka_unit_test(groups_are_added_to_those_that_are_allowed),
        cmocka_unit_test(nobody_is_shut_out_of_an_open_client),
        cmocka_unit_test(a_secret_is_made_only_where_there_is_no_good_one),
        cmocka_unit_test(a_client_without_a_callback_is_not_made),
        cmocka_unit_test(no_secret_is_made_that_cannot_be_kept),
        cmocka_unit_test(a_secret_that_may_not_be_read_is_not_replaced),
        cmocka_unit_test(what_fails_ends_the_plan),
        cmocka_unit_test(an_api_key_is_not_sent_over_plain_http),
        cmocka_unit_test(an_api_key_is_not_sent_to_whoever_answers),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
