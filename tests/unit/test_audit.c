/*
 * Lines of the audit log: JSON whatever a provider calls its users, one line each, short enough
 * for a pipe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "flow/audit.h"
#include "util/json.h"
#include "world.h"

static const ta_audit_place place = {
    .when = APR_INT64_C(1800000000) * 1000000 + 7999,
    .request = "id-of-request",
    .client = "192.0.2.1",
    .host = "app.example.com",
    .path = "/secret",
};

static const ta_json *line_of(world *w, const ta_event *event)
{
    const char *line = ta_audit_write(w->pool, event, &place);
    apr_size_t len = strlen(line);
    const ta_json *json;

    assert_true(len > 2 && len <= TA_AUDIT_LINE_BYTES);
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    assert_int_equal(
        ta_json_parse_object(w->pool, (ta_bytes){(const unsigned char *)line, len - 1}, &json),
        APR_SUCCESS);
    return json;
}

static void assert_member(const ta_json *json, const char *name, const char *value)
{
    const char *there = ta_json_string(json, name);

    if (value) {
        assert_non_null(there);
        assert_string_equal(there, value);
    } else {
        assert_null(there);
    }
}

static void test_a_denial_says_who_where_and_why(void **state)
{
    unsigned char key[TA_STORE_KEY_LEN];
    ta_event event = {.kind = TA_EVENT_DENIED,
                      .reason = TA_REASON_NOT_IN_GROUP,
                      .provider = WORLD_ID,
                      .user = "alice",
                      .sub = "sub-1",
                      .login_key = key};
    const ta_json *json;

    memset(key, 0xab, sizeof(key));
    key[0] = 0x01;
    json = line_of(*state, &event);
    assert_member(json, "time", "2027-01-15T08:00:00.007Z");
    assert_member(json, "event", "denied");
    assert_member(json, "request", "id-of-request");
    assert_member(json, "client", "192.0.2.1");
    assert_member(json, "host", "app.example.com");
    assert_member(json, "path", "/secret");
    assert_member(json, "provider", WORLD_ID);
    assert_member(json, "user", "alice");
    assert_member(json, "sub", "sub-1");
    assert_member(json, "session", "01ababababababab");
    assert_member(json, "reason", "not-in-group");
    assert_member(json, "by", NULL);
}

static void test_what_is_not_known_is_not_there(void **state)
{
    ta_event event = {.kind = TA_EVENT_LOGIN_REFUSED, .reason = TA_REASON_LOGIN_LOOP, .user = ""};
    const ta_json *json = line_of(*state, &event);

    assert_member(json, "reason", "login-loop");
    assert_member(json, "user", NULL);
    assert_member(json, "provider", NULL);
    assert_member(json, "session", NULL);
    assert_member(json, "path", NULL);
}

static void test_an_end_says_by_what(void **state)
{
    ta_event event = {.kind = TA_EVENT_SESSION_ENDED,
                      .by = TA_ENDED_BY_PROVIDER,
                      .reason = TA_REASON_TOKEN_REFUSED};
    const ta_json *json = line_of(*state, &event);

    assert_member(json, "event", "session-ended");
    assert_member(json, "by", "provider");
    assert_member(json, "reason", "token-refused");
}

static void test_a_name_cannot_write_lines_or_members(void **state)
{
    static const char *const names[] = {
        "alice\"}\n{\"event\":\"login\"", "a\\", "\x01\x1b[31m", "\xff\xfe", "\xe2\x80\xa8", "</x>",
    };
    world *w = *state;

    for (apr_size_t i = 0; i < COUNT(names); i++) {
        ta_event event = {.kind = TA_EVENT_LOGIN, .user = names[i]};
        const ta_json *json = line_of(w, &event);

        assert_member(json, "event", "login");
        assert_non_null(ta_json_string(json, "user"));
    }
}

static void test_the_longest_values_still_make_a_line(void **state)
{
    world *w = *state;
    char *wide = apr_palloc(w->pool, 5001), *plain = apr_palloc(w->pool, 5001);
    ta_event event = {.kind = TA_EVENT_LOGOUT, .provider = WORLD_ID, .by = TA_ENDED_BY_USER};
    const ta_json *json;

    memset(plain, 'x', 5000);
    memset(wide, 0x01, 5000);
    plain[5000] = wide[5000] = '\0';
    event.user = plain;
    json = line_of(w, &event);
    assert_int_equal(strlen(ta_json_string(json, "user")), 256 + 3);
    event.user = event.sub = wide;
    json = line_of(w, &event);
    assert_member(json, "by", "user");
}

static void test_a_long_value_is_cut_between_characters(void **state)
{
    world *w = *state;
    char *text = apr_palloc(w->pool, 3 * 100 + 1);
    ta_event event = {.kind = TA_EVENT_LOGIN, .user = text};
    const char *there;

    for (int i = 0; i < 100; i++) {
        memcpy(text + 3 * i, "\xe2\x82\xac", 3);
    }
    text[300] = '\0';
    there = ta_json_string(line_of(w, &event), "user");
    assert_int_equal(strlen(there), 255 + 3); /* whole ones, and the sign that some are missing */
    assert_memory_equal(there, text, 255);
    assert_string_equal(there + 255, "\xe2\x80\xa6");
    memset(text, 0x80, 300);
    (void)line_of(w, &event);
}

static ta_record groups(apr_pool_t *p, const char *strings, apr_size_t len)
{
    ta_record record = {.flags = 0};

    record.slots[TA_RECORD_GROUPS] = world_row(p, strings, len);
    return record;
}

static void test_changed_groups_are_named(void **state)
{
    world *w = *state;
    ta_record before = groups(w->pool, "a\0b", 4), after = groups(w->pool, "b\0c\0d", 6);
    ta_event event = {.kind = TA_EVENT_CONFIRMED, .before = &before, .after = &after};
    const ta_json *json = line_of(w, &event);

    assert_true(ta_audit_is_kept(&event));
    assert_member(json, "event", "groups-changed");
    assert_int_equal(ta_json_length(ta_json_get(json, "added")), 2);
    assert_string_equal(ta_json_text(ta_json_item(ta_json_get(json, "added"), 0)), "c");
    assert_string_equal(ta_json_text(ta_json_item(ta_json_get(json, "added"), 1)), "d");
    assert_int_equal(ta_json_length(ta_json_get(json, "removed")), 1);
    assert_string_equal(ta_json_text(ta_json_item(ta_json_get(json, "removed"), 0)), "a");
    event.after = &before;
    assert_false(ta_audit_is_kept(&event));
}

static void test_a_thousand_groups_still_make_a_line(void **state)
{
    world *w = *state;
    char *names = apr_palloc(w->pool, 1000 * 8);
    ta_record before = groups(w->pool, "", 0), after;
    ta_event event = {.kind = TA_EVENT_CONFIRMED, .before = &before, .after = &after};

    for (int i = 0; i < 1000; i++) {
        apr_snprintf(names + 8 * i, 8, "grp%04d", i);
    }
    after = groups(w->pool, names, 1000 * 8);
    assert_int_equal(ta_json_length(ta_json_get(line_of(w, &event), "added")), 20);
}

static void test_the_rest_is_not_kept(void **state)
{
    static const ta_event_kind kinds[] = {TA_EVENT_UNCONFIRMED, TA_EVENT_SENT_AGAIN,
                                          TA_EVENT_KEYS_FETCHED};

    (void)state;
    for (apr_size_t i = 0; i < COUNT(kinds); i++) {
        ta_event event = {.kind = kinds[i]};

        assert_false(ta_audit_is_kept(&event));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_denial_says_who_where_and_why),
        TEST(test_what_is_not_known_is_not_there),
        TEST(test_an_end_says_by_what),
        TEST(test_a_name_cannot_write_lines_or_members),
        TEST(test_the_longest_values_still_make_a_line),
        TEST(test_a_long_value_is_cut_between_characters),
        TEST(test_changed_groups_are_named),
        TEST(test_a_thousand_groups_still_make_a_line),
        TEST(test_the_rest_is_not_kept),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
