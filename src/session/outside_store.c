/*
 * How sessions are hidden from the cache that keeps them, and when what comes back is believed.
 */
#include "session/outside_store.h"

#include <string.h>

#include <apr_strings.h>

#include "session/record.h"
#include "util/secret.h"

#define MAGIC       "TAO2"
#define SLACK       300 /* seconds that clocks of several machines may differ */
#define STAMP_BYTES 20
#define TOKEN_BYTES 16

struct outside_store {
    ta_store port;
    const ta_cache *cache;
    ta_seal_key key;
    unsigned char names_key[TA_KEY_LEN];
    apr_int64_t lifetime;
};

static void write_hex(char *out, const unsigned char *bytes, apr_size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (apr_size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

/* The hash of 32 bytes for one use, under the secret. All inputs have one length, so none is
 * the beginning of another. */
static apr_status_t blind(const struct outside_store *store, char use, const unsigned char *bytes,
                          unsigned char out[TA_SHA256_LEN])
{
    unsigned char input[TA_KEY_LEN + 1 + TA_STORE_KEY_LEN];
    apr_status_t rv;

    memcpy(input, store->names_key, TA_KEY_LEN);
    input[TA_KEY_LEN] = (unsigned char)use;
    memcpy(input + TA_KEY_LEN + 1, bytes, TA_STORE_KEY_LEN);
    rv = ta_secret_sha256(input, sizeof(input), out);
    ta_secret_wipe(input, sizeof(input));
    return rv;
}

/* The name of a key in a room: of a record ('r'), a claim ('c') or a stamp ('s'). */
static apr_status_t make_name(const struct outside_store *store, char room,
                              const unsigned char *key, char name[TA_OUTSIDE_NAME_LEN + 1])
{
    unsigned char hash[TA_SHA256_LEN];
    apr_status_t rv = blind(store, room, key, hash);

    write_hex(name, hash, sizeof(hash));
    return rv;
}

/* The name of the stamp of a user and a session at the provider together; a login without a sid
 * has one too. */
static apr_status_t make_pair_name(const struct outside_store *store, const unsigned char *subject,
                                   const unsigned char *sid, char name[TA_OUTSIDE_NAME_LEN + 1])
{
    unsigned char both[2 * TA_STORE_KEY_LEN], hash[TA_SHA256_LEN];
    apr_status_t rv;

    memcpy(both, subject, TA_STORE_KEY_LEN);
    memcpy(both + TA_STORE_KEY_LEN, sid, TA_STORE_KEY_LEN);
    rv = ta_secret_sha256(both, sizeof(both), hash);
    return rv == APR_SUCCESS ? make_name(store, 'p', hash, name) : rv;
}

/* The version of a record: a hash of all its bytes, which only the secret makes. */
static apr_status_t make_version(const struct outside_store *store, ta_bytes record,
                                 char version[TA_OUTSIDE_VERSION_LEN + 1])
{
    unsigned char digest[TA_SHA256_LEN], hash[TA_SHA256_LEN];
    apr_status_t rv = ta_secret_sha256(record.data, record.len, digest);

    if (rv == APR_SUCCESS) {
        rv = blind(store, 'v', digest, hash);
    }
    if (rv == APR_SUCCESS) {
        write_hex(version, hash, TA_OUTSIDE_VERSION_LEN / 2);
    }
    return rv;
}

/* The part that can be read, as a string. */
static apr_status_t make_head(const struct outside_store *store, ta_bytes bytes,
                              char head[TA_OUTSIDE_HEAD_LEN + 1])
{
    const unsigned char *parent = ta_record_parent(bytes);
    ta_record record;
    apr_status_t rv = ta_record_read(bytes, &record);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    memset(head, '0', TA_OUTSIDE_HEAD_LEN);
    memcpy(head, MAGIC, strlen(MAGIC));
    head[TA_OUTSIDE_KIND_AT] = parent ? 'c' : 'l';
    rv = make_version(store, bytes, head + TA_OUTSIDE_VERSION_AT);
    if (rv == APR_SUCCESS && parent) {
        rv = make_name(store, 'r', parent, head + TA_OUTSIDE_LINK_AT);
        head[TA_OUTSIDE_LINK2_AT] = '0'; /* where the NUL of the link before is */
    } else if (rv == APR_SUCCESS) {
        rv = make_name(store, 's', record.subject_index, head + TA_OUTSIDE_LINK_AT);
        if (rv == APR_SUCCESS) {
            rv = make_name(store, 's', record.sid_index, head + TA_OUTSIDE_LINK2_AT);
        }
        if (rv == APR_SUCCESS) {
            rv = make_pair_name(store, record.subject_index, record.sid_index,
                                head + TA_OUTSIDE_LINK3_AT);
        }
    }
    head[TA_OUTSIDE_HEAD_LEN] = '\0';
    return rv;
}

static apr_status_t close_value(const struct outside_store *store, apr_pool_t *p, const char *name,
                                const unsigned char *key, ta_bytes record, ta_bytes *value)
{
    char head[TA_OUTSIDE_HEAD_LEN + 1];
    unsigned char *plain, *whole;
    ta_bytes sealed;
    apr_status_t rv;

    if (record.len > TA_STORE_RECORD_BYTES) {
        return APR_ENOSPC;
    }
    rv = make_head(store, record, head);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    plain = apr_palloc(p, TA_STORE_KEY_LEN + record.len);
    memcpy(plain, key, TA_STORE_KEY_LEN);
    memcpy(plain + TA_STORE_KEY_LEN, record.data, record.len);
    rv = ta_seal_bytes(p, &store->key, TA_SEAL_RECORD, apr_pstrcat(p, name, head, NULL),
                       (ta_bytes){plain, TA_STORE_KEY_LEN + record.len}, &sealed);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    whole = apr_palloc(p, TA_OUTSIDE_HEAD_LEN + sealed.len);
    memcpy(whole, head, TA_OUTSIDE_HEAD_LEN);
    memcpy(whole + TA_OUTSIDE_HEAD_LEN, sealed.data, sealed.len);
    *value = (ta_bytes){whole, TA_OUTSIDE_HEAD_LEN + sealed.len};
    return APR_SUCCESS;
}

/* What was changed, or sealed with another secret, is no record of ours: APR_NOTFOUND. */
static apr_status_t open_value(const struct outside_store *store, apr_pool_t *p, const char *name,
                               ta_bytes value, ta_bytes *plain)
{
    const char *context;

    if (value.len <= TA_OUTSIDE_HEAD_LEN || memcmp(value.data, MAGIC, strlen(MAGIC)) != 0 ||
        memchr(value.data, '\0', TA_OUTSIDE_HEAD_LEN)) {
        return APR_NOTFOUND;
    }
    context = apr_pstrcat(p, name, apr_pstrmemdup(p, (const char *)value.data, TA_OUTSIDE_HEAD_LEN),
                          NULL);
    if (ta_seal_open_bytes(
            p, &store->key, TA_SEAL_RECORD, context,
            (ta_bytes){value.data + TA_OUTSIDE_HEAD_LEN, value.len - TA_OUTSIDE_HEAD_LEN},
            plain) != APR_SUCCESS ||
        plain->len < TA_STORE_KEY_LEN) {
        return APR_NOTFOUND;
    }
    return APR_SUCCESS;
}

/* The record alone. Its key needs no look: the name, to which it was sealed, is made of it. */
static apr_status_t open_record(const struct outside_store *store, apr_pool_t *p, const char *name,
                                ta_bytes value, ta_bytes *record)
{
    apr_status_t rv = open_value(store, p, name, value, record);

    if (rv == APR_SUCCESS) {
        record->data += TA_STORE_KEY_LEN;
        record->len -= TA_STORE_KEY_LEN;
    }
    return rv;
}

/* A stamp that cannot be read is an error: what it said is not known. */
static apr_status_t read_stamp(apr_pool_t *p, ta_bytes stamp, apr_int64_t *time)
{
    const char *text;
    char *end;

    *time = 0;
    if (!stamp.data) {
        return APR_SUCCESS;
    }
    if (stamp.len == 0 || stamp.len >= STAMP_BYTES) {
        return APR_EGENERAL;
    }
    text = apr_pstrmemdup(p, (const char *)stamp.data, stamp.len);
    *time = apr_strtoi64(text, &end, 10);
    return *end || *time < 0 ? APR_EGENERAL : APR_SUCCESS;
}

/* Whether a login was ended by a stamp: APR_SUCCESS while it was not. */
static apr_status_t check_stamps(apr_pool_t *p, ta_bytes login, const ta_outside_bundle *bundle)
{
    ta_record record;

    if (ta_record_read(login, &record) != APR_SUCCESS) {
        return APR_NOTFOUND;
    }
    for (int i = 0; i < TA_OUTSIDE_STAMPS; i++) {
        apr_int64_t time;
        apr_status_t rv = read_stamp(p, bundle->stamps[i], &time);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (record.created <= time) {
            return APR_NOTFOUND;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t load(void *context, apr_pool_t *p, const unsigned char *key,
                         apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    const struct outside_store *store = context;
    char name[TA_OUTSIDE_NAME_LEN + 1];
    ta_outside_bundle bundle = {.value = {NULL, 0}};
    const unsigned char *parent_key;
    ta_bytes login;
    apr_status_t rv = make_name(store, 'r', key, name);

    (void)version;
    if (rv == APR_SUCCESS) {
        rv = store->cache->fetch(store->cache->context, p, name, &bundle);
    }
    if (rv == APR_SUCCESS) {
        rv = open_record(store, p, name, bundle.value, record);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    login = *record;
    parent_key = ta_record_parent(*record);
    if (parent_key) {
        if (!bundle.parent.data) {
            return APR_NOTFOUND;
        }
        rv = make_name(store, 'r', parent_key, name);
        if (rv == APR_SUCCESS) {
            rv = open_record(store, p, name, bundle.parent, &login);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = check_stamps(p, login, &bundle);
    }
    if (parent) {
        *parent = parent_key ? login : (ta_bytes){NULL, 0};
    }
    return rv;
}

static int is_none(const unsigned char *index)
{
    static const unsigned char none[TA_STORE_KEY_LEN];

    return memcmp(index, none, sizeof(none)) == 0;
}

/* Makes the stamp of a login's session at the provider, before there is a login with it: so who
 * only guesses a sid finds none, and leaves none behind. before is what the login was; or empty */
static apr_status_t announce(const struct outside_store *store, apr_pool_t *tmp, ta_bytes before,
                             ta_bytes bytes)
{
    char name[TA_OUTSIDE_NAME_LEN + 1];
    ta_record record, old;
    ta_outside_stamp first = {.time = 0};
    apr_status_t rv;

    if (ta_record_read(bytes, &record) != APR_SUCCESS || is_none(record.sid_index) ||
        (before.data && ta_record_read(before, &old) == APR_SUCCESS &&
         memcmp(old.sid_index, record.sid_index, TA_STORE_KEY_LEN) == 0)) {
        return APR_SUCCESS;
    }
    /* from now on, not from an old login: what ended by this stamp may be younger. A sid comes only
     * from the provider, so this is when it was asked last */
    first.expiry = (record.checked > record.created ? record.checked : record.created) +
                   store->lifetime + SLACK;
    rv = make_name(store, 's', record.sid_index, name);
    return rv == APR_SUCCESS ? store->cache->stamp(store->cache->context, tmp, name, &first) : rv;
}

static apr_status_t save(void *context, apr_pool_t *tmp, const unsigned char *key, ta_bytes record,
                         apr_int64_t expiry)
{
    const struct outside_store *store = context;
    char name[TA_OUTSIDE_NAME_LEN + 1];
    ta_bytes value = {NULL, 0};
    apr_status_t rv = make_name(store, 'r', key, name);

    if (rv == APR_SUCCESS) {
        rv = close_value(store, tmp, name, key, record, &value);
    }
    if (rv == APR_SUCCESS) {
        rv = announce(store, tmp, (ta_bytes){NULL, 0}, record);
    }
    return rv == APR_SUCCESS ? store->cache->put(store->cache->context, tmp, name, value, expiry)
                             : rv;
}

static apr_status_t replace(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry)
{
    const struct outside_store *store = context;
    char name[TA_OUTSIDE_NAME_LEN + 1], version[TA_OUTSIDE_VERSION_LEN + 1];
    ta_bytes value = {NULL, 0};
    apr_status_t rv = make_name(store, 'r', key, name);

    if (rv == APR_SUCCESS) {
        rv = make_version(store, expected, version);
    }
    if (rv == APR_SUCCESS) {
        rv = close_value(store, tmp, name, key, record, &value);
    }
    if (rv == APR_SUCCESS) {
        rv = announce(store, tmp, expected, record);
    }
    return rv == APR_SUCCESS
               ? store->cache->put_over(store->cache->context, tmp, name, version, value, expiry)
               : rv;
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    const struct outside_store *store = context;
    char name[TA_OUTSIDE_NAME_LEN + 1];
    apr_status_t rv = make_name(store, 'r', key, name);

    return rv == APR_SUCCESS ? store->cache->remove(store->cache->context, tmp, name) : rv;
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const unsigned char *key,
                          apr_int64_t expiry)
{
    const struct outside_store *store = context;
    char name[TA_OUTSIDE_NAME_LEN + 1], token[2 * TOKEN_BYTES + 1];
    unsigned char random[TOKEN_BYTES];
    apr_status_t rv = make_name(store, 'c', key, name);

    if (rv == APR_SUCCESS) {
        rv = ta_secret_random(random, sizeof(random));
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    write_hex(token, random, sizeof(random));
    return store->cache->claim(store->cache->context, tmp, name, token, expiry);
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    const struct outside_store *store = context;
    char name[TA_OUTSIDE_NAME_LEN + 1];
    apr_status_t rv = make_name(store, 'c', key, name);

    return rv == APR_SUCCESS ? store->cache->check_claim(store->cache->context, tmp, name) : rv;
}

/* The stamps that end whom is meant. @return how many; -1 when OpenSSL fails */
static int name_stamps(const struct outside_store *store, const ta_store_ending *ending,
                       char names[2][TA_OUTSIDE_NAME_LEN + 1])
{
    static const unsigned char none[TA_STORE_KEY_LEN];
    int of_user = !is_none(ending->subject);
    int of_sid = !is_none(ending->sid);

    if (of_user && of_sid) {
        return make_pair_name(store, ending->subject, ending->sid, names[0]) == APR_SUCCESS &&
                       make_pair_name(store, ending->subject, none, names[1]) == APR_SUCCESS
                   ? 2
                   : -1;
    }
    if (!of_user && !of_sid) {
        return 0; /* the zeros of a login without an index are nobody's */
    }
    return make_name(store, 's', of_user ? ending->subject : ending->sid, names[0]) == APR_SUCCESS
               ? 1
               : -1;
}

static apr_status_t end_all(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                            int *count)
{
    const struct outside_store *store = context;
    const ta_outside_stamp stamp = {.time = ending->before,
                                    .expiry = ending->before + store->lifetime + SLACK,
                                    .only_known = ending->is_guess};
    char names[2][TA_OUTSIDE_NAME_LEN + 1];
    int stamps = name_stamps(store, ending, names);
    apr_status_t rv = stamps < 0 ? APR_EGENERAL : APR_SUCCESS;

    *count = stamps ? -1 : 0;
    for (int i = 0; i < stamps && rv == APR_SUCCESS; i++) {
        rv = store->cache->stamp(store->cache->context, tmp, names[i], &stamp);
    }
    if (rv == APR_NOTFOUND) {
        *count = 0;
        return APR_SUCCESS;
    }
    return rv;
}

struct visitor {
    const struct outside_store *store;
    apr_pool_t *pool; /* cleared after each record */
    ta_store_visit visit;
    void *context;
};

/* A record that is no session any more is passed over. */
static apr_status_t visit_record(void *context, const char *name, const ta_outside_bundle *bundle)
{
    struct visitor *visitor = context;
    const struct outside_store *store = visitor->store;
    char parent_name[TA_OUTSIDE_NAME_LEN + 1];
    ta_bytes plain, record, parent;
    const unsigned char *parent_key;
    apr_status_t rv = open_value(store, visitor->pool, name, bundle->value, &plain);

    if (rv != APR_SUCCESS) {
        apr_pool_clear(visitor->pool);
        return APR_SUCCESS;
    }
    record = (ta_bytes){plain.data + TA_STORE_KEY_LEN, plain.len - TA_STORE_KEY_LEN};
    parent = record;
    parent_key = ta_record_parent(record);
    if (parent_key) {
        rv = make_name(store, 'r', parent_key, parent_name);
        if (rv == APR_SUCCESS) {
            rv = open_record(store, visitor->pool, parent_name, bundle->parent, &parent);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = check_stamps(visitor->pool, parent, bundle);
    }
    rv = rv == APR_SUCCESS    ? visitor->visit(visitor->context, plain.data, record)
         : rv == APR_NOTFOUND ? APR_SUCCESS
                              : rv;
    apr_pool_clear(visitor->pool);
    return rv;
}

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit visit,
                            void *visit_context)
{
    const struct outside_store *store = context;
    struct visitor visitor = {.store = store, .visit = visit, .context = visit_context};
    apr_status_t rv = apr_pool_create(&visitor.pool, tmp);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = store->cache->iterate(store->cache->context, tmp, visit_record, &visitor);
    apr_pool_destroy(visitor.pool);
    return rv;
}

apr_status_t ta_outside_store_make(apr_pool_t *p, const ta_cache *cache, const ta_seal_key *key,
                                   apr_int64_t lifetime, ta_store **result)
{
    struct outside_store *store = apr_pcalloc(p, sizeof(*store));

    store->cache = cache;
    store->key = *key;
    store->lifetime = lifetime;
    store->port = (ta_store){
        .load = load,
        .save = save,
        .replace = replace,
        .remove = remove_record,
        .claim = claim,
        .check_claim = check_claim,
        .end_all = end_all,
        .iterate = cache->iterate ? iterate : NULL,
        .claims_everywhere = cache->claims_everywhere,
        .context = store,
    };
    *result = &store->port;
    return ta_secret_derive(key->bytes, sizeof(key->bytes), "tinyauth outside names",
                            store->names_key);
}
