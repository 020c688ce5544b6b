/*
 * Sessions in the store: which record belongs to a cookie, and which key opens its tokens.
 * A key is derived from the cookie for each use, so that the store alone opens nothing.
 */
#include "session/session.h"

#include <string.h>

#include <apr_strings.h>

#include "session/packed.h"
#include "session/packed_token.h"
#include "util/base64url.h"
#include "util/header_value.h"
#include "util/secret.h"

#define TOKENS_BYTES  49152
#define ADDRESS_BYTES 64
#define BROWSER_BYTES 200
#define HEADER_BYTES  32768

const char *ta_session_id_make(apr_pool_t *p)
{
    unsigned char bytes[32];

    if (ta_secret_random(bytes, sizeof(bytes)) != APR_SUCCESS) {
        return NULL;
    }
    return ta_base64url_encode(p, bytes, sizeof(bytes));
}

apr_status_t ta_session_id_key(const char *id, unsigned char key[TA_STORE_KEY_LEN])
{
    if (!id || ta_base64url_span(id) != TA_SESSION_ID_LEN || id[TA_SESSION_ID_LEN]) {
        return APR_EINVAL;
    }
    return ta_secret_sha256(id, TA_SESSION_ID_LEN, key);
}

static apr_status_t find_key(ta_recent *recent, const char *id, unsigned char key[TA_STORE_KEY_LEN])
{
    apr_status_t rv = APR_SUCCESS;

    if (!ta_recent_get_key(recent, id, key)) {
        rv = ta_session_id_key(id, key);
        if (rv == APR_SUCCESS) {
            ta_recent_set_key(recent, id, key);
        }
    }
    return rv;
}

apr_status_t ta_session_id_tokens_key(const char *id, ta_seal_key *key)
{
    return ta_secret_derive(id, TA_SESSION_ID_LEN, "tinyauth session tokens", key->bytes);
}

static apr_status_t seal_tokens(apr_pool_t *p, const ta_seal_key *key, const ta_tokens *tokens,
                                apr_int64_t now, ta_bytes *sealed)
{
    ta_bytes plain;
    ta_text out;
    apr_status_t rv;

    ta_text_init(&out, p, TOKENS_BYTES);
    ta_packed_write_number(&out, (apr_uint64_t)tokens->expires_in, 8);
    ta_packed_write_number(&out, (apr_uint64_t)now, 8);
    ta_packed_token_write(p, &out, tokens->access_token);
    ta_packed_token_write(p, &out, tokens->id_token);
    ta_packed_token_write(p, &out, tokens->refresh_token);
    rv = ta_packed_finish(&out, &plain);
    if (rv == APR_SUCCESS) {
        rv = ta_seal_bytes(p, key, TA_SEAL_TOKENS, "", plain, sealed);
    }
    return rv;
}

static apr_status_t set_header(apr_pool_t *p, ta_record *record, ta_record_slot slot,
                               const char *claim)
{
    const char *value;
    ta_text out;

    if (!claim) {
        ta_record_set_text(record, slot, NULL);
        return APR_SUCCESS;
    }
    ta_text_init(&out, p, HEADER_BYTES);
    ta_header_value_append(&out, claim);
    if (ta_text_finish(&out, &value) != APR_SUCCESS) {
        return APR_ENOSPC;
    }
    ta_record_set_text(record, slot, value);
    return APR_SUCCESS;
}

static apr_status_t set_groups(apr_pool_t *p, ta_record *record, const ta_identity *identity)
{
    const char *joined;
    ta_text header, row;

    ta_text_init(&header, p, HEADER_BYTES);
    ta_text_init(&row, p, HEADER_BYTES);
    for (int i = 0; i < identity->groups->nelts; i++) {
        const char *group = APR_ARRAY_IDX(identity->groups, i, const char *);

        ta_header_value_append_item(&header, group);
        ta_record_add(&row, group);
    }
    if (ta_text_finish(&header, &joined) != APR_SUCCESS) {
        return APR_ENOSPC;
    }
    ta_record_set_text(record, TA_RECORD_HEADER_GROUPS, joined);
    return ta_packed_finish(&row, &record->slots[TA_RECORD_GROUPS]);
}

static apr_status_t set_claims(apr_pool_t *p, ta_record *record, const ta_identity *identity)
{
    ta_text row;

    ta_text_init(&row, p, HEADER_BYTES);
    for (int i = 0; i < identity->claims->nelts; i++) {
        const ta_claim *claim = &APR_ARRAY_IDX(identity->claims, i, ta_claim);

        ta_record_add(&row, claim->name);
        ta_record_add(&row, claim->value);
    }
    return ta_packed_finish(&row, &record->slots[TA_RECORD_CLAIMS]);
}

static apr_uint32_t identity_flags(const ta_identity *identity)
{
    return (identity->email_verified ? TA_RECORD_EMAIL_VERIFIED : 0) |
           (identity->email_by_userinfo ? TA_RECORD_EMAIL_BY_USERINFO : 0) |
           (identity->groups_by_userinfo ? TA_RECORD_GROUPS_BY_USERINFO : 0) |
           (identity->groups_state == TA_GROUPS_ABSENT ? TA_RECORD_GROUPS_ABSENT : 0) |
           (identity->groups_state == TA_GROUPS_MALFORMED ? TA_RECORD_GROUPS_MALFORMED : 0);
}

static apr_status_t hash_index(char kind, const unsigned char provider[TA_SHA256_LEN],
                               const char *value, unsigned char index[TA_STORE_KEY_LEN])
{
    unsigned char key[1 + TA_SHA256_LEN + TA_SHA256_LEN];

    memset(index, 0, TA_STORE_KEY_LEN);
    if (!value || !*value) {
        return APR_SUCCESS;
    }
    key[0] = (unsigned char)kind;
    memcpy(key + 1, provider, TA_SHA256_LEN);
    if (ta_secret_sha256(value, strlen(value), key + 1 + TA_SHA256_LEN) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    return ta_secret_sha256(key, sizeof(key), index);
}

apr_status_t ta_session_index_of_subject(const unsigned char provider[TA_SHA256_LEN],
                                         const char *value, unsigned char index[TA_STORE_KEY_LEN])
{
    return hash_index('u', provider, value, index);
}

apr_status_t ta_session_index_of_sid(const unsigned char provider[TA_SHA256_LEN], const char *value,
                                     unsigned char index[TA_STORE_KEY_LEN])
{
    return hash_index('s', provider, value, index);
}

static apr_status_t set_indexes(ta_record *record, const ta_identity *identity)
{
    apr_status_t rv =
        ta_session_index_of_subject(record->provider, identity->sub, record->subject_index);

    return rv == APR_SUCCESS
               ? ta_session_index_of_sid(record->provider, identity->sid, record->sid_index)
               : rv;
}

static apr_status_t set_identity(apr_pool_t *p, ta_record *record, const ta_identity *identity)
{
    static const ta_record_slot headers[] = {TA_RECORD_HEADER_USER, TA_RECORD_HEADER_NAME,
                                             TA_RECORD_HEADER_EMAIL, TA_RECORD_HEADER_SUB};
    const char *claims[] = {identity->user, identity->name, identity->email, identity->sub};
    apr_status_t rv = set_indexes(record, identity);

    record->flags = identity_flags(identity);
    ta_record_set_text(record, TA_RECORD_USER, identity->user);
    ta_record_set_text(record, TA_RECORD_SUB, identity->sub);
    ta_record_set_text(record, TA_RECORD_SID, identity->sid);
    ta_record_set_text(record, TA_RECORD_NAME, identity->name);
    ta_record_set_text(record, TA_RECORD_EMAIL, identity->email);
    for (apr_size_t i = 0; rv == APR_SUCCESS && i < sizeof(headers) / sizeof(*headers); i++) {
        rv = set_header(p, record, headers[i], claims[i]);
    }
    if (rv == APR_SUCCESS) {
        rv = set_groups(p, record, identity);
    }
    return rv == APR_SUCCESS ? set_claims(p, record, identity) : rv;
}

apr_status_t ta_session_describe(apr_pool_t *p, const char *id, const ta_provider *provider,
                                 const ta_identity *identity, const ta_tokens *tokens,
                                 apr_int64_t now, ta_record *record)
{
    ta_seal_key key;
    apr_status_t rv;

    memset(record, 0, sizeof(*record));
    record->created = now;
    record->last_used = now;
    record->checked = now;
    memcpy(record->provider, provider->fingerprint, sizeof(record->provider));
    ta_record_set_text(record, TA_RECORD_PROVIDER, provider->id);
    rv = set_identity(p, record, identity);
    if (rv == APR_SUCCESS) {
        rv = ta_session_id_tokens_key(id, &key);
    }
    if (rv == APR_SUCCESS) {
        rv = seal_tokens(p, &key, tokens, now, &record->slots[TA_RECORD_TOKENS]);
    }
    return rv;
}

/* Anything but printable ASCII becomes '?'. */
static const char *printable(apr_pool_t *p, const char *text, apr_size_t limit)
{
    char *copy = text ? apr_pstrndup(p, text, limit) : NULL;

    for (char *at = copy; at && *at; at++) {
        if (*at < ' ' || *at > '~') {
            *at = '?';
        }
    }
    return copy;
}

void ta_session_note_client(apr_pool_t *p, ta_record *record, const char *address,
                            const char *browser)
{
    ta_record_set_text(record, TA_RECORD_ADDRESS, printable(p, address, ADDRESS_BYTES));
    ta_record_set_text(record, TA_RECORD_BROWSER, printable(p, browser, BROWSER_BYTES));
}

apr_status_t ta_session_describe_child(apr_pool_t *p, const char *id, const ta_record *login,
                                       const unsigned char *login_key,
                                       const ta_seal_key *tokens_key, apr_int64_t now,
                                       ta_record *record)
{
    ta_bytes plain = {tokens_key->bytes, sizeof(tokens_key->bytes)};
    ta_seal_key key;
    apr_status_t rv;

    memset(record, 0, sizeof(*record));
    record->flags = TA_RECORD_HAS_PARENT;
    record->created = login->created;
    record->last_used = now;
    memcpy(record->provider, login->provider, sizeof(record->provider));
    memcpy(record->parent, login_key, sizeof(record->parent));
    rv = ta_session_id_tokens_key(id, &key);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return ta_seal_bytes(p, &key, TA_SEAL_TOKENS, "", plain, &record->slots[TA_RECORD_TOKENS]);
}

/* The parent's record. The child holds the key to its tokens, sealed, and nothing else. */
static apr_status_t read_login(ta_recent *recent, ta_session *session)
{
    memcpy(session->login_key, session->own->parent, sizeof(session->login_key));
    if (ta_recent_read_record(recent, session->login_bytes, 0, &session->login) != APR_SUCCESS ||
        (session->login.flags & TA_RECORD_HAS_PARENT) ||
        session->own->slots[TA_RECORD_TOKENS].len != TA_KEY_LEN + TA_SEAL_OVERHEAD) {
        return APR_NOTFOUND;
    }
    return APR_SUCCESS;
}

/* The record of the session's key, into login, and its parent's bytes. */
static apr_status_t load_record(apr_pool_t *p, const ta_store *store, ta_recent *recent,
                                ta_session *session, ta_bytes *bytes, ta_bytes *parent)
{
    apr_uint64_t version = ta_recent_get_version(recent);
    apr_status_t rv = store->load(store->context, p, session->key, &version, bytes, parent);

    if (rv == TA_STORE_UNCHANGED) {
        ta_recent_get_record(recent, p, bytes, &session->login);
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return ta_recent_read_record(recent, *bytes, version, &session->login) == APR_SUCCESS
               ? APR_SUCCESS
               : APR_NOTFOUND;
}

apr_status_t ta_session_load(apr_pool_t *p, const ta_store *store, ta_recent *recent,
                             const char *id, ta_session **result)
{
    ta_session *session = apr_pcalloc(p, sizeof(*session));
    ta_bytes bytes, parent;
    apr_status_t rv;

    *result = NULL;
    if (find_key(recent, id, session->key) != APR_SUCCESS) {
        return APR_NOTFOUND;
    }
    rv = load_record(p, store, recent, session, &bytes, &parent);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    session->id = id;
    session->own = &session->login;
    if (session->login.flags & TA_RECORD_HAS_PARENT) {
        session->own = apr_pmemdup(p, &session->login, sizeof(session->login));
        session->own_bytes = bytes;
        session->login_bytes = parent;
        rv = read_login(recent, session);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    } else {
        memcpy(session->login_key, session->key, sizeof(session->login_key));
        session->login_bytes = bytes;
    }
    *result = session;
    return APR_SUCCESS;
}

/* "" was written for what was not there. */
static const char *there(const char *text)
{
    return *text ? text : NULL;
}

apr_status_t ta_session_get_tokens_key(apr_pool_t *p, const ta_session *session, ta_seal_key *key)
{
    ta_seal_key outer;
    ta_bytes inner;

    if (!(session->own->flags & TA_RECORD_HAS_PARENT)) {
        return ta_session_id_tokens_key(session->id, key);
    }
    if (ta_session_id_tokens_key(session->id, &outer) != APR_SUCCESS ||
        ta_seal_open_bytes(p, &outer, TA_SEAL_TOKENS, "", session->own->slots[TA_RECORD_TOKENS],
                           &inner) != APR_SUCCESS ||
        inner.len != sizeof(key->bytes)) {
        return APR_EINVAL;
    }
    memcpy(key->bytes, inner.data, inner.len);
    return APR_SUCCESS;
}

apr_status_t ta_session_open_tokens(apr_pool_t *p, const ta_session *session, ta_tokens *tokens,
                                    apr_int64_t *given)
{
    ta_seal_key key;
    ta_packed_reader reader;
    ta_bytes plain;
    apr_status_t rv;

    rv = ta_session_get_tokens_key(p, session, &key);
    if (rv == APR_SUCCESS) {
        rv = ta_seal_open_bytes(p, &key, TA_SEAL_TOKENS, "", session->login.slots[TA_RECORD_TOKENS],
                                &plain);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ta_packed_read_start(&reader, plain);
    tokens->expires_in = (apr_int64_t)ta_packed_read_number(&reader, 8);
    *given = ta_packed_read_seconds(&reader);
    tokens->access_token = ta_packed_token_read(p, &reader);
    tokens->id_token = there(ta_packed_token_read(p, &reader));
    tokens->refresh_token = there(ta_packed_token_read(p, &reader));
    return ta_packed_read_done(&reader) ? APR_SUCCESS : APR_EINVAL;
}

apr_status_t ta_session_renew_tokens(apr_pool_t *p, ta_record *record,
                                     const ta_seal_key *tokens_key, const ta_tokens *tokens,
                                     apr_int64_t given)
{
    record->flags &= ~(apr_uint32_t)TA_RECORD_REFRESHING;
    return seal_tokens(p, tokens_key, tokens, given, &record->slots[TA_RECORD_TOKENS]);
}

apr_status_t ta_session_renew(apr_pool_t *p, ta_record *record, const ta_identity *identity,
                              apr_int64_t now)
{
    apr_uint32_t refreshing = record->flags & TA_RECORD_REFRESHING;
    const ta_record before = *record;
    apr_status_t rv = set_identity(p, record, identity);

    record->flags |= refreshing;
    /* an ID token that a refresh brings may leave sid out (OIDC Core 12.2): the session at the
     * provider is the same, and has to be found when the provider ends it */
    if (!identity->sid) {
        record->slots[TA_RECORD_SID] = before.slots[TA_RECORD_SID];
        memcpy(record->sid_index, before.sid_index, sizeof(record->sid_index));
    }
    record->checked = now;
    return rv;
}

apr_status_t ta_session_end(apr_pool_t *tmp, const ta_store *store, const ta_session *session)
{
    apr_status_t rv = store->remove(store->context, tmp, session->login_key);

    /* a child is dead without its parent: that it goes too is tidiness */
    if (rv == APR_SUCCESS && session->own_bytes.len) {
        rv = store->remove(store->context, tmp, session->key);
    }
    return rv;
}

apr_status_t ta_session_end_all(apr_pool_t *tmp, const ta_store *store,
                                const ta_store_ending *ending, int *count)
{
    return store->end_all(store->context, tmp, ending, count);
}
