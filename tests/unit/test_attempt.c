/*
 * A login that is under way: its values, and its cookie that nobody can write or move.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/attempt.h"
#include "world.h"

static void start(ta_attempt *attempt)
{
    assert_int_equal(ta_attempt_start(attempt, WORLD_NOW), APR_SUCCESS);
    attempt->provider_id = WORLD_ID;
    attempt->return_to = "/page";
    attempt->asker_origin = "https://app.example.com";
    attempt->asker_state = "asked";
}

static void test_state_nonce_and_verifier_tell_nothing_of_each_other(void **state)
{
    world *w = *state;
    ta_attempt first, second;
    ta_attempt_values a, again, b;

    start(&first);
    start(&second);
    assert_int_equal(ta_attempt_derive(w->pool, &first, &a), APR_SUCCESS);
    assert_int_equal(ta_attempt_derive(w->pool, &first, &again), APR_SUCCESS);
    assert_int_equal(ta_attempt_derive(w->pool, &second, &b), APR_SUCCESS);
    assert_int_equal(strlen(a.state), 43);
    assert_int_equal(strlen(a.nonce), 43);
    /* RFC 7636 4.1: 43 to 128 unreserved characters */
    assert_int_equal(strlen(a.code_verifier), 43);
    assert_string_equal(a.state, again.state);
    assert_string_equal(a.nonce, again.nonce);
    assert_string_equal(a.code_verifier, again.code_verifier);
    assert_string_not_equal(a.state, a.nonce);
    assert_string_not_equal(a.state, a.code_verifier);
    assert_string_not_equal(a.nonce, a.code_verifier);
    assert_string_not_equal(a.state, b.state);
    assert_string_not_equal(a.nonce, b.nonce);
    assert_string_not_equal(a.code_verifier, b.code_verifier);
}

static void test_what_was_sealed_is_opened(void **state)
{
    world *w = *state;
    ta_attempt attempt, opened;
    const char *sealed;

    start(&attempt);
    sealed = ta_attempt_seal(w->pool, &w->key, WORLD_APP, &attempt);
    assert_non_null(sealed);
    assert_int_equal(ta_attempt_open(w->pool, &w->key, WORLD_APP, world_foreign(w->pool, sealed),
                                     WORLD_NOW, &opened),
                     APR_SUCCESS);
    assert_memory_equal(opened.secret, attempt.secret, sizeof(opened.secret));
    assert_int_equal(opened.started, WORLD_NOW);
    assert_string_equal(opened.provider_id, WORLD_ID);
    assert_string_equal(opened.return_to, "/page");
    assert_string_equal(opened.asker_origin, "https://app.example.com");
    assert_string_equal(opened.asker_state, "asked");
}

static void test_an_attempt_opens_only_with_its_key_and_host_and_in_time(void **state)
{
    world *w = *state;
    ta_seal_key other = w->key;
    ta_attempt attempt, opened;
    const char *sealed;

    start(&attempt);
    sealed = ta_attempt_seal(w->pool, &w->key, WORLD_APP, &attempt);
    other.bytes[31] ^= 1;
    assert_int_equal(ta_attempt_open(w->pool, &other, WORLD_APP, sealed, WORLD_NOW, &opened),
                     APR_EINVAL);
    assert_int_equal(
        ta_attempt_open(w->pool, &w->key, "https://app.example.co", sealed, WORLD_NOW, &opened),
        APR_EINVAL);
    assert_int_equal(ta_attempt_open(w->pool, &w->key, WORLD_APP, NULL, WORLD_NOW, &opened),
                     APR_EINVAL);
    assert_int_equal(ta_attempt_open(w->pool, &w->key, WORLD_APP, "", WORLD_NOW, &opened),
                     APR_EINVAL);
    assert_int_equal(
        ta_attempt_open(w->pool, &w->key, WORLD_APP, sealed, WORLD_NOW + 3600, &opened),
        APR_SUCCESS);
    assert_int_equal(
        ta_attempt_open(w->pool, &w->key, WORLD_APP, sealed, WORLD_NOW + 3601, &opened),
        APR_TIMEUP);
    assert_int_equal(ta_attempt_open(w->pool, &w->key, WORLD_APP, sealed, WORLD_NOW - 300, &opened),
                     APR_SUCCESS);
    assert_int_equal(ta_attempt_open(w->pool, &w->key, WORLD_APP, sealed, WORLD_NOW - 301, &opened),
                     APR_TIMEUP);
}

static void test_an_attempt_too_long_for_a_cookie_is_not_sealed(void **state)
{
    world *w = *state;
    char text[4000];
    ta_attempt attempt;
    const char *sealed;

    start(&attempt);
    memset(text, 'a', sizeof(text));
    text[2800] = '\0';
    attempt.return_to = text;
    sealed = ta_attempt_seal(w->pool, &w->key, WORLD_APP, &attempt);
    /* RFC 6265 6.1: browsers take 4,096 bytes of name, value and attributes */
    assert_true(sealed && strlen(sealed) < 4096 - 100);
    text[2800] = 'a';
    text[3000] = '\0';
    assert_null(ta_attempt_seal(w->pool, &w->key, WORLD_APP, &attempt));
}

/* Sealed by us, but not what an attempt is made of. */
static void test_sealed_bytes_of_another_shape_are_refused(void **state)
{
    static const char plain[] = "too short for an attempt";
    world *w = *state;
    ta_bytes bytes = {.data = (const unsigned char *)plain, .len = 0};
    ta_attempt opened;

    for (; bytes.len < sizeof(plain); bytes.len++) {
        const char *sealed = ta_seal_text(w->pool, &w->key, TA_SEAL_ATTEMPT, WORLD_APP, bytes);

        assert_int_equal(ta_attempt_open(w->pool, &w->key, WORLD_APP, sealed, WORLD_NOW, &opened),
                         APR_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_state_nonce_and_verifier_tell_nothing_of_each_other),
        TEST(test_what_was_sealed_is_opened),
        TEST(test_an_attempt_opens_only_with_its_key_and_host_and_in_time),
        TEST(test_an_attempt_too_long_for_a_cookie_is_not_sealed),
        TEST(test_sealed_bytes_of_another_shape_are_refused),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
