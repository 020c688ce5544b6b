/*
 * Leaving the provider, too: what goes along in the URL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "oidc/end_session.h"
#include "util/form.h"

#define ENDPOINT  "https://id.example.com/api/oidc/end-session"
#define RETURN_TO "https://tinyauth.example.com/tinyauth/signed-out"

static const ta_provider provider = {.id = "pocketid", .client_id = "client & co"};

static ta_form *query_of(apr_pool_t *p, const char *url)
{
    const char *query;
    ta_form *form;
    ta_bytes bytes;

    assert_non_null(url);
    query = strchr(url, '?');
    assert_non_null(query);
    bytes = (ta_bytes){.data = (const unsigned char *)query + 1, .len = strlen(query + 1)};
    assert_int_equal(ta_form_parse(p, bytes, &form), APR_SUCCESS);
    return form;
}

static void assert_parameter(const ta_form *form, const char *name, const char *value)
{
    assert_int_equal(ta_form_count(form, name), value != NULL ? 1 : 0);
    if (value != NULL) {
        assert_string_equal(ta_form_get(form, name), value);
    }
}

static const char *url_with_hint(apr_pool_t *p, const char *hint)
{
    ta_metadata metadata = {.end_session_endpoint = ENDPOINT};

    return ta_end_session_url(p, &provider, &metadata, hint, RETURN_TO, "the state");
}

static void test_hint_client_return_address_and_state_are_sent(void **state)
{
    const char *url = url_with_hint(*state, "eyJ.id.x");
    ta_form *form = query_of(*state, url);

    assert_int_equal(strncmp(url, ENDPOINT "?", strlen(ENDPOINT "?")), 0);
    assert_parameter(form, "id_token_hint", "eyJ.id.x");
    assert_parameter(form, "client_id", "client & co");
    assert_parameter(form, "post_logout_redirect_uri", RETURN_TO);
    assert_parameter(form, "state", "the state");
    assert_int_equal(form->fields->nelts, 4);
}

static void test_without_id_token_there_is_no_hint(void **state)
{
    ta_form *form = query_of(*state, url_with_hint(*state, NULL));

    assert_parameter(form, "id_token_hint", NULL);
    assert_parameter(form, "client_id", "client & co");
    assert_parameter(form, "post_logout_redirect_uri", RETURN_TO);
    assert_parameter(form, "state", "the state");
}

static void test_without_endpoint_there_is_no_url(void **state)
{
    ta_metadata metadata = {.issuer = "https://id.example.com"};

    assert_null(ta_end_session_url(*state, &provider, &metadata, "eyJ", RETURN_TO, "state"));
}

static void test_query_of_the_endpoint_is_kept(void **state)
{
    ta_metadata metadata = {.end_session_endpoint = ENDPOINT "?tenant=a%20b"};
    ta_form *form = query_of(
        *state, ta_end_session_url(*state, &provider, &metadata, "eyJ", RETURN_TO, "state"));

    assert_parameter(form, "tenant", "a b");
    assert_parameter(form, "state", "state");
}

static char *many(apr_pool_t *p, size_t count)
{
    char *text = apr_palloc(p, count + 1);

    memset(text, 'a', count);
    text[count] = '\0';
    return text;
}

/* A user with many groups has an ID token that no server takes in a URL. */
static void test_hint_beyond_8_kb_is_left_out(void **state)
{
    size_t rest = 8192 - strlen(url_with_hint(*state, "x")) + 1;
    const char *url = url_with_hint(*state, many(*state, rest));

    assert_int_equal(strlen(url), 8192);
    assert_int_equal(ta_form_count(query_of(*state, url), "id_token_hint"), 1);
    url = url_with_hint(*state, many(*state, rest + 1));
    assert_string_equal(url, url_with_hint(*state, NULL));
    url = url_with_hint(*state, many(*state, 100000));
    assert_string_equal(url, url_with_hint(*state, NULL));
}

static int set_up(void **state)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    *state = pool;
    return 0;
}

static int tear_down(void **state)
{
    apr_pool_destroy(*state);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hint_client_return_address_and_state_are_sent),
        cmocka_unit_test(test_without_id_token_there_is_no_hint),
        cmocka_unit_test(test_without_endpoint_there_is_no_url),
        cmocka_unit_test(test_query_of_the_endpoint_is_kept),
        cmocka_unit_test(test_hint_beyond_8_kb_is_left_out),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
