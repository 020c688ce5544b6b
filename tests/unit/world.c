/*
 * The world's server side: its sites, its store and its log.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#define SECRET_BYTES 16 /* a shorter text may stand in a line by chance */

static apr_status_t free_block(void *block)
{
    free(block);
    return APR_SUCCESS;
}

ta_bytes world_foreign_bytes(apr_pool_t *p, ta_bytes bytes)
{
    unsigned char *copy = malloc(bytes.len ? bytes.len : 1);

    assert_non_null(copy);
    if (bytes.len) {
        memcpy(copy, bytes.data, bytes.len);
    }
    apr_pool_cleanup_register(p, copy, free_block, apr_pool_cleanup_null);
    return (ta_bytes){.data = copy, .len = bytes.len};
}

const char *world_foreign(apr_pool_t *p, const char *text)
{
    ta_bytes bytes = {.data = (const unsigned char *)text, .len = text ? strlen(text) + 1 : 0};

    return text ? (const char *)world_foreign_bytes(p, bytes).data : NULL;
}

const char *world_quotes(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);

    for (char *c = copy; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

ta_bytes world_row(apr_pool_t *p, const char *strings, apr_size_t len)
{
    const char *copy = apr_pstrmemdup(p, strings, len);
    ta_bytes row;
    ta_text out;

    ta_text_init(&out, p, TA_STORE_RECORD_BYTES);
    for (const char *at = copy; at < copy + len; at += strlen(at) + 1) {
        ta_record_add(&out, at);
    }
    assert_false(out.overflowed);
    row = (ta_bytes){(const unsigned char *)out.data, out.len};
    return row;
}

static apr_status_t load(void *context, apr_pool_t *p, const unsigned char *key,
                         apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    const world *w = context;
    const world_record *found = apr_hash_get(w->store.records, key, TA_STORE_KEY_LEN);

    (void)version;
    if (w->store.load_status != APR_SUCCESS) {
        return w->store.load_status;
    }
    if (!found) {
        return APR_NOTFOUND;
    }
    *record = world_foreign_bytes(p, found->bytes);
    if (!parent) {
        return APR_SUCCESS;
    }
    *parent = (ta_bytes){NULL, 0};
    key = ta_record_parent(*record);
    return key ? load(context, p, key, NULL, parent, NULL) : APR_SUCCESS;
}

static void put(world *w, const unsigned char *key, ta_bytes bytes, apr_int64_t expiry)
{
    world_record *record = apr_palloc(w->pool, sizeof(*record));

    record->bytes.data = apr_pmemdup(w->pool, bytes.data, bytes.len);
    record->bytes.len = bytes.len;
    record->expiry = expiry;
    apr_hash_set(w->store.records, apr_pmemdup(w->pool, key, TA_STORE_KEY_LEN), TA_STORE_KEY_LEN,
                 record);
}

static apr_status_t save(void *context, apr_pool_t *tmp, const unsigned char *key, ta_bytes record,
                         apr_int64_t expiry)
{
    world *w = context;

    (void)tmp;
    w->store.saves++;
    if (w->store.save_status == APR_SUCCESS) {
        assert_null(apr_hash_get(w->store.records, key, TA_STORE_KEY_LEN));
        assert_true(expiry > w->now);
        put(w, key, record, expiry);
    }
    return w->store.save_status;
}

static apr_status_t replace(void *context, apr_pool_t *tmp, const unsigned char *key,
                            ta_bytes expected, ta_bytes record, apr_int64_t expiry)
{
    world *w = context;
    const world_record *found = apr_hash_get(w->store.records, key, TA_STORE_KEY_LEN);

    (void)tmp;
    w->store.replaces++;
    if (w->store.replace_status != APR_SUCCESS) {
        return w->store.replace_status;
    }
    if (!found || found->bytes.len != expected.len ||
        memcmp(found->bytes.data, expected.data, expected.len) != 0) {
        return APR_EAGAIN;
    }
    w->store.replaced++;
    put(w, key, record, expiry);
    return APR_SUCCESS;
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    world *w = context;

    (void)tmp;
    if (w->store.remove_status == APR_SUCCESS) {
        apr_hash_set(w->store.records, key, TA_STORE_KEY_LEN, NULL);
    }
    return w->store.remove_status;
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const unsigned char *key,
                          apr_int64_t expiry)
{
    world *w = context;
    const apr_int64_t *taken = apr_hash_get(w->store.claims, key, TA_STORE_KEY_LEN);

    (void)tmp;
    if (w->store.claim_status != APR_SUCCESS) {
        return w->store.claim_status;
    }
    if (taken && *taken > w->now) {
        return APR_EEXIST;
    }
    assert_true(expiry > w->now);
    apr_hash_set(w->store.claims, apr_pmemdup(w->pool, key, TA_STORE_KEY_LEN), TA_STORE_KEY_LEN,
                 apr_pmemdup(w->pool, &expiry, sizeof(expiry)));
    return APR_SUCCESS;
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    world *w = context;
    const apr_int64_t *taken = apr_hash_get(w->store.claims, key, TA_STORE_KEY_LEN);

    (void)tmp;
    if (w->store.claim_status != APR_SUCCESS) {
        return w->store.claim_status;
    }
    return taken && *taken > w->now ? APR_EEXIST : APR_SUCCESS;
}

static apr_status_t end_all(void *context, apr_pool_t *tmp, const ta_store_ending *ending,
                            int *count)
{
    world *w = context;

    *count = 0;
    if (w->store.remove_status != APR_SUCCESS) {
        return w->store.remove_status;
    }
    for (apr_hash_index_t *at = apr_hash_first(tmp, w->store.records); at; at = apr_hash_next(at)) {
        const world_record *found = apr_hash_this_val(at);
        ta_record record;

        if (ta_record_is_meant(found->bytes, ending) &&
            ta_record_read(found->bytes, &record) == APR_SUCCESS &&
            record.created <= ending->before) {
            const void *key = apr_hash_this_key(at);

            apr_hash_set(w->store.records, key, TA_STORE_KEY_LEN, NULL);
            ++*count;
            if (ending->ended) {
                ending->ended(ending->context, key, found->bytes);
            }
        }
    }
    return APR_SUCCESS;
}

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit call,
                            void *visit_context)
{
    world *w = context;
    apr_status_t rv = w->store.load_status;

    for (apr_hash_index_t *at = apr_hash_first(tmp, w->store.records); at && rv == APR_SUCCESS;
         at = apr_hash_next(at)) {
        const world_record *found = apr_hash_this_val(at);

        rv = call(visit_context, apr_hash_this_key(at), found->bytes);
    }
    return rv;
}

static void write_line(void *context, ta_log_level level, apr_status_t status, const char *message)
{
    world *w = context;

    (void)status;
    APR_ARRAY_PUSH(w->lines, world_line) =
        (world_line){.level = level, .text = apr_pstrdup(w->pool, message)};
}

/* An event is valid while it is told. */
static void keep_event(void *context, const ta_event *event)
{
    world *w = context;
    ta_event *kept = apr_array_push(w->told);

    *kept = *event;
    kept->provider = apr_pstrdup(w->pool, event->provider);
    kept->user = apr_pstrdup(w->pool, event->user);
    kept->sub = apr_pstrdup(w->pool, event->sub);
    if (event->login_key) {
        kept->login_key = apr_pmemdup(w->pool, event->login_key, TA_STORE_KEY_LEN);
    }
    if (event->before) {
        kept->before = apr_pmemdup(w->pool, event->before, sizeof(*event->before));
        kept->after = apr_pmemdup(w->pool, event->after, sizeof(*event->after));
    }
}

int world_has_told(const world *w, ta_event_kind kind)
{
    int count = 0;

    for (int i = 0; i < w->told->nelts; i++) {
        count += APR_ARRAY_IDX(w->told, i, ta_event).kind == kind;
    }
    return count;
}

const ta_event *world_last_told(const world *w, ta_event_kind kind)
{
    for (int i = w->told->nelts - 1; i >= 0; i--) {
        if (APR_ARRAY_IDX(w->told, i, ta_event).kind == kind) {
            return &APR_ARRAY_IDX(w->told, i, ta_event);
        }
    }
    fail_msg("no event %s was told", ta_event_kind_name(kind));
    return NULL;
}

int world_has_logged(const world *w, const char *text)
{
    for (int i = 0; i < w->lines->nelts; i++) {
        if (strstr(APR_ARRAY_IDX(w->lines, i, world_line).text, text)) {
            return 1;
        }
    }
    return 0;
}

void world_keep_secret(world *w, const char *text)
{
    if (text && strlen(text) >= SECRET_BYTES) {
        APR_ARRAY_PUSH(w->secrets, const char *) = apr_pstrdup(w->pool, text);
    }
}

/* No token, code, verifier, state or cookie in any line; and each line has its tag. */
static void check_lines(const world *w)
{
    for (int i = 0; i < w->lines->nelts; i++) {
        const char *line = APR_ARRAY_IDX(w->lines, i, world_line).text;

        assert_true(strncmp(line, "TA0", 3) == 0 && line[6] == ':');
        assert_null(strpbrk(line, "\r\n"));
        for (int j = 0; j < w->secrets->nelts; j++) {
            assert_lacks(line, APR_ARRAY_IDX(w->secrets, j, const char *));
        }
    }
}

unsigned world_records(const world *w)
{
    return apr_hash_count(w->store.records);
}

world_record *world_only_record(const world *w)
{
    void *record;

    assert_int_equal(world_records(w), 1);
    apr_hash_this(apr_hash_first(w->pool, w->store.records), NULL, NULL, &record);
    return record;
}

ta_provider *world_add_provider(world *w, const char *id, const char *issuer)
{
    ta_provider *provider = apr_pcalloc(w->pool, sizeof(*provider));
    world_op *op = world_op_make(w, issuer);

    provider->id = id;
    provider->name = apr_pstrcat(w->pool, "The ", id, NULL);
    provider->issuer = issuer;
    provider->client_id = op->client_id;
    provider->client_secret = op->client_secret;
    provider->scopes = "openid email profile groups";
    assert_int_equal(ta_provider_finish(w->pool, provider), APR_SUCCESS);
    APR_ARRAY_PUSH(w->providers, ta_provider *) = provider;
    return provider;
}

world_op *world_find_op(const world *w, const char *url)
{
    for (int i = 0; i < w->ops->nelts; i++) {
        world_op *op = APR_ARRAY_IDX(w->ops, i, world_op *);
        apr_size_t len = strlen(op->base);

        if (strncmp(url, op->base, len) == 0 && url[len] == '/') {
            return op;
        }
    }
    return NULL;
}

world_site *world_add_site(world *w, const char *origin, const char *app_origin)
{
    world_site *added = apr_pcalloc(w->pool, sizeof(*added));

    added->origin = origin;
    added->site.providers = w->providers;
    added->site.app_origin = app_origin;
    added->site.path = "/tinyauth";
    added->site.title = "Tinyauth";
    added->site.contact = "admin@example.com";
    added->site.lifetime = (ta_lifetime){.idle = 86400, .absolute = 604800};
    added->site.key = w->key;
    APR_ARRAY_PUSH(w->sites, world_site *) = added;
    return added;
}

world_site *world_find_site(const world *w, const char *origin)
{
    for (int i = 0; i < w->sites->nelts; i++) {
        world_site *each = APR_ARRAY_IDX(w->sites, i, world_site *);

        if (strcmp(each->origin, origin) == 0) {
            return each;
        }
    }
    return NULL;
}

void world_set_whitelist(world *w, world_site *at, const char *list)
{
    ta_filter *filter = ta_filter_make(w->pool, NULL);

    assert_null(ta_filter_add_list(w->pool, filter, list));
    at->site.whitelist = filter;
}

void world_restart(world *w)
{
    w->trust = NULL;
}

static world *make(apr_pool_t *p)
{
    world *w = apr_pcalloc(p, sizeof(*w));

    w->pool = p;
    w->now = WORLD_NOW;
    w->sites = apr_array_make(p, 4, sizeof(world_site *));
    w->providers = apr_array_make(p, 4, sizeof(ta_provider *));
    w->ops = apr_array_make(p, 4, sizeof(world_op *));
    w->lines = apr_array_make(p, 16, sizeof(world_line));
    w->secrets = apr_array_make(p, 16, sizeof(const char *));
    w->store.records = apr_hash_make(p);
    w->store.claims = apr_hash_make(p);
    w->told = apr_array_make(p, 16, sizeof(ta_event));
    w->events = (ta_events){.note = keep_event, .context = w};
    w->log = (ta_log){.write = write_line, .context = w};
    w->http = world_http(w);
    w->port = (ta_store){
        .load = load,
        .save = save,
        .replace = replace,
        .remove = remove_record,
        .claim = claim,
        .check_claim = check_claim,
        .end_all = end_all,
        .iterate = iterate,
        .claims_everywhere = 1,
        .context = w,
    };
    assert_int_equal(ta_secret_random(w->key.bytes, sizeof(w->key.bytes)), APR_SUCCESS);
    w->provider = world_add_provider(w, WORLD_ID, WORLD_ISSUER);
    w->op = world_find_op(w, WORLD_ISSUER "/");
    w->app = world_add_site(w, WORLD_APP, NULL);
    return w;
}

int world_begin(void **state)
{
    (void)state;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

int world_end(void **state)
{
    (void)state;
    apr_terminate();
    return 0;
}

int world_setup(void **state)
{
    apr_pool_t *p;

    if (apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return -1;
    }
    *state = make(p);
    return 0;
}

int world_teardown(void **state)
{
    world *w = *state;

    check_lines(w);
    apr_pool_destroy(w->pool);
    return 0;
}
