/*
 * Reasons of refusals: each has its words, and details cannot forge log lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "util/fault.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static apr_pool_t *pool;

static int make_pool(void **state)
{
    (void)state;
    return apr_initialize() || apr_pool_create(&pool, NULL);
}

static int end_pool(void **state)
{
    (void)state;
    apr_terminate();
    return 0;
}

static void every_reason_has_code_status_and_words(void **state)
{
    (void)state;
    for (int i = TA_REASON_NONE + 1; i < TA_REASON_COUNT; i++) {
        const ta_reason_info *info = ta_reason_info_get((ta_reason)i);

        assert_non_null(info->code);
        /* two are no refusals */
        assert_true(
            (info->status >= 400 && info->status <= 599) ||
            ((i == TA_REASON_LOGOUT_CONFIRM || i == TA_REASON_SIGNED_OUT) && info->status == 200));
        assert_true(info->title && strlen(info->title) > 7);
        assert_true(info->advice && strlen(info->advice) > 20);
        /* the words of INTERNAL are what a reason without an entry gets */
        assert_true(i == TA_REASON_INTERNAL || info != ta_reason_info_get(TA_REASON_INTERNAL));
    }
}

static void codes_are_unique_and_kebab_case(void **state)
{
    (void)state;
    for (int i = TA_REASON_NONE + 1; i < TA_REASON_COUNT; i++) {
        const char *code = ta_reason_info_get((ta_reason)i)->code;

        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz-"), strlen(code));
        for (int j = TA_REASON_NONE + 1; j < i; j++) {
            assert_string_not_equal(code, ta_reason_info_get((ta_reason)j)->code);
        }
    }
}

static void codes_are_stable(void **state)
{
    (void)state;
    assert_string_equal(ta_reason_info_get(TA_REASON_LOGIN_REQUIRED)->code, "login-required");
    assert_string_equal(ta_reason_info_get(TA_REASON_ATTEMPT_USED)->code, "attempt-used");
    assert_string_equal(ta_reason_info_get(TA_REASON_ID_TOKEN_EXPIRED)->code, "id-token-expired");
    assert_string_equal(ta_reason_info_get(TA_REASON_INTERNAL)->code, "internal");
}

static void titles_have_no_full_stop_and_advice_is_sentences(void **state)
{
    (void)state;
    for (int i = TA_REASON_NONE + 1; i < TA_REASON_COUNT; i++) {
        const ta_reason_info *info = ta_reason_info_get((ta_reason)i);

        assert_int_not_equal(info->title[strlen(info->title) - 1], '.');
        assert_int_equal(info->advice[strlen(info->advice) - 1], '.');
        assert_true(isupper((unsigned char)info->title[0]));
        assert_true(isupper((unsigned char)info->advice[0]));
    }
}

/* People in front of the page have never heard of these. */
static void words_are_free_of_jargon(void **state)
{
    static const char *const jargon[] = {"OAuth",  "OIDC",  "token", "claim",   "nonce",
                                         "issuer", "scope", "state", "session", "HTTP "};

    (void)state;
    for (int i = TA_REASON_NONE + 1; i < TA_REASON_COUNT; i++) {
        const ta_reason_info *info = ta_reason_info_get((ta_reason)i);

        for (size_t j = 0; j < COUNT(jargon); j++) {
            assert_null(strstr(info->title, jargon[j]));
            assert_null(strstr(info->advice, jargon[j]));
        }
    }
}

static void statuses_are_as_documented(void **state)
{
    static const struct {
        ta_reason reason;
        int status;
    } cases[] = {
        {TA_REASON_LOGIN_REQUIRED, 401},       {TA_REASON_NOT_ALLOWED, 403},
        {TA_REASON_NOT_IN_GROUP, 403},         {TA_REASON_NOT_WHITELISTED, 403},
        {TA_REASON_ATTEMPT_MISSING, 400},      {TA_REASON_METHOD, 405},
        {TA_REASON_PROVIDER_UNREACHABLE, 502}, {TA_REASON_ID_TOKEN_NONCE, 502},
        {TA_REASON_CLIENT_REFUSED, 500},       {TA_REASON_STORE_UNAVAILABLE, 503},
        {TA_REASON_LOGOUT_TOKEN, 400},         {TA_REASON_NOT_FOUND, 404},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ta_reason_info_get(cases[i].reason)->status, cases[i].status);
    }
}

/* A refusal whose reason was lost must not look like an answer of 200. */
static void a_lost_reason_is_our_fault(void **state)
{
    const ta_reason_info *internal = ta_reason_info_get(TA_REASON_INTERNAL);

    (void)state;
    assert_ptr_equal(ta_reason_info_get(TA_REASON_NONE), internal);
    assert_ptr_equal(ta_reason_info_get(TA_REASON_COUNT), internal);
    assert_ptr_equal(ta_reason_info_get((ta_reason)9999), internal);
    assert_ptr_equal(ta_reason_info_get((ta_reason)-1), internal);
}

static void the_first_reason_stays(void **state)
{
    ta_fault fault = {.reason = TA_REASON_NONE};

    (void)state;
    assert_int_equal(ta_fault_set(&fault, pool, TA_REASON_ID_TOKEN_ISSUER, "found %d", 7),
                     APR_EGENERAL);
    assert_int_equal(ta_fault_set(&fault, pool, TA_REASON_INTERNAL, "later"), APR_EGENERAL);
    assert_int_equal(fault.reason, TA_REASON_ID_TOKEN_ISSUER);
    assert_string_equal(fault.detail, "found 7");
}

static void a_reason_needs_no_detail_and_no_record(void **state)
{
    ta_fault fault = {.reason = TA_REASON_NONE};

    (void)state;
    assert_int_equal(ta_fault_set(&fault, pool, TA_REASON_METHOD, NULL), APR_EGENERAL);
    assert_int_equal(fault.reason, TA_REASON_METHOD);
    assert_null(fault.detail);
    assert_int_equal(ta_fault_set(NULL, pool, TA_REASON_METHOD, "x"), APR_EGENERAL);
}

static void a_quoted_text_is_one_line_of_ascii(void **state)
{
    (void)state;
    assert_string_equal(ta_fault_quote(pool, "plain ~text"), "plain ~text");
    assert_string_equal(ta_fault_quote(pool, ""), "");
    assert_string_equal(ta_fault_quote(pool, NULL), "(none)");
    assert_string_equal(ta_fault_quote(pool, "a\r\nTA0001: b"), "a\\x0d\\x0aTA0001: b");
    assert_string_equal(ta_fault_quote(pool, "\x1b[2J\x7f"), "\\x1b[2J\\x7f");
    assert_string_equal(ta_fault_quote(pool, "gr\xc3\xbc"), "gr\\xc3\\xbc");
    assert_string_equal(ta_fault_quote(pool, "a\" b"), "a\\\" b");
    assert_string_equal(ta_fault_quote(pool, "\\x0a"), "\\\\x0a");
}

static void a_quoted_text_is_at_most_200_bytes(void **state)
{
    static const char *const fillers[] = {"x", "\n", "\""};

    (void)state;
    for (size_t i = 0; i < COUNT(fillers); i++) {
        char longer[1001];
        const char *quoted;

        memset(longer, fillers[i][0], sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        quoted = ta_fault_quote(pool, longer);
        assert_in_range(strlen(quoted), 190, 200);
        assert_string_equal(quoted + strlen(quoted) - 3, "...");
    }
}

static void a_text_that_fits_is_quoted_whole(void **state)
{
    char text[191];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_string_equal(ta_fault_quote(pool, text), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_code_status_and_words),
        cmocka_unit_test(codes_are_unique_and_kebab_case),
        cmocka_unit_test(codes_are_stable),
        cmocka_unit_test(titles_have_no_full_stop_and_advice_is_sentences),
        cmocka_unit_test(words_are_free_of_jargon),
        cmocka_unit_test(statuses_are_as_documented),
        cmocka_unit_test(a_lost_reason_is_our_fault),
        cmocka_unit_test(the_first_reason_stays),
        cmocka_unit_test(a_reason_needs_no_detail_and_no_record),
        cmocka_unit_test(a_quoted_text_is_one_line_of_ascii),
        cmocka_unit_test(a_quoted_text_is_at_most_200_bytes),
        cmocka_unit_test(a_text_that_fits_is_quoted_whole),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
