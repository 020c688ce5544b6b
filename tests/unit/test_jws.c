/*
 * Taking tokens apart: the examples of the RFCs, and every way in which a token's form may break
 * the rules. Tokens with forged signatures are in test_jws_forged.c.
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

#include "jose/jws.h"
#include "util/base64url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 7515 appendix A.2 */
#define A2_KEY                                                                                     \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""                                                     \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4" \
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re" \
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX" \
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}"
#define A2_TOKEN                                                                                   \
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"    \
    "LmNvbS9pc19yb290Ijp0cnVlfQ."                                                                  \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5" \
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb" \
    "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO" \
    "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"

/* RFC 7515 appendix A.3 */
#define A3_KEY                                                                                     \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define A3_TOKEN                                                                                   \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"    \
    "LmNvbS9pc19yb290Ijp0cnVlfQ."                                                                  \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

/* RFC 7515 appendix A.4 */
#define A4_KEY                                                                                     \
    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5" \
    "EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l"  \
    "2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}"
#define A4_TOKEN                                                                                   \
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."                                                             \
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G" \
    "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"

/* RFC 8037 appendix A.2 and A.4 */
#define ED_KEY                                                                                     \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define ED_TOKEN                                                                                   \
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."                                    \
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static ta_key_set *set_of(apr_pool_t *p, const char *jwk)
{
    const char *text = apr_pstrcat(p, "{\"keys\":[", jwk, "]}", NULL);
    ta_bytes document = {.data = (const unsigned char *)text, .len = strlen(text)};
    ta_key_set *set;

    assert_int_equal(ta_key_set_parse(p, document, &set), APR_SUCCESS);
    return set;
}

/* A token with this header and any payload and signature. */
static const char *token_of(apr_pool_t *p, const char *header)
{
    return apr_pstrcat(p, ta_base64url_encode(p, header, strlen(header)), ".UGF5bG9hZA.AAAA", NULL);
}

/* Parses a copy of exactly len bytes, which is gone before anything is verified. */
static apr_status_t parse(apr_pool_t *p, const char *token, size_t len, ta_jws **jws,
                          ta_fault *fault)
{
    char *copy = malloc(len > 0 ? len : 1);
    apr_status_t status;

    memcpy(copy, token, len);
    status = ta_jws_parse(p, copy, len, jws, fault);
    memset(copy, 'x', len);
    free(copy);
    return status;
}

static void assert_refused(apr_pool_t *p, const char *token, size_t len, ta_reason reason)
{
    ta_jws *jws = (ta_jws *)1;
    ta_fault fault = {.reason = TA_REASON_NONE};

    assert_int_equal(parse(p, token, len, &jws, &fault), APR_EGENERAL);
    assert_null(jws);
    assert_int_equal(fault.reason, reason);
    assert_non_null(fault.detail);
}

static void assert_malformed(apr_pool_t *p, const char *token)
{
    assert_refused(p, token, strlen(token), TA_REASON_ID_TOKEN_MALFORMED);
}

static void the_examples_of_the_rfcs_verify(void **state)
{
    static const struct {
        const char *key;
        const char *token;
    } examples[] = {{A2_KEY, A2_TOKEN}, {A3_KEY, A3_TOKEN}, {A4_KEY, A4_TOKEN}, {ED_KEY, ED_TOKEN}};

    for (size_t i = 0; i < COUNT(examples); i++) {
        const char *token = examples[i].token;
        ta_jws *jws;

        assert_int_equal(parse(*state, token, strlen(token), &jws, NULL), APR_SUCCESS);
        for (size_t j = 0; j < COUNT(examples); j++) {
            assert_int_equal(ta_jws_verify(*state, jws, set_of(*state, examples[j].key)),
                             i == j ? TA_JWS_VALID : TA_JWS_NO_KEY);
        }
    }
}

/* Every character but the dots is changed: none of these tokens was made by the key's owner. */
static void no_character_of_an_example_can_be_changed(void **state)
{
    const ta_key_set *set = set_of(*state, ED_KEY);

    for (size_t i = 0; i < strlen(ED_TOKEN); i++) {
        char *token = apr_pstrdup(*state, ED_TOKEN);
        ta_jws *jws;

        token[i] = token[i] == 'A' ? 'B' : 'A';
        if (parse(*state, token, strlen(token), &jws, NULL) == APR_SUCCESS) {
            assert_int_not_equal(ta_jws_verify(*state, jws, set), TA_JWS_VALID);
        }
    }
}

static void the_parts_of_a_token_are_handed_out(void **state)
{
    const char *dot = strrchr(A4_TOKEN, '.');
    const char *token = token_of(*state, "{\"alg\":\"PS384\",\"kid\":\"k\",\"typ\":\"JWT\"}");
    ta_jws *jws;

    assert_int_equal(parse(*state, A4_TOKEN, strlen(A4_TOKEN), &jws, NULL), APR_SUCCESS);
    assert_ptr_equal(jws->algorithm, ta_algorithm_find("ES512"));
    assert_null(jws->kid);
    assert_null(jws->typ);
    assert_int_equal(jws->payload.len, 7);
    assert_memory_equal(jws->payload.data, "Payload", 7);
    assert_int_equal(jws->signature.len, 132);
    assert_int_equal(jws->signing_input.len, dot - A4_TOKEN);
    assert_memory_equal(jws->signing_input.data, A4_TOKEN, jws->signing_input.len);
    assert_int_equal(parse(*state, token, strlen(token), &jws, NULL), APR_SUCCESS);
    assert_ptr_equal(jws->algorithm, ta_algorithm_find("PS384"));
    assert_string_equal(jws->kid, "k");
    assert_string_equal(jws->typ, "JWT");
}

/* A token that declares itself unsigned, with and without something in the third part. */
static void an_unsigned_token_is_refused_in_every_spelling(void **state)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", "", " none", "none "};

    for (size_t i = 0; i < COUNT(names); i++) {
        const char *header = apr_psprintf(*state, "{\"alg\":\"%s\"}", names[i]);
        const char *token = token_of(*state, header);
        size_t unsigned_len = (size_t)(strrchr(token, '.') - token);

        assert_refused(*state, token, strlen(token), TA_REASON_ID_TOKEN_ALGORITHM);
        assert_refused(*state, token, unsigned_len + 1, TA_REASON_ID_TOKEN_MALFORMED);
        assert_refused(*state, token, unsigned_len, TA_REASON_ID_TOKEN_MALFORMED);
    }
}

static void algorithms_outside_our_table_are_refused_as_such(void **state)
{
    static const char *const names[] = {"HS256", "HS384", "HS512", "ES256K", "rs256", "RSA-OAEP"};

    for (size_t i = 0; i < COUNT(names); i++) {
        const char *token = token_of(*state, apr_psprintf(*state, "{\"alg\":\"%s\"}", names[i]));

        assert_refused(*state, token, strlen(token), TA_REASON_ID_TOKEN_ALGORITHM);
    }
}

static void a_header_that_breaks_the_rules_is_refused(void **state)
{
    static const char *const headers[] = {
        "{}",
        "[]",
        "\"RS256\"",
        "null",
        "{\"alg\":null}",
        "{\"alg\":256}",
        "{\"alg\":[\"RS256\"]}",
        "{\"alg\":\"RS256\",\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"kid\":1}",
        "{\"alg\":\"RS256\",\"kid\":null}",
        "{\"alg\":\"RS256\",\"kid\":\"a\\u0000b\"}",
        "{\"alg\":\"RS256\",\"typ\":[]}",
        "{\"alg\":\"RS256\"} {}",
        "{\"alg\":\"RS256\"",
        "{'alg':'RS256'}",
        /* RFC 7515 4.1.11 */
        "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"RS256\",\"crit\":[]}",
        "{\"alg\":\"RS256\",\"crit\":null}",
    };

    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_malformed(*state, token_of(*state, headers[i]));
    }
}

/* RFC 7797 3: b64 without crit means nothing; the payload stays base64url. */
static void b64_is_not_honoured(void **state)
{
    const char *token = token_of(*state, "{\"alg\":\"ES256\",\"b64\":false}");
    ta_jws *jws;

    assert_int_equal(parse(*state, token, strlen(token), &jws, NULL), APR_SUCCESS);
    assert_int_equal(jws->payload.len, 7);
    assert_memory_equal(jws->payload.data, "Payload", 7);
}

static void a_token_has_exactly_three_parts_with_something_in_them(void **state)
{
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "eyJhbGciOiJFUzUxMiJ9",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.",
        "eyJhbGciOiJFUzUxMiJ9..AAAA",
        ".UGF5bG9hZA.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA.",
        ".eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA.AAAA.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5 bG9hZA.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA==.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA\n",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AA+/",
        /* the same bytes with left-over bits: "Payload" again */
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZB.AAAA",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAB",
    };

    for (size_t i = 0; i < COUNT(tokens); i++) {
        assert_malformed(*state, tokens[i]);
    }
}

static void a_nul_byte_ends_nothing(void **state)
{
    static const char with_nul[] = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA\0AAAA";
    static const char header_with_nul[] = "{\"alg\":\"RS256\0\"}";
    const char *header = ta_base64url_encode(*state, header_with_nul, sizeof(header_with_nul) - 1);

    for (size_t i = 0; i < 4; i++) {
        char token[sizeof(with_nul)];

        memcpy(token, with_nul, sizeof(token));
        token[i * 11] = '\0';
        assert_refused(*state, token, 36, TA_REASON_ID_TOKEN_MALFORMED);
    }
    assert_refused(*state, with_nul, sizeof(with_nul) - 1, TA_REASON_ID_TOKEN_MALFORMED);
    assert_refused(*state, with_nul, 37, TA_REASON_ID_TOKEN_MALFORMED);
    assert_malformed(*state, apr_pstrcat(*state, header, ".UGF5bG9hZA.AAAA", NULL));
}

static void a_token_beyond_the_limit_is_refused_unread(void **state)
{
    static const char head[] = "eyJhbGciOiJSUzI1NiJ9.";
    const size_t huge = 1 << 20;
    char *token = apr_palloc(*state, huge);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_jws *jws;

    memset(token, 'A', huge);
    memcpy(token, head, sizeof(head) - 1);
    token[TA_JWS_BYTES - 5] = '.';
    assert_int_equal(parse(*state, token, TA_JWS_BYTES, &jws, &fault), APR_SUCCESS);
    token[TA_JWS_BYTES - 5] = 'A';
    token[TA_JWS_BYTES - 4] = '.';
    assert_refused(*state, token, TA_JWS_BYTES + 1, TA_REASON_ID_TOKEN_MALFORMED);
    assert_refused(*state, token, huge, TA_REASON_ID_TOKEN_MALFORMED);
    assert_int_equal(ta_jws_parse(*state, NULL, 0, &jws, &fault), APR_EGENERAL);
    assert_int_equal(fault.reason, TA_REASON_ID_TOKEN_MALFORMED);
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
        cmocka_unit_test(the_examples_of_the_rfcs_verify),
        cmocka_unit_test(no_character_of_an_example_can_be_changed),
        cmocka_unit_test(the_parts_of_a_token_are_handed_out),
        cmocka_unit_test(an_unsigned_token_is_refused_in_every_spelling),
        cmocka_unit_test(algorithms_outside_our_table_are_refused_as_such),
        cmocka_unit_test(a_header_that_breaks_the_rules_is_refused),
        cmocka_unit_test(b64_is_not_honoured),
        cmocka_unit_test(a_token_has_exactly_three_parts_with_something_in_them),
        cmocka_unit_test(a_nul_byte_ends_nothing),
        cmocka_unit_test(a_token_beyond_the_limit_is_refused_unread),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
