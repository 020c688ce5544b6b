/*
 * The dump of a server's configuration: which hosts count, which URLs follow, and what is no
 * dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "doctor/layout.h"

/* ' stands for " */
#define PROVIDER                                                                                   \
    "{'id':'pocketid','where':'a.conf:1','issuer':'https://id.example.com','client_id':'c',"       \
    "'has_secret':true,'secret_file':'/s','scopes':'openid groups','token_auth':'post',"           \
    "'algorithms':['ES256'],'groups_claim':'roles'}"
#define HOST(main, asks, name, origin, more)                                                       \
    "{'place':'" name "','is_main':" main ",'asks_for_login':" asks ",'name':'" name               \
    "','origin':'" origin "','path':'/tinyauth'," more "'providers':[" PROVIDER "]}"
#define DUMP(hosts) "{'store':'shm','groups':['a','b','a'],'hosts':[" hosts "]}"

static apr_pool_t *pool;

static const char *read_dump(const char *text, ta_layout **layout)
{
    char *dump = apr_pstrdup(pool, text);

    for (char *c = dump; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return ta_layout_parse(
        pool, (ta_bytes){.data = (const unsigned char *)dump, .len = strlen(dump)}, layout);
}

static ta_layout *good(const char *text)
{
    ta_layout *layout;
    const char *error = read_dump(text, &layout);

    if (error) {
        print_error("%s\n", error);
    }
    assert_null(error);
    return layout;
}

static const ta_layout_client *only_client(const ta_layout *layout)
{
    assert_int_equal(layout->clients->nelts, 1);
    return APR_ARRAY_IDX(layout->clients, 0, const ta_layout_client *);
}

static void assert_texts(const apr_array_header_t *texts, const char *expected)
{
    assert_string_equal(apr_array_pstrcat(pool, texts, ' '), expected);
}

static void a_provider_is_read_with_its_defaults(void **state)
{
    const ta_layout *layout = good(DUMP(HOST("true", "true", "a", "https://a.example.com", "")));
    const ta_layout_client *client = only_client(layout);

    (void)state;
    assert_texts(layout->groups, "a b");
    assert_string_equal(layout->store, "shm");
    assert_string_equal(client->provider.issuer, "https://id.example.com");
    assert_string_equal(client->provider.name, "pocketid");
    assert_string_equal(client->provider.groups_claim, "roles");
    assert_int_equal(client->provider.token_auth, TA_TOKEN_AUTH_POST);
    assert_int_equal(client->provider.algorithms->nelts, 1);
    assert_true(client->has_secret);
    assert_null(client->provider.client_secret);
    assert_string_equal(client->secret_file, "/s");
    assert_texts(client->callbacks, "https://a.example.com/api/oauth/callback/pocketid");
    assert_texts(client->logout_callbacks, "https://a.example.com/tinyauth/signed-out");
}

static void each_name_of_a_host_has_a_callback(void **state)
{
    const ta_layout *layout = good(DUMP(HOST("true", "true", "a", "https://a.example.com:8443",
                                             "'aliases':['B.example.com','*.example.com'],")));

    (void)state;
    assert_texts(only_client(layout)->callbacks,
                 "https://a.example.com:8443/api/oauth/callback/pocketid "
                 "https://b.example.com:8443/api/oauth/callback/pocketid");
}

static void a_login_host_has_the_only_callback(void **state)
{
    const ta_layout *layout = good(
        DUMP(HOST("false", "true", "a", "https://a.example.com",
                  "'app_origin':'https://login.example.com',") "," HOST("false", "true", "b",
                                                                        "https://b.example.com",
                                                                        "'app_origin':'https://"
                                                                        "login.example.com',")));

    (void)state;
    assert_int_equal(layout->hosts->nelts, 2);
    assert_texts(only_client(layout)->callbacks,
                 "https://login.example.com/api/oauth/callback/pocketid");
    assert_texts(only_client(layout)->logout_callbacks,
                 "https://login.example.com/tinyauth/signed-out");
}

static void hosts_where_nobody_logs_in_are_left_out(void **state)
{
    const ta_layout *layout =
        good(DUMP(HOST("true", "true", "m", "http://m.example.com", "") "," HOST(
            "false", "true", "a", "https://a.example.com",
            "") "," HOST("false", "true", "a", "http://a.example.com",
                         "") "," HOST("false", "false", "b", "https://b.example.com", "")));

    (void)state;
    assert_int_equal(layout->hosts->nelts, 1);
    assert_texts(only_client(layout)->callbacks,
                 "https://a.example.com/api/oauth/callback/pocketid");
    assert_texts(layout->origins, "http://m.example.com https://a.example.com "
                                  "http://a.example.com https://b.example.com");
}

/* Its namesake by https, on another port, is open to everybody. */
static void a_plain_host_that_asks_alone_counts(void **state)
{
    const ta_layout *layout =
        good(DUMP(HOST("false", "true", "a", "http://a.example.com:8080",
                       "") "," HOST("false", "false", "a", "https://a.example.com", "")));

    (void)state;
    assert_texts(only_client(layout)->callbacks,
                 "http://a.example.com:8080/api/oauth/callback/pocketid");
}

/* Several hosts include one file, and each defines before what differs there. */
static void one_place_may_describe_several_clients(void **state)
{
    const ta_layout *layout = good("{'hosts':["
                                   "{'place':'a','path':'/t','origin':'https://a.example.com',"
                                   "'providers':[{'id':'p','where':'i:1','client_id':'a'}]},"
                                   "{'place':'b','path':'/t','origin':'https://b.example.com',"
                                   "'providers':[{'id':'p','where':'i:1','client_id':'b'}]},"
                                   "{'place':'c','path':'/t','origin':'https://c.example.com',"
                                   "'providers':[{'id':'p','where':'i:1','client_id':'b'}]}]}");

    (void)state;
    assert_int_equal(layout->clients->nelts, 2);
    assert_texts(APR_ARRAY_IDX(layout->clients, 0, const ta_layout_client *)->callbacks,
                 "https://a.example.com/api/oauth/callback/p");
    assert_texts(APR_ARRAY_IDX(layout->clients, 1, const ta_layout_client *)->callbacks,
                 "https://b.example.com/api/oauth/callback/p "
                 "https://c.example.com/api/oauth/callback/p");
}

/* .htaccess files may ask for a login */
static void where_no_host_asks_all_count(void **state)
{
    const ta_layout *layout =
        good(DUMP(HOST("true", "false", "m", "http://m.example.com", "") "," HOST(
            "false", "false", "a", "https://a.example.com",
            "") "," HOST("false", "false", "b", "https://b.example.com", "")));

    (void)state;
    assert_int_equal(layout->hosts->nelts, 2);
}

static void a_name_that_httpd_made_up_is_none(void **state)
{
    const ta_layout *layout =
        good(DUMP(HOST("false", "true", "bogus_host_without_reverse_dns",
                       "https://bogus_host_without_reverse_dns", "'aliases':['a.example.com'],")));

    (void)state;
    assert_null(APR_ARRAY_IDX(layout->hosts, 0, const ta_layout_host *)->origin);
    assert_int_equal(only_client(layout)->callbacks->nelts, 0);
    assert_int_equal(layout->origins->nelts, 0);
}

static void what_is_no_dump_is_refused(void **state)
{
    static const char *const dumps[] = {
        "",
        "[]",
        "{}",
        "{'hosts':{}}",
        "{'hosts':[{}]}",
        "{'hosts':[{'place':'a'}]}",
        "{'hosts':[{'place':'a','path':'/','providers':[{}]}]}",
        "{'hosts':[{'place':'a','path':'/','providers':[{'id':'x','where':'y'}]}]}",
        "{'hosts':[1]}",
        "{'hosts':[",
    };
    ta_layout *layout;

    (void)state;
    for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
        layout = (ta_layout *)"not touched";
        assert_non_null(read_dump(dumps[i], &layout));
        assert_null(layout);
    }
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
        cmocka_unit_test(a_provider_is_read_with_its_defaults),
        cmocka_unit_test(each_name_of_a_host_has_a_callback),
        cmocka_unit_test(a_login_host_has_the_only_callback),
        cmocka_unit_test(hosts_where_nobody_logs_in_are_left_out),
        cmocka_unit_test(a_plain_host_that_asks_alone_counts),
        cmocka_unit_test(one_place_may_describe_several_clients),
        cmocka_unit_test(where_no_host_asks_all_count),
        cmocka_unit_test(a_name_that_httpd_made_up_is_none),
        cmocka_unit_test(what_is_no_dump_is_refused),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
