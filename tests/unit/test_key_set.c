/*
 * Reading key sets, and which of their keys are tried for which signature.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "jose/key_set.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 7517 appendix A.1, RFC 8037 appendix A.2 */
#define EC                                                                                         \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","      \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define RSA                                                                                        \
    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""                                                      \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP" \
    "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY" \
    "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f" \
    "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\""
#define OKP                                                                                        \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""

static apr_status_t parse(apr_pool_t *p, const char *text, ta_key_set **set)
{
    size_t len = strlen(text);
    unsigned char *copy = malloc(len + (len == 0));
    apr_status_t status;

    memcpy(copy, text, len);
    status = ta_key_set_parse(p, (ta_bytes){.data = copy, .len = len}, set);
    free(copy);
    return status;
}

static void assert_set(apr_pool_t *p, const char *text, int keys, int skipped)
{
    ta_key_set *set;

    assert_int_equal(parse(p, text, &set), APR_SUCCESS);
    assert_int_equal(set->keys->nelts, keys);
    assert_int_equal(set->skipped, skipped);
}

/* How many keys of a set that holds just this one are tried. */
static int candidates(apr_pool_t *p, const char *key, const char *algorithm, const char *kid)
{
    const char *text = apr_pstrcat(p, "{\"keys\":[{", key, "}]}", NULL);
    ta_key_set *set;

    assert_int_equal(parse(p, text, &set), APR_SUCCESS);
    assert_int_equal(set->keys->nelts, 1);
    return ta_key_set_candidates(p, set, ta_algorithm_find(algorithm), kid)->nelts;
}

/* RFC 7517 appendix A.1 */
static void the_key_set_of_the_rfc_is_read(void **state)
{
    ta_key_set *set;
    apr_array_header_t *found;

    assert_int_equal(parse(*state,
                           "{\"keys\":[{" EC ",\"use\":\"enc\",\"kid\":\"1\"},"
                           "{" RSA ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}]}",
                           &set),
                     APR_SUCCESS);
    assert_int_equal(set->keys->nelts, 2);
    assert_int_equal(set->skipped, 0);
    found = ta_key_set_candidates(*state, set, ta_algorithm_find("RS256"), "2011-04-29");
    assert_int_equal(found->nelts, 1);
    assert_string_equal(APR_ARRAY_IDX(found, 0, ta_jwk *)->kid, "2011-04-29");
}

static void keys_that_we_cannot_use_are_skipped_and_counted(void **state)
{
    assert_set(*state, "{\"keys\":[{" EC ",\"d\":\"AQ\"},{" RSA ",\"d\":\"AQ\"}]}", 0, 2);
    assert_set(*state, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQ\"},{" RSA "}]}", 1, 1);
    assert_set(*state, "{\"keys\":[{\"kty\":\"AKP\"},{" OKP "},{\"kty\":\"EC\"}]}", 1, 2);
    assert_set(*state, "{\"keys\":[null,7,\"x\",[],{},{" EC "}]}", 1, 5);
    assert_set(*state, "{\"keys\":[]}", 0, 0);
    assert_set(*state, "{\"keys\":[{" EC "}],\"other\":1}", 1, 0);
}

static void what_is_no_key_set_is_refused(void **state)
{
    static const char *const documents[] = {
        "",
        "null",
        "[]",
        "[{" EC "}]",
        "{}",
        "{" EC "}",
        "{\"keys\":null}",
        "{\"keys\":{}}",
        "{\"keys\":\"\"}",
        "{\"keys\":[{" EC "}]",
        "{\"keys\":[{" EC "}]} x",
        "{\"keys\":[],\"keys\":[{" EC "}]}",
        "<html></html>",
    };

    for (size_t i = 0; i < COUNT(documents); i++) {
        ta_key_set *set = (ta_key_set *)1;

        assert_int_equal(parse(*state, documents[i], &set), APR_EINVAL);
        assert_null(set);
    }
}

/* Each key costs a verification of each token without kid. */
static void a_huge_set_costs_a_bounded_number_of_keys(void **state)
{
    const char *text = "{" OKP "}";

    for (int i = 1; i < TA_KEY_SET_KEYS; i++) {
        text = apr_pstrcat(*state, text, ",{" OKP "}", NULL);
    }
    assert_set(*state, apr_pstrcat(*state, "{\"keys\":[", text, "]}", NULL), TA_KEY_SET_KEYS, 0);
    assert_set(*state, apr_pstrcat(*state, "{\"keys\":[", text, ",{" OKP "},{" EC "}]}", NULL),
               TA_KEY_SET_KEYS, 2);
}

static void a_key_is_tried_only_for_algorithms_of_its_kind_and_curve(void **state)
{
    static const struct {
        const char *key;
        const char *fitting; /* the algorithms, each with a blank behind it */
    } cases[] = {
        {RSA, "RS256 RS384 RS512 PS256 PS384 PS512 "},
        {EC, "ES256 "},
        {OKP, "EdDSA Ed25519 "},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const ta_algorithm *algorithm;

        for (size_t j = 0; (algorithm = ta_algorithm_at(j)) != NULL; j++) {
            const char *word = apr_pstrcat(*state, algorithm->name, " ", NULL);

            assert_int_equal(candidates(*state, cases[i].key, algorithm->name, NULL),
                             strstr(cases[i].fitting, word) != NULL);
        }
    }
}

static void a_key_with_alg_is_tried_for_that_algorithm_alone(void **state)
{
    static const struct {
        const char *key;
        const char *algorithm;
        int expected;
    } cases[] = {
        {RSA ",\"alg\":\"RS256\"", "RS256", 1},    {RSA ",\"alg\":\"PS256\"", "RS256", 0},
        {RSA ",\"alg\":\"RS256\"", "PS256", 0},    {RSA ",\"alg\":\"RS512\"", "RS256", 0},
        {RSA ",\"alg\":\"RSA-OAEP\"", "RS256", 0}, {RSA ",\"alg\":\"HS256\"", "RS256", 0},
        {RSA ",\"alg\":\"none\"", "RS256", 0},     {RSA ",\"alg\":\"\"", "RS256", 0},
        {EC ",\"alg\":\"ES256\"", "ES256", 1},     {EC ",\"alg\":\"ES384\"", "ES256", 0},
        {EC ",\"alg\":\"ES384\"", "ES384", 0},     {OKP ",\"alg\":\"EdDSA\"", "Ed25519", 1},
        {OKP ",\"alg\":\"Ed25519\"", "EdDSA", 1},  {OKP ",\"alg\":\"EdDSA\"", "EdDSA", 1},
        {OKP ",\"alg\":\"ES256\"", "EdDSA", 0},    {OKP ",\"alg\":\"ECDH-ES\"", "EdDSA", 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(candidates(*state, cases[i].key, cases[i].algorithm, NULL),
                         cases[i].expected);
    }
}

static void a_key_for_another_use_is_not_tried(void **state)
{
    assert_int_equal(candidates(*state, RSA ",\"use\":\"sig\"", "RS256", NULL), 1);
    assert_int_equal(candidates(*state, RSA ",\"use\":\"enc\"", "RS256", NULL), 0);
    assert_int_equal(candidates(*state, RSA ",\"use\":\"SIG\"", "RS256", NULL), 0);
    assert_int_equal(candidates(*state, RSA ",\"use\":\"\"", "RS256", NULL), 0);
}

static void a_kid_selects_keys_with_that_kid_alone(void **state)
{
    assert_int_equal(candidates(*state, RSA ",\"kid\":\"a\"", "RS256", "a"), 1);
    assert_int_equal(candidates(*state, RSA ",\"kid\":\"a\"", "RS256", "A"), 0);
    assert_int_equal(candidates(*state, RSA ",\"kid\":\"a\"", "RS256", "ab"), 0);
    assert_int_equal(candidates(*state, RSA ",\"kid\":\"a\"", "RS256", ""), 0);
    assert_int_equal(candidates(*state, RSA, "RS256", "a"), 0);
    assert_int_equal(candidates(*state, RSA ",\"kid\":\"a\"", "RS256", NULL), 1);
}

static void every_fitting_key_is_a_candidate(void **state)
{
    ta_key_set *set;
    const ta_algorithm *algorithm = ta_algorithm_find("RS256");

    assert_int_equal(parse(*state,
                           "{\"keys\":[{" RSA ",\"kid\":\"a\"},{" RSA ",\"kid\":\"a\"},"
                           "{" EC ",\"kid\":\"a\"},{" RSA ",\"kid\":\"b\"},{" RSA "}]}",
                           &set),
                     APR_SUCCESS);
    assert_int_equal(ta_key_set_candidates(*state, set, algorithm, "a")->nelts, 2);
    assert_int_equal(ta_key_set_candidates(*state, set, algorithm, NULL)->nelts, 4);
    assert_int_equal(ta_key_set_candidates(*state, set, algorithm, "c")->nelts, 0);
}

static void a_copy_outlives_the_pool_of_its_original(void **state)
{
    apr_pool_t *first;
    ta_key_set *set;
    ta_key_set *copy;

    apr_pool_create(&first, *state);
    assert_int_equal(parse(first, "{\"keys\":[{" EC ",\"kid\":\"e\"},{" RSA "},7]}", &set),
                     APR_SUCCESS);
    copy = ta_key_set_copy(*state, set);
    assert_ptr_not_equal(copy->keys, set->keys);
    apr_pool_destroy(first);
    assert_int_equal(copy->keys->nelts, 2);
    assert_int_equal(copy->skipped, 1);
    assert_string_equal(APR_ARRAY_IDX(copy->keys, 0, ta_jwk *)->kid, "e");
    assert_int_equal(EVP_PKEY_get_bits(APR_ARRAY_IDX(copy->keys, 0, ta_jwk *)->key), 256);
    assert_int_equal(EVP_PKEY_get_bits(APR_ARRAY_IDX(copy->keys, 1, ta_jwk *)->key), 2048);
}

static int set_up(void **state)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return -1;
    }
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
        cmocka_unit_test(the_key_set_of_the_rfc_is_read),
        cmocka_unit_test(keys_that_we_cannot_use_are_skipped_and_counted),
        cmocka_unit_test(what_is_no_key_set_is_refused),
        cmocka_unit_test(a_huge_set_costs_a_bounded_number_of_keys),
        cmocka_unit_test(a_key_is_tried_only_for_algorithms_of_its_kind_and_curve),
        cmocka_unit_test(a_key_with_alg_is_tried_for_that_algorithm_alone),
        cmocka_unit_test(a_key_for_another_use_is_not_tried),
        cmocka_unit_test(a_kid_selects_keys_with_that_kid_alone),
        cmocka_unit_test(every_fitting_key_is_a_candidate),
        cmocka_unit_test(a_copy_outlives_the_pool_of_its_original),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
