/*
 * Asking for new tokens: how the request is made. What its answers mean is the same as for a
 * code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>

#include "oidc/token.h"
#include "util/form.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const ta_provider provider = {
    .id = "pocketid",
    .client_id = "my client:1",
    .client_secret = "s%e+c:r&t \303\244",
};

static void assert_field(const ta_form *form, const char *name, const char *value)
{
    assert_non_null(form);
    assert_int_equal(ta_form_count(form, name), value ? 1 : 0);
    if (value) {
        assert_string_equal(ta_form_get(form, name), value);
    }
}

/* Makes a refresh request, and reads its form again; NULL where there is none. */
static ta_form *make_refresh(apr_pool_t *p, ta_token_auth auth, const char *refresh_token,
                             ta_http_request *request)
{
    ta_metadata metadata = {
        .token_endpoint = "https://id.example.com/api/oidc/token",
        .token_auth = auth,
    };
    ta_bytes bytes;
    ta_form *form;

    if (ta_token_request_refresh(p, &provider, &metadata, refresh_token, request) != APR_SUCCESS) {
        return NULL;
    }
    bytes = (ta_bytes){(const unsigned char *)request->form, strlen(request->form)};
    assert_int_equal(ta_form_parse(p, bytes, &form), APR_SUCCESS);
    return form;
}

static void test_request_has_the_token_and_nothing_of_a_login(void **state)
{
    ta_http_request request = {.timeout_seconds = 7, .bearer = "left over"};
    ta_form *form = make_refresh(*state, TA_TOKEN_AUTH_BASIC, "ory_rt_+/=&%", &request);

    assert_non_null(form);
    assert_string_equal(request.url, "https://id.example.com/api/oidc/token");
    assert_string_equal(request.accept, "application/json");
    assert_null(request.bearer);
    assert_int_equal(request.timeout_seconds, 7);
    assert_string_equal(request.basic, "my%20client%3A1:s%25e%2Bc%3Ar%26t%20%C3%A4");
    assert_field(form, "grant_type", "refresh_token");
    assert_field(form, "refresh_token", "ory_rt_+/=&%");
    assert_int_equal(form->fields->nelts, 2);
}

static void test_request_authenticates_as_the_one_for_a_code(void **state)
{
    static const ta_token_auth auths[] = {TA_TOKEN_AUTH_POST, TA_TOKEN_AUTH_NONE};

    for (size_t i = 0; i < COUNT(auths); i++) {
        ta_http_request request = {.basic = "left over"};
        ta_form *form = make_refresh(*state, auths[i], "token", &request);

        assert_non_null(form);
        assert_null(request.basic);
        assert_field(form, "client_id", provider.client_id);
        assert_field(form, "client_secret",
                     auths[i] == TA_TOKEN_AUTH_POST ? provider.client_secret : NULL);
    }
}

/* Pocket ID before 2.10 has JWTs of some kilobytes. */
static void test_request_takes_long_tokens_within_its_limit(void **state)
{
    ta_http_request request = {.url = NULL};
    char *token = apr_palloc(*state, 20001);

    memset(token, 'r', 20000);
    token[20000] = '\0';
    assert_null(make_refresh(*state, TA_TOKEN_AUTH_BASIC, token, &request));
    assert_null(request.form);
    token[10000] = '\0';
    assert_field(make_refresh(*state, TA_TOKEN_AUTH_BASIC, token, &request), "refresh_token",
                 token);
}

static void test_no_request_with_a_secret_that_is_missing(void **state)
{
    ta_provider public_client = {.id = "pocketid", .client_id = "client"};
    ta_metadata metadata = {
        .token_endpoint = "https://id.example.com/token",
        .token_auth = TA_TOKEN_AUTH_BASIC,
    };
    ta_http_request request = {.url = NULL};

    assert_int_equal(ta_token_request_refresh(*state, &public_client, &metadata, "token", &request),
                     APR_EINVAL);
    assert_null(request.url);
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
        cmocka_unit_test(test_request_has_the_token_and_nothing_of_a_login),
        cmocka_unit_test(test_request_authenticates_as_the_one_for_a_code),
        cmocka_unit_test(test_request_takes_long_tokens_within_its_limit),
        cmocka_unit_test(test_no_request_with_a_secret_that_is_missing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
