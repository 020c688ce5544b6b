/*
 * Sealing: what was sealed comes back, and nothing that was changed, cut or moved does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "jose/seal.h"
#include "util/base64url.h"

static const ta_seal_key key = {{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}};

static ta_bytes bytes_of(const char *text)
{
    return (ta_bytes){.data = (const unsigned char *)text, .len = strlen(text)};
}

static ta_bytes seal(apr_pool_t *p, ta_seal_purpose purpose, const char *context, ta_bytes plain)
{
    ta_bytes sealed;

    assert_int_equal(ta_seal_bytes(p, &key, purpose, context, plain, &sealed), APR_SUCCESS);
    assert_int_equal(sealed.len, plain.len + TA_SEAL_OVERHEAD);
    return sealed;
}

/* Opens a copy of exactly len bytes. */
static apr_status_t open_copy(apr_pool_t *p, const ta_seal_key *with, ta_seal_purpose purpose,
                              const char *context, ta_bytes sealed, ta_bytes *plain)
{
    unsigned char *copy = malloc(sealed.len > 0 ? sealed.len : 1);
    apr_status_t status;

    if (sealed.len > 0) {
        memcpy(copy, sealed.data, sealed.len);
    }
    status = ta_seal_open_bytes(p, with, purpose, context,
                                (ta_bytes){.data = copy, .len = sealed.len}, plain);
    free(copy);
    return status;
}

static void assert_refused(apr_pool_t *p, const ta_seal_key *with, ta_seal_purpose purpose,
                           const char *context, ta_bytes sealed)
{
    ta_bytes plain = bytes_of("left over");

    assert_int_equal(open_copy(p, with, purpose, context, sealed, &plain), APR_EINVAL);
    assert_null(plain.data);
    assert_int_equal(plain.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
}

static void assert_opens(apr_pool_t *p, ta_seal_purpose purpose, const char *context,
                         ta_bytes sealed, ta_bytes expected)
{
    ta_bytes plain;

    assert_int_equal(open_copy(p, &key, purpose, context, sealed, &plain), APR_SUCCESS);
    assert_int_equal(plain.len, expected.len);
    if (expected.len > 0) {
        assert_memory_equal(plain.data, expected.data, expected.len);
    }
}

static void what_was_sealed_comes_back(void **state)
{
    unsigned char *large = apr_palloc(*state, 100000);
    ta_bytes cases[] = {
        bytes_of("hello"),
        {.data = (const unsigned char *)"nul\0inside", .len = 10},
        {.data = NULL, .len = 0},
        bytes_of("sixteen bytes ok"),
        {.data = large, .len = 100000},
    };

    memset(large, 0xa5, 100000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_opens(*state, TA_SEAL_ATTEMPT, "host",
                     seal(*state, TA_SEAL_ATTEMPT, "host", cases[i]), cases[i]);
    }
}

static void what_was_sealed_into_text_comes_back(void **state)
{
    const char *text = ta_seal_text(*state, &key, TA_SEAL_TICKET, "", bytes_of("hello"));
    ta_bytes plain;

    assert_non_null(text);
    assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-_"),
                     strlen(text));
    assert_int_equal(ta_seal_open_text(*state, &key, TA_SEAL_TICKET, "", text, &plain),
                     APR_SUCCESS);
    assert_int_equal(plain.len, 5);
    assert_memory_equal(plain.data, "hello", 5);
}

/* Made by another implementation: HKDF-Expand of SHA-256 with the info "tinyauth seal ticket",
 * AES-256-GCM, additional data 01 "ticket" 00 "app.example.org". Cookies and records outlive an
 * update of the module only as long as this opens. */
static void a_value_sealed_by_an_earlier_release_opens(void **state)
{
    const char *text = "AaChoqOkpaanqKmqqykeZVYCCky63KP-N4QxTV428Vs_SzjFBUYqKw";
    ta_bytes plain;

    assert_int_equal(
        ta_seal_open_text(*state, &key, TA_SEAL_TICKET, "app.example.org", text, &plain),
        APR_SUCCESS);
    assert_int_equal(plain.len, 11);
    assert_memory_equal(plain.data, "hello\0world", 11);
}

static void the_same_value_is_sealed_differently_each_time(void **state)
{
    ta_bytes first = seal(*state, TA_SEAL_ATTEMPT, "", bytes_of("same"));
    ta_bytes second = seal(*state, TA_SEAL_ATTEMPT, "", bytes_of("same"));

    /* the nonce itself must differ: a repeated one gives the key of GCM's tag away */
    assert_memory_not_equal(first.data + 1, second.data + 1, 12);
    assert_memory_not_equal(first.data + 13, second.data + 13, 4);
    assert_int_equal(first.data[0], 1);
}

static void the_plain_bytes_do_not_show(void **state)
{
    const char *secret = "a secret that is long enough to be found";
    ta_bytes sealed = seal(*state, TA_SEAL_TOKENS, "", bytes_of(secret));

    for (size_t i = 0; i + 4 <= sealed.len; i++) {
        assert_memory_not_equal(sealed.data + i, secret, 4);
    }
}

static void a_value_opens_for_its_own_purpose_alone(void **state)
{
    for (int from = 0; from < TA_SEAL_PURPOSES; from++) {
        ta_bytes plain = bytes_of("value");
        ta_bytes sealed = seal(*state, (ta_seal_purpose)from, "context", plain);

        for (int to = 0; to < TA_SEAL_PURPOSES; to++) {
            if (to == from) {
                assert_opens(*state, (ta_seal_purpose)to, "context", sealed, plain);
            } else {
                assert_refused(*state, &key, (ta_seal_purpose)to, "context", sealed);
            }
        }
    }
}

static void a_value_opens_in_its_own_context_alone(void **state)
{
    static const char *const contexts[] = {"app.example.org", "",  "app.example.or",
                                           "App.example.org", "x", "app.example.org "};
    const size_t count = sizeof(contexts) / sizeof(contexts[0]);

    for (size_t from = 0; from < count; from++) {
        ta_bytes sealed = seal(*state, TA_SEAL_HANDOVER, contexts[from], bytes_of("value"));

        for (size_t to = 0; to < count; to++) {
            if (to == from) {
                assert_opens(*state, TA_SEAL_HANDOVER, contexts[to], sealed, bytes_of("value"));
            } else {
                assert_refused(*state, &key, TA_SEAL_HANDOVER, contexts[to], sealed);
            }
        }
    }
}

static void a_value_opens_with_its_own_key_alone(void **state)
{
    ta_bytes sealed = seal(*state, TA_SEAL_TOKENS, "", bytes_of("value"));

    for (size_t i = 0; i < TA_KEY_LEN * 8; i++) {
        ta_seal_key other = key;

        other.bytes[i / 8] ^= (unsigned char)(1 << (i % 8));
        assert_refused(*state, &other, TA_SEAL_TOKENS, "", sealed);
    }
}

static void a_single_flipped_bit_is_noticed(void **state)
{
    ta_bytes sealed = seal(*state, TA_SEAL_ATTEMPT, "host", bytes_of("value"));

    for (size_t i = 0; i < sealed.len * 8; i++) {
        unsigned char *forged = apr_pmemdup(*state, sealed.data, sealed.len);

        forged[i / 8] ^= (unsigned char)(1 << (i % 8));
        assert_refused(*state, &key, TA_SEAL_ATTEMPT, "host",
                       (ta_bytes){.data = forged, .len = sealed.len});
    }
}

static void a_cut_or_lengthened_value_is_refused(void **state)
{
    ta_bytes sealed = seal(*state, TA_SEAL_ATTEMPT, "host", bytes_of("value"));
    unsigned char *longer = apr_pcalloc(*state, sealed.len + 1);

    for (size_t len = 0; len < sealed.len; len++) {
        assert_refused(*state, &key, TA_SEAL_ATTEMPT, "host",
                       (ta_bytes){.data = sealed.data, .len = len});
        assert_refused(*state, &key, TA_SEAL_ATTEMPT, "host",
                       (ta_bytes){.data = sealed.data + sealed.len - len, .len = len});
    }
    memcpy(longer, sealed.data, sealed.len);
    assert_refused(*state, &key, TA_SEAL_ATTEMPT, "host",
                   (ta_bytes){.data = longer, .len = sealed.len + 1});
    assert_refused(*state, &key, TA_SEAL_ATTEMPT, "host", (ta_bytes){.data = NULL, .len = 0});
}

static void malformed_text_is_refused(void **state)
{
    const char *good = ta_seal_text(*state, &key, TA_SEAL_ROUNDS, "", bytes_of("value"));
    const char *texts[] = {
        NULL,
        "",
        "A",
        "AQ",
        apr_pstrcat(*state, good, "=", NULL),
        apr_pstrcat(*state, good, "\n", NULL),
        apr_pstrcat(*state, " ", good, NULL),
        apr_pstrcat(*state, good, "A", NULL),
        apr_pstrcat(*state, good, good, NULL),
        apr_pstrndup(*state, good, strlen(good) - 1),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ta_bytes plain = bytes_of("left over");

        assert_int_equal(ta_seal_open_text(*state, &key, TA_SEAL_ROUNDS, "", texts[i], &plain),
                         APR_EINVAL);
        assert_null(plain.data);
    }
}

static void mistakes_of_the_caller_seal_and_open_nothing(void **state)
{
    ta_bytes sealed = seal(*state, TA_SEAL_ATTEMPT, "", bytes_of("value"));
    ta_bytes huge = {.data = key.bytes, .len = (apr_size_t)INT32_MAX + 1};
    ta_bytes out;

    assert_refused(*state, NULL, TA_SEAL_ATTEMPT, "", sealed);
    assert_refused(*state, &key, TA_SEAL_ATTEMPT, NULL, sealed);
    assert_refused(*state, &key, TA_SEAL_PURPOSES, "", sealed);
    assert_int_equal(ta_seal_bytes(*state, &key, TA_SEAL_PURPOSES, "", sealed, &out), APR_EGENERAL);
    assert_int_equal(ta_seal_bytes(*state, &key, TA_SEAL_ATTEMPT, NULL, sealed, &out),
                     APR_EGENERAL);
    assert_int_equal(ta_seal_bytes(*state, NULL, TA_SEAL_ATTEMPT, "", sealed, &out), APR_EGENERAL);
    assert_int_equal(ta_seal_bytes(*state, &key, TA_SEAL_ATTEMPT, "", huge, &out), APR_EGENERAL);
    assert_null(out.data);
    assert_null(ta_seal_text(*state, &key, TA_SEAL_PURPOSES, "", sealed));
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
        cmocka_unit_test(what_was_sealed_comes_back),
        cmocka_unit_test(what_was_sealed_into_text_comes_back),
        cmocka_unit_test(a_value_sealed_by_an_earlier_release_opens),
        cmocka_unit_test(the_same_value_is_sealed_differently_each_time),
        cmocka_unit_test(the_plain_bytes_do_not_show),
        cmocka_unit_test(a_value_opens_for_its_own_purpose_alone),
        cmocka_unit_test(a_value_opens_in_its_own_context_alone),
        cmocka_unit_test(a_value_opens_with_its_own_key_alone),
        cmocka_unit_test(a_single_flipped_bit_is_noticed),
        cmocka_unit_test(a_cut_or_lengthened_value_is_refused),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(mistakes_of_the_caller_seal_and_open_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
