/*
 * A cache in memory: what redis_cache.c and memcache_cache.c do with a server.
 */
#include "outside_scene.h"

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

static const ta_bytes *look(const outside_scene *m, char room, const char *name)
{
    return apr_hash_get(m->values, apr_psprintf(m->pool, "%c%s", room, name), APR_HASH_KEY_STRING);
}

static void keep(outside_scene *m, char room, const char *name, ta_bytes value, apr_int64_t expiry)
{
    const char *full = apr_psprintf(m->pool, "%c%s", room, name);
    ta_bytes *kept = apr_palloc(m->pool, sizeof(*kept));

    kept->data = apr_pmemdup(m->pool, value.data, value.len);
    kept->len = value.len;
    apr_hash_set(m->values, full, APR_HASH_KEY_STRING, kept);
    apr_hash_set(m->expiry, full, APR_HASH_KEY_STRING,
                 apr_pmemdup(m->pool, &expiry, sizeof(expiry)));
}

static const char *link_at(const outside_scene *m, const ta_bytes *value, int at)
{
    return apr_pstrmemdup(m->pool, (const char *)value->data + at, TA_OUTSIDE_NAME_LEN);
}

static void fill(const outside_scene *m, const ta_bytes *value, ta_outside_bundle *bundle)
{
    const ta_bytes *login = value;

    bundle->value = *value;
    if (value->len > TA_OUTSIDE_HEAD_LEN && value->data[TA_OUTSIDE_KIND_AT] == 'c') {
        login = look(m, 'r', link_at(m, value, TA_OUTSIDE_LINK_AT));
        bundle->parent = login ? *login : (ta_bytes){NULL, 0};
    }
    for (int i = 0; i < TA_OUTSIDE_STAMPS && login && login->len > TA_OUTSIDE_HEAD_LEN; i++) {
        static const int links[] = {TA_OUTSIDE_LINK_AT, TA_OUTSIDE_LINK2_AT, TA_OUTSIDE_LINK3_AT};
        const ta_bytes *stamp = look(m, 's', link_at(m, login, links[i]));

        bundle->stamps[i] = stamp ? *stamp : (ta_bytes){NULL, 0};
    }
}

static apr_status_t fetch(void *context, apr_pool_t *p, const char *name, ta_outside_bundle *bundle)
{
    const outside_scene *m = context;
    const ta_bytes *value = look(m, 'r', name);

    (void)p;
    if (m->status != APR_SUCCESS || !value) {
        return m->status != APR_SUCCESS ? m->status : APR_NOTFOUND;
    }
    fill(m, value, bundle);
    return APR_SUCCESS;
}

static apr_status_t put(void *context, apr_pool_t *tmp, const char *name, ta_bytes value,
                        apr_int64_t expiry)
{
    outside_scene *m = context;

    (void)tmp;
    if (m->status == APR_SUCCESS) {
        keep(m, 'r', name, value, expiry);
    }
    return m->status;
}

static apr_status_t put_over(void *context, apr_pool_t *tmp, const char *name, const char *version,
                             ta_bytes value, apr_int64_t expiry)
{
    const ta_bytes *found = look(context, 'r', name);

    assert_int_equal(strlen(version), TA_OUTSIDE_VERSION_LEN);
    if (!found ||
        memcmp(found->data + TA_OUTSIDE_VERSION_AT, version, TA_OUTSIDE_VERSION_LEN) != 0) {
        return APR_EAGAIN;
    }
    return put(context, tmp, name, value, expiry);
}

static apr_status_t drop(void *context, apr_pool_t *tmp, const char *name)
{
    outside_scene *m = context;

    if (m->status == APR_SUCCESS) {
        apr_hash_set(m->values, apr_pstrcat(tmp, "r", name, NULL), APR_HASH_KEY_STRING, NULL);
    }
    return m->status;
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const char *name, const char *token,
                          apr_int64_t expiry)
{
    outside_scene *m = context;

    (void)tmp;
    if (m->status == APR_SUCCESS && look(m, 'c', name)) {
        return APR_EEXIST;
    }
    keep(m, 'c', name, (ta_bytes){(const unsigned char *)token, strlen(token)}, expiry);
    return m->status;
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const char *name)
{
    const outside_scene *m = context;

    (void)tmp;
    return m->status == APR_SUCCESS && look(m, 'c', name) ? APR_EEXIST : m->status;
}

static apr_status_t stamp(void *context, apr_pool_t *tmp, const char *name,
                          const ta_outside_stamp *given)
{
    outside_scene *m = context;
    const ta_bytes *found = look(m, 's', name);
    const char *text = apr_psprintf(tmp, "%" APR_INT64_T_FMT, given->time);

    if (m->status == APR_SUCCESS && given->only_known && !found) {
        return APR_NOTFOUND;
    }
    if (found &&
        apr_atoi64(apr_pstrmemdup(tmp, (const char *)found->data, found->len)) > given->time) {
        text = apr_pstrmemdup(tmp, (const char *)found->data, found->len);
    }
    if (m->status == APR_SUCCESS) {
        keep(m, 's', name, (ta_bytes){(const unsigned char *)text, strlen(text)}, given->expiry);
    }
    return m->status;
}

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_outside_visit visit,
                            void *visit_context)
{
    const outside_scene *m = context;
    apr_status_t rv = m->status;

    for (apr_hash_index_t *at = apr_hash_first(tmp, m->values); at && rv == APR_SUCCESS;
         at = apr_hash_next(at)) {
        const char *name = apr_hash_this_key(at);
        ta_outside_bundle bundle = {.value = {NULL, 0}};

        if (*name == 'r') {
            fill(m, apr_hash_this_val(at), &bundle);
            rv = visit(visit_context, name + 1, &bundle);
        }
    }
    return rv;
}

int outside_scene_begin(void **state)
{
    (void)state;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

int outside_scene_setup(void **state)
{
    apr_pool_t *p;
    outside_scene *m;

    apr_pool_create(&p, NULL);
    m = apr_pcalloc(p, sizeof(*m));
    m->pool = p;
    m->values = apr_hash_make(p);
    m->expiry = apr_hash_make(p);
    m->port = (ta_cache){
        .fetch = fetch,
        .put = put,
        .put_over = put_over,
        .remove = drop,
        .claim = claim,
        .check_claim = check_claim,
        .stamp = stamp,
        .iterate = iterate,
        .claims_everywhere = 1,
        .context = m,
    };
    memset(m->key.bytes, 7, sizeof(m->key.bytes));
    assert_int_equal(ta_outside_store_make(p, &m->port, &m->key, LIFETIME, &m->store), APR_SUCCESS);
    *state = m;
    return 0;
}

int outside_scene_teardown(void **state)
{
    apr_pool_destroy(((outside_scene *)*state)->pool);
    return 0;
}

const unsigned char *outside_scene_key(const outside_scene *m, int byte)
{
    return memset(apr_palloc(m->pool, TA_STORE_KEY_LEN), byte, TA_STORE_KEY_LEN);
}

ta_bytes outside_scene_record(const outside_scene *m, int parent, apr_int64_t created)
{
    ta_record record = {.created = created, .last_used = created};
    ta_bytes bytes;

    if (parent) {
        record.flags = TA_RECORD_HAS_PARENT;
        memcpy(record.parent, outside_scene_key(m, parent), TA_STORE_KEY_LEN);
    } else {
        memcpy(record.subject_index, outside_scene_key(m, 'U'), TA_STORE_KEY_LEN);
        memcpy(record.sid_index, outside_scene_key(m, 'S'), TA_STORE_KEY_LEN);
    }
    ta_record_set_text(&record, TA_RECORD_USER, USER);
    assert_int_equal(ta_record_write(m->pool, &record, &bytes), APR_SUCCESS);
    return bytes;
}

void outside_scene_save(outside_scene *m, int at, ta_bytes record)
{
    assert_int_equal(
        m->store->save(m->store->context, m->pool, outside_scene_key(m, at), record, NOW + 100),
        APR_SUCCESS);
}

apr_status_t outside_scene_load(const outside_scene *m, int at, ta_bytes *record, ta_bytes *parent)
{
    return m->store->load(m->store->context, m->pool, outside_scene_key(m, at), NULL, record,
                          parent);
}

apr_status_t outside_scene_load_only(const outside_scene *m, int at)
{
    ta_bytes record, parent;

    return outside_scene_load(m, at, &record, &parent);
}

apr_status_t outside_scene_replace(const outside_scene *m, int at, ta_bytes expected,
                                   ta_bytes record)
{
    return m->store->replace(m->store->context, m->pool, outside_scene_key(m, at), expected, record,
                             NOW + 200);
}

apr_status_t outside_scene_end_both(const outside_scene *m, int subject, int sid, apr_int64_t now,
                                    int *count)
{
    ta_store_ending ending = {.before = now};

    memcpy(ending.subject, outside_scene_key(m, subject), TA_STORE_KEY_LEN);
    memcpy(ending.sid, outside_scene_key(m, sid), TA_STORE_KEY_LEN);
    return m->store->end_all(m->store->context, m->pool, &ending, count);
}

apr_status_t outside_scene_end_all(const outside_scene *m, int index, apr_int64_t now, int *count)
{
    return index == 'S' ? outside_scene_end_both(m, 0, index, now, count)
                        : outside_scene_end_both(m, index, 0, now, count);
}

apr_status_t outside_scene_claim(const outside_scene *m, int at)
{
    return m->store->claim(m->store->context, m->pool, outside_scene_key(m, at), NOW + 60);
}

apr_status_t outside_scene_check_claim(const outside_scene *m, int at)
{
    return m->store->check_claim(m->store->context, m->pool, outside_scene_key(m, at));
}

ta_bytes *outside_scene_value(const outside_scene *m, char room, int number)
{
    for (apr_hash_index_t *at = apr_hash_first(m->pool, m->values); at; at = apr_hash_next(at)) {
        if (*(const char *)apr_hash_this_key(at) == room && number-- == 0) {
            return apr_hash_this_val(at);
        }
    }
    fail_msg("there is no such value");
    return NULL;
}
