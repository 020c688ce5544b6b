/*
 * Sessions in the store: which cookie finds which record, whose tokens it opens, and what ends
 * with what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "session/session.h"
#include "world.h"

static ta_identity *make_identity(apr_pool_t *p)
{
    ta_identity *identity = apr_pcalloc(p, sizeof(*identity));

    identity->user = "alice";
    identity->sub = "sub-of-alice";
    identity->sid = "provider-session";
    identity->name = "Alice\r\nRemote-User: root";
    identity->email = "alice@example.com";
    identity->email_verified = 1;
    identity->groups_state = TA_GROUPS_PRESENT;
    identity->groups = apr_array_make(p, 2, sizeof(const char *));
    APR_ARRAY_PUSH(identity->groups, const char *) = "users";
    APR_ARRAY_PUSH(identity->groups, const char *) = "a,admins";
    identity->claims = apr_array_make(p, 1, sizeof(ta_claim));
    APR_ARRAY_PUSH(identity->claims, ta_claim) = (ta_claim){.name = "locale", .value = "de"};
    return identity;
}

static const ta_tokens tokens = {
    .access_token = "the-access-token",
    .id_token = "the-id-token",
    .refresh_token = NULL,
    .expires_in = -1,
};

/* Saves a login's record under a fresh id, which is returned. */
static const char *save_login(world *w)
{
    const char *id = ta_session_id_make(w->pool);
    unsigned char key[TA_STORE_KEY_LEN];
    ta_record record;
    ta_bytes bytes;

    assert_int_equal(ta_session_describe(w->pool, id, w->provider, make_identity(w->pool), &tokens,
                                         WORLD_NOW, &record),
                     APR_SUCCESS);
    assert_int_equal(ta_record_write(w->pool, &record, &bytes), APR_SUCCESS);
    assert_int_equal(ta_session_id_key(id, key), APR_SUCCESS);
    assert_int_equal(w->port.save(w, w->pool, key, bytes, WORLD_NOW + 60), APR_SUCCESS);
    return id;
}

static ta_session *load(world *w, const char *id)
{
    ta_session *session;

    assert_int_equal(ta_session_load(w->pool, &w->port, NULL, id, &session), APR_SUCCESS);
    return session;
}

static const ta_seal_key *tokens_key_of(world *w, const ta_session *session)
{
    ta_seal_key *key = apr_palloc(w->pool, sizeof(*key));

    assert_int_equal(ta_session_get_tokens_key(w->pool, session, key), APR_SUCCESS);
    return key;
}

/* Saves the record of a further host of a login. */
static const char *save_child(world *w, const ta_session *login)
{
    const char *id = ta_session_id_make(w->pool);
    unsigned char key[TA_STORE_KEY_LEN];
    ta_record record;
    ta_bytes bytes;

    assert_int_equal(ta_session_describe_child(w->pool, id, &login->login, login->login_key,
                                               tokens_key_of(w, login), WORLD_NOW + 5, &record),
                     APR_SUCCESS);
    assert_int_equal(ta_record_write(w->pool, &record, &bytes), APR_SUCCESS);
    assert_int_equal(ta_session_id_key(id, key), APR_SUCCESS);
    assert_int_equal(w->port.save(w, w->pool, key, bytes, WORLD_NOW + 60), APR_SUCCESS);
    return id;
}

static void assert_gone(world *w, const char *id)
{
    ta_session *session;

    assert_int_equal(ta_session_load(w->pool, &w->port, NULL, id, &session), APR_NOTFOUND);
    assert_null(session);
}

static void assert_opens_tokens(world *w, const ta_session *session)
{
    ta_tokens opened;
    apr_int64_t given;

    assert_int_equal(ta_session_open_tokens(w->pool, session, &opened, &given), APR_SUCCESS);
    assert_string_equal(opened.access_token, "the-access-token");
    assert_string_equal(opened.id_token, "the-id-token");
    assert_null(opened.refresh_token);
    assert_int_equal(opened.expires_in, -1);
    assert_int_equal(given, WORLD_NOW);
}

static void test_ids_are_256_random_bits(void **state)
{
    world *w = *state;
    const char *first = ta_session_id_make(w->pool);

    assert_int_equal(strlen(first), TA_SESSION_ID_LEN);
    assert_string_not_equal(first, ta_session_id_make(w->pool));
}

static void test_only_43_characters_of_base64url_are_an_id(void **state)
{
    static const char *const ids[] = {
        "",
        "x",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/",
        " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    unsigned char key[TA_STORE_KEY_LEN];
    world *w = *state;

    assert_int_equal(ta_session_id_key(NULL, key), APR_EINVAL);
    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(ta_session_id_key(world_foreign(w->pool, ids[i]), key), APR_EINVAL);
    }
    assert_int_equal(ta_session_id_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_", key),
                     APR_SUCCESS);
}

static void test_a_login_is_found_with_everything_in_it(void **state)
{
    world *w = *state;
    const ta_session *session = load(w, save_login(w));
    const ta_record *login = &session->login;
    const char *group = ta_record_next(login, TA_RECORD_GROUPS, NULL);

    assert_string_equal(ta_record_text(login, TA_RECORD_USER), "alice");
    assert_string_equal(ta_record_text(login, TA_RECORD_PROVIDER), WORLD_ID);
    assert_string_equal(ta_record_text(login, TA_RECORD_SID), "provider-session");
    assert_memory_equal(login->provider, w->provider->fingerprint, sizeof(login->provider));
    assert_int_equal(login->flags, TA_RECORD_EMAIL_VERIFIED);
    assert_int_equal(login->created, WORLD_NOW);
    assert_int_equal(login->last_used, WORLD_NOW);
    assert_string_equal(group, "users");
    group = ta_record_next(login, TA_RECORD_GROUPS, group);
    assert_string_equal(group, "a,admins");
    assert_null(ta_record_next(login, TA_RECORD_GROUPS, group));
    assert_string_equal(ta_record_next(login, TA_RECORD_CLAIMS, NULL), "locale");
    assert_memory_equal(session->key, session->login_key, sizeof(session->key));
    assert_opens_tokens(w, session);
}

/* What becomes a header can neither end it nor make another group. */
static void test_headers_are_kept_as_they_may_be_sent(void **state)
{
    world *w = *state;
    const ta_record *login = &load(w, save_login(w))->login;

    assert_string_equal(ta_record_text(login, TA_RECORD_HEADER_NAME),
                        "Alice%0D%0ARemote-User: root");
    assert_string_equal(ta_record_text(login, TA_RECORD_HEADER_GROUPS), "users,a%2Cadmins");
    assert_string_equal(ta_record_text(login, TA_RECORD_HEADER_USER), "alice");
    assert_string_equal(ta_record_text(login, TA_RECORD_HEADER_SUB), "sub-of-alice");
    assert_string_equal(ta_record_text(login, TA_RECORD_HEADER_EMAIL), "alice@example.com");
}

static void test_groups_that_were_not_sent_or_not_readable_are_told_apart(void **state)
{
    static const struct {
        ta_groups_state groups;
        apr_uint32_t flags;
    } cases[] = {
        {TA_GROUPS_ABSENT, TA_RECORD_GROUPS_ABSENT},
        {TA_GROUPS_MALFORMED, TA_RECORD_GROUPS_MALFORMED},
        {TA_GROUPS_PRESENT, 0},
    };
    world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_identity *identity = make_identity(w->pool);
        ta_record record;

        identity->groups_state = cases[i].groups;
        identity->email_verified = 0;
        assert_int_equal(ta_session_describe(w->pool, ta_session_id_make(w->pool), w->provider,
                                             identity, &tokens, WORLD_NOW, &record),
                         APR_SUCCESS);
        assert_int_equal(record.flags, cases[i].flags);
    }
}

/* A dump of the store: keys and records, but no cookie. */
static void test_a_dump_of_the_store_opens_no_tokens(void **state)
{
    world *w = *state;
    ta_session *session = load(w, save_login(w));
    const ta_session *other = load(w, save_login(w));
    ta_tokens opened;
    apr_int64_t given;

    assert_null(strstr((const char *)session->login.slots[TA_RECORD_TOKENS].data, "the-access"));
    session->id = apr_pstrmemdup(w->pool, (const char *)session->key, sizeof(session->key));
    assert_int_equal(ta_session_open_tokens(w->pool, session, &opened, &given), APR_EINVAL);
    /* another session's cookie does not either */
    session->id = other->id;
    assert_int_equal(ta_session_open_tokens(w->pool, session, &opened, &given), APR_EINVAL);
}

static void test_a_further_host_finds_the_login_and_its_tokens(void **state)
{
    world *w = *state;
    const ta_session *login = load(w, save_login(w));
    const ta_session *child = load(w, save_child(w, login));
    /* and a further one of that */
    const ta_session *third = load(w, save_child(w, child));

    assert_memory_equal(child->login_key, login->key, sizeof(child->login_key));
    assert_memory_not_equal(child->key, login->key, sizeof(child->key));
    assert_string_equal(ta_record_text(&child->login, TA_RECORD_USER), "alice");
    assert_string_equal(ta_record_text(child->own, TA_RECORD_USER), "");
    assert_int_equal(child->own->created, WORLD_NOW);
    assert_opens_tokens(w, child);
    assert_opens_tokens(w, third);
    assert_memory_equal(third->login_key, login->key, sizeof(third->login_key));
}

static void test_ending_any_session_of_a_login_ends_all(void **state)
{
    world *w = *state;

    for (int i = 0; i < 3; i++) {
        const char *ids[3];

        apr_hash_clear(w->store.records);
        ids[0] = save_login(w);
        ids[1] = save_child(w, load(w, ids[0]));
        ids[2] = save_child(w, load(w, ids[0]));
        assert_int_equal(ta_session_end(w->pool, &w->port, load(w, ids[i])), APR_SUCCESS);
        /* its own record goes too; those of the others are forgotten in time */
        assert_int_equal(world_records(w), i == 0 ? 2 : 1);
        for (size_t j = 0; j < COUNT(ids); j++) {
            assert_gone(w, ids[j]);
        }
    }
}

/* How many logins end that have one index. */
static int end_all(world *w, const ta_provider *provider, int by_sid, const char *value,
                   apr_int64_t before)
{
    ta_store_ending ending = {.before = before};
    int count = -1;

    assert_int_equal(
        by_sid ? ta_session_index_of_sid(provider->fingerprint, value, ending.sid)
               : ta_session_index_of_subject(provider->fingerprint, value, ending.subject),
        APR_SUCCESS);
    assert_int_equal(ta_session_end_all(w->pool, &w->port, &ending, &count), APR_SUCCESS);
    return count;
}

static void test_logins_are_found_by_user_and_by_the_providers_session(void **state)
{
    world *w = *state;
    const ta_provider *other = world_add_provider(w, "other", "https://other.example.com");

    for (int i = 0; i < 2; i++) {
        const char *mine = i ? "provider-session" : "sub-of-alice";
        const char *foreign = i ? "sub-of-alice" : "provider-session";
        const char *first = save_login(w), *second = save_login(w);
        const char *child = save_child(w, load(w, first));

        /* somebody else, somebody at another provider, nobody, and a time before the login */
        assert_int_equal(end_all(w, w->provider, i, foreign, WORLD_NOW), 0);
        assert_int_equal(end_all(w, other, i, mine, WORLD_NOW), 0);
        assert_int_equal(end_all(w, w->provider, i, "", WORLD_NOW), 0);
        assert_int_equal(end_all(w, w->provider, i, mine, WORLD_NOW - 1), 0);
        (void)load(w, first);

        assert_int_equal(end_all(w, w->provider, i, mine, WORLD_NOW), 2);
        assert_gone(w, first);
        assert_gone(w, second);
        assert_gone(w, child);
    }
}

static void test_a_store_that_does_not_remove_says_so(void **state)
{
    world *w = *state;
    ta_session *session = load(w, save_login(w));

    w->store.remove_status = APR_TIMEUP;
    assert_int_equal(ta_session_end(w->pool, &w->port, session), APR_TIMEUP);
}

/* A record that points to another that only points on: no login stands behind it. */
static void test_a_parent_that_is_a_child_itself_is_no_login(void **state)
{
    world *w = *state;
    ta_session *login = load(w, save_login(w));
    ta_session *child = load(w, save_child(w, login));

    memcpy(child->login_key, child->key, sizeof(child->login_key));
    assert_gone(w, save_child(w, child));
}

/* Somebody who can write to the store, but has no cookie: a child that claims a parent without
 * knowing its key is nobody's. */
static void test_a_child_without_the_key_to_its_parent_is_nobodys(void **state)
{
    world *w = *state;
    ta_session *login = load(w, save_login(w));
    const char *id = ta_session_id_make(w->pool);
    unsigned char key[TA_STORE_KEY_LEN];
    ta_record record;
    ta_bytes bytes;

    memset(&record, 0, sizeof(record));
    record.flags = TA_RECORD_HAS_PARENT;
    memcpy(record.parent, login->key, sizeof(record.parent));
    record.slots[TA_RECORD_TOKENS] = login->login.slots[TA_RECORD_TOKENS];
    assert_int_equal(ta_record_write(w->pool, &record, &bytes), APR_SUCCESS);
    assert_int_equal(ta_session_id_key(id, key), APR_SUCCESS);
    assert_int_equal(w->port.save(w, w->pool, key, bytes, WORLD_NOW + 60), APR_SUCCESS);
    assert_gone(w, id);
}

/* A key of the right length, but sealed under another cookie: the tokens stay shut. */
static void test_a_child_with_anothers_key_opens_no_tokens(void **state)
{
    world *w = *state;
    const ta_session *login = load(w, save_login(w));
    const ta_session *other = load(w, save_child(w, login));
    ta_session *child = load(w, save_child(w, login));
    ta_bytes half = {.data = apr_pcalloc(w->pool, TA_KEY_LEN / 2), .len = TA_KEY_LEN / 2};
    ta_seal_key key;
    ta_tokens opened;
    apr_int64_t given;

    child->own->slots[TA_RECORD_TOKENS] = other->own->slots[TA_RECORD_TOKENS];
    assert_int_equal(ta_session_get_tokens_key(w->pool, child, &key), APR_EINVAL);
    assert_int_equal(ta_session_open_tokens(w->pool, child, &opened, &given), APR_EINVAL);
    /* nor does half a key under the right cookie, of which the rest would be chance */
    assert_int_equal(ta_session_id_tokens_key(child->id, &key), APR_SUCCESS);
    assert_int_equal(ta_seal_bytes(w->pool, &key, TA_SEAL_TOKENS, "", half,
                                   &child->own->slots[TA_RECORD_TOKENS]),
                     APR_SUCCESS);
    assert_int_equal(ta_session_get_tokens_key(w->pool, child, &key), APR_EINVAL);
}

/* Sealed with the right key, but what is inside is no key. */
static void test_a_child_whose_key_has_another_length_is_nobodys(void **state)
{
    static const apr_size_t lengths[] = {0, 1, 31, 33, 64};
    world *w = *state;
    ta_session *login = load(w, save_login(w));
    unsigned char *plain = apr_pcalloc(w->pool, 64);

    for (size_t i = 0; i < COUNT(lengths); i++) {
        const char *id = ta_session_id_make(w->pool);
        ta_bytes inside = {.data = plain, .len = lengths[i]};
        unsigned char key[TA_STORE_KEY_LEN];
        ta_seal_key seal_key;
        ta_record record;
        ta_bytes bytes;

        assert_int_equal(ta_session_describe_child(w->pool, id, &login->login, login->key,
                                                   tokens_key_of(w, login), WORLD_NOW, &record),
                         APR_SUCCESS);
        assert_int_equal(ta_session_id_tokens_key(id, &seal_key), APR_SUCCESS);
        assert_int_equal(ta_seal_bytes(w->pool, &seal_key, TA_SEAL_TOKENS, "", inside,
                                       &record.slots[TA_RECORD_TOKENS]),
                         APR_SUCCESS);
        assert_int_equal(ta_record_write(w->pool, &record, &bytes), APR_SUCCESS);
        assert_int_equal(ta_session_id_key(id, key), APR_SUCCESS);
        assert_int_equal(w->port.save(w, w->pool, key, bytes, WORLD_NOW + 60), APR_SUCCESS);
        assert_gone(w, id);
    }
}

static void test_an_error_of_the_store_is_not_a_missing_session(void **state)
{
    world *w = *state;
    const char *id = save_login(w);
    ta_session *session;

    w->store.load_status = APR_TIMEUP;
    assert_int_equal(ta_session_load(w->pool, &w->port, NULL, id, &session), APR_TIMEUP);
    assert_null(session);
    /* but what is no id at all is not even asked for */
    assert_gone(w, "x");
}

static void test_what_has_no_room_in_a_record_is_refused(void **state)
{
    world *w = *state;
    char *text = apr_palloc(w->pool, 60001);
    ta_tokens large = tokens;
    ta_identity *identity = make_identity(w->pool);
    ta_record record;

    memset(text, '+', 60000);
    text[60000] = '\0';
    large.refresh_token = text;
    assert_int_equal(ta_session_describe(w->pool, ta_session_id_make(w->pool), w->provider,
                                         identity, &large, WORLD_NOW, &record),
                     APR_ENOSPC);
    identity->name = text;
    assert_int_equal(ta_session_describe(w->pool, ta_session_id_make(w->pool), w->provider,
                                         identity, &tokens, WORLD_NOW, &record),
                     APR_ENOSPC);
}

/* One connection with the requests of several hosts, again and again. */
static void test_what_a_connection_remembers_is_of_the_same_session(void **state)
{
    world *w = *state;
    ta_recent *recent = ta_recent_make(w->pool);
    const char *login = save_login(w), *other = save_login(w);
    const char *child = save_child(w, load(w, login));
    const char *const ids[] = {login, login, child, child, login, other, other, child};
    unsigned char key[TA_STORE_KEY_LEN];

    for (size_t i = 0; i < COUNT(ids); i++) {
        ta_session *session;

        assert_int_equal(ta_session_load(w->pool, &w->port, recent, ids[i], &session), APR_SUCCESS);
        assert_int_equal(ta_session_id_key(ids[i], key), APR_SUCCESS);
        assert_memory_equal(session->key, key, sizeof(key));
        assert_int_equal(session->own != &session->login, ids[i] == child);
        assert_string_equal(ta_record_text(&session->login, TA_RECORD_USER), "alice");
        assert_opens_tokens(w, session);
    }
}

static void test_a_child_of_a_damaged_login_is_nobodys(void **state)
{
    world *w = *state;
    ta_session *login = load(w, save_login(w));
    const char *child = save_child(w, login);
    ta_bytes bytes = login->login_bytes;
    unsigned char *damaged = apr_pmemdup(w->pool, bytes.data, bytes.len);

    (void)load(w, child);
    damaged[bytes.len / 2] ^= 1;
    assert_int_equal(w->port.replace(w, w->pool, login->key, bytes, (ta_bytes){damaged, bytes.len},
                                     WORLD_NOW + 60),
                     APR_SUCCESS);
    assert_gone(w, child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ids_are_256_random_bits),
        TEST(test_only_43_characters_of_base64url_are_an_id),
        TEST(test_a_login_is_found_with_everything_in_it),
        TEST(test_headers_are_kept_as_they_may_be_sent),
        TEST(test_groups_that_were_not_sent_or_not_readable_are_told_apart),
        TEST(test_a_dump_of_the_store_opens_no_tokens),
        TEST(test_a_further_host_finds_the_login_and_its_tokens),
        TEST(test_ending_any_session_of_a_login_ends_all),
        TEST(test_logins_are_found_by_user_and_by_the_providers_session),
        TEST(test_a_store_that_does_not_remove_says_so),
        TEST(test_a_parent_that_is_a_child_itself_is_no_login),
        TEST(test_a_child_without_the_key_to_its_parent_is_nobodys),
        TEST(test_a_child_with_anothers_key_opens_no_tokens),
        TEST(test_a_child_whose_key_has_another_length_is_nobodys),
        TEST(test_an_error_of_the_store_is_not_a_missing_session),
        TEST(test_what_has_no_room_in_a_record_is_refused),
        TEST(test_what_a_connection_remembers_is_of_the_same_session),
        TEST(test_a_child_of_a_damaged_login_is_nobodys),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
