/*
 * Reading identities for the tests of claims.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "identity.h"
#include "util/text.h"

static const ta_json *parse(apr_pool_t *p, const char *text)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len);
    const ta_json *json;

    for (size_t i = 0; i < len; i++) {
        copy[i] = text[i] == '\'' ? '"' : (unsigned char)text[i];
    }
    assert_int_equal(ta_json_parse_object(p, (ta_bytes){.data = copy, .len = len}, &json),
                     APR_SUCCESS);
    free(copy);
    return json;
}

ta_provider identity_provider(apr_pool_t *p)
{
    ta_provider provider = {
        .id = "pocketid",
        .issuer = "https://id.example.com",
        .client_id = "client",
    };

    assert_int_equal(ta_provider_finish(p, &provider), APR_SUCCESS);
    return provider;
}

/* The documents are gone before the identity is looked at. */
static apr_status_t read_identity(apr_pool_t *p, const ta_provider *provider, const char *id_token,
                                  const char *userinfo, ta_identity **identity, ta_fault *fault)
{
    apr_pool_t *documents;
    apr_status_t status;

    *fault = (ta_fault){.reason = TA_REASON_NONE};
    apr_pool_create(&documents, p);
    status = ta_claims_identity(p, provider, id_token ? parse(documents, id_token) : NULL,
                                userinfo ? parse(documents, userinfo) : NULL, IDENTITY_SUB,
                                identity, fault);
    apr_pool_destroy(documents);
    return status;
}

ta_identity *identity_read_good(apr_pool_t *p, const ta_provider *provider, const char *id_token,
                                const char *userinfo)
{
    ta_identity *identity;
    ta_fault fault;

    if (read_identity(p, provider, id_token, userinfo, &identity, &fault) != APR_SUCCESS) {
        print_error("%s\n", fault.detail);
        fail();
    }
    assert_int_equal(fault.reason, TA_REASON_NONE);
    assert_string_equal(identity->sub, IDENTITY_SUB);
    return identity;
}

void identity_assert_refused(apr_pool_t *p, const ta_provider *provider, const char *userinfo,
                             ta_reason reason)
{
    ta_identity *identity = (ta_identity *)"not touched";
    ta_fault fault;

    assert_int_equal(read_identity(p, provider, NULL, userinfo, &identity, &fault), APR_EGENERAL);
    assert_int_equal(fault.reason, reason);
    assert_non_null(fault.detail);
    assert_null(identity);
}

const char *identity_groups(apr_pool_t *p, const ta_identity *identity)
{
    const char *joined = "";

    for (int i = 0; i < identity->groups->nelts; i++) {
        joined = apr_pstrcat(p, joined, i > 0 ? "|" : "",
                             APR_ARRAY_IDX(identity->groups, i, const char *), NULL);
    }
    return joined;
}

const char *identity_numbered(apr_pool_t *p, const char *name, int count)
{
    ta_text text;
    const char *result;

    ta_text_init(&text, p, 1 << 20);
    ta_text_append_format(&text, "{'%s':[", name);
    for (int i = 0; i < count; i++) {
        ta_text_append_format(&text, "%s'%d'", i > 0 ? "," : "", i);
    }
    ta_text_append(&text, "]}");
    assert_int_equal(ta_text_finish(&text, &result), APR_SUCCESS);
    return result;
}
