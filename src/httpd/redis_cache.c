/*
 * What is asked of Redis: for a request one script that fetches all that belongs together, in
 * one round trip; for each change a script that looks and writes in one go. Names are
 *
 *     prefix r:name   a record        prefix c:name   a claim        prefix s:name   a stamp
 */
#include "httpd/redis_cache.h"

#include <string.h>

#include <openssl/evp.h>

#include <apr_strings.h>
#include <apr_time.h>

#define SHA1_TEXT  40
#define BUNDLE_LEN (2 + TA_OUTSIDE_STAMPS) /* values that the script returns for each record */
#define PAGE       32 /* records that are fetched at once when all are listed */
#define SCAN_COUNT "100"
#define WORDS_MAX  (PAGE + 4)

/* Each may run twice with the same arguments, when its answer was lost: what it has done then
 * is found, and counts as done. Places in a value are those of outside_store.h, counted from 1. */
enum { FETCH, PUT_OVER, CLAIM, STAMP, SCRIPTS };

static const char *const sources[SCRIPTS] = {
    [FETCH] = "local out = {}\n"
              "for _, key in ipairs(KEYS) do\n"
              "  local value = redis.call('GET', key)\n"
              "  local parent, login, a, b, c = false, value, false, false, false\n"
              "  if value and string.sub(value, 5, 5) == 'c' then\n"
              "    parent = redis.call('GET', ARGV[1] .. 'r:' .. string.sub(value, 38, 101))\n"
              "    login = parent\n"
              "  end\n"
              "  if login then\n"
              "    a = redis.call('GET', ARGV[1] .. 's:' .. string.sub(login, 38, 101))\n"
              "    b = redis.call('GET', ARGV[1] .. 's:' .. string.sub(login, 102, 165))\n"
              "    c = redis.call('GET', ARGV[1] .. 's:' .. string.sub(login, 166, 229))\n"
              "  end\n"
              "  for _, each in ipairs({value, parent, a, b, c}) do out[#out + 1] = each end\n"
              "end\n"
              "return out\n",
    [PUT_OVER] = "local old = redis.call('GET', KEYS[1])\n"
                 "if old == ARGV[2] then return 1 end\n"
                 "if not old or string.sub(old, 6, 37) ~= ARGV[1] then return 0 end\n"
                 "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
                 "return 1\n",
    [CLAIM] = "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end\n"
              "if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end\n"
              "return 0\n",
    [STAMP] = "local old = redis.call('GET', KEYS[1])\n"
              "if not old and ARGV[3] == '1' then return 0 end\n"
              "local time = tonumber(old or '')\n"
              "if not time or time < tonumber(ARGV[1]) then old = ARGV[1] end\n"
              "redis.call('SET', KEYS[1], old, 'PX', ARGV[2])\n"
              "return 1\n",
};

struct ta_redis_cache {
    ta_cache port;
    ta_redis *redis; /* of this process; set once in each child */
    const char *prefix;
    char hashes[SCRIPTS][SHA1_TEXT + 1]; /* by which the server knows the scripts */
};

static ta_bytes word(const char *text)
{
    return (ta_bytes){(const unsigned char *)text, strlen(text)};
}

static ta_bytes name_of(const ta_redis_cache *cache, apr_pool_t *p, const char *room,
                        const char *name)
{
    return word(apr_pstrcat(p, cache->prefix, room, name, NULL));
}

static ta_bytes milliseconds_until(apr_pool_t *p, apr_int64_t expiry)
{
    apr_int64_t left = expiry * 1000 - apr_time_as_msec(apr_time_now());

    return word(apr_psprintf(p, "%" APR_INT64_T_FMT, left > 0 ? left : 1));
}

/* Runs a script by its hash; a server that was started anew gets its text. The words begin
 * with the number of keys. */
static apr_status_t run(const ta_redis_cache *cache, apr_pool_t *p, int script,
                        const ta_bytes *words, int count, ta_redis_reply **reply)
{
    ta_bytes all[WORDS_MAX];
    apr_status_t rv;

    all[0] = word("EVALSHA");
    all[1] = word(cache->hashes[script]);
    memcpy(all + 2, words, sizeof(*words) * (apr_size_t)count);
    rv = ta_redis_call(cache->redis, p, all, count + 2, reply);
    if (rv == APR_SUCCESS && ta_redis_is_error(*reply, "NOSCRIPT")) {
        all[0] = word("EVAL");
        all[1] = word(sources[script]);
        rv = ta_redis_call(cache->redis, p, all, count + 2, reply);
    }
    return rv;
}

/* Runs a script that says 1 or 0. */
static apr_status_t decide(const ta_redis_cache *cache, apr_pool_t *p, int script,
                           const ta_bytes *words, int count, apr_status_t when_zero)
{
    ta_redis_reply *reply;
    apr_status_t rv = run(cache, p, script, words, count, &reply);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (reply->kind != TA_REDIS_INTEGER) {
        return ta_redis_explain(cache->redis, p, reply);
    }
    return reply->integer == 1 ? APR_SUCCESS : when_zero;
}

/* What the script returned for one record. */
static int read_bundle(const ta_redis_reply *reply, int at, ta_outside_bundle *bundle)
{
    ta_bytes *parts[BUNDLE_LEN] = {&bundle->value, &bundle->parent, &bundle->stamps[0],
                                   &bundle->stamps[1], &bundle->stamps[2]};

    for (int i = 0; i < BUNDLE_LEN; i++) {
        const ta_redis_reply *item = reply->items[at + i];

        if (item->kind != TA_REDIS_BYTES && item->kind != TA_REDIS_NIL) {
            return 0;
        }
        *parts[i] = item->bytes;
    }
    return 1;
}

static apr_status_t fetch_all(const ta_redis_cache *cache, apr_pool_t *p, const ta_bytes *names,
                              int count, ta_redis_reply **reply)
{
    ta_bytes words[WORDS_MAX];
    apr_status_t rv;

    words[0] = word(apr_itoa(p, count));
    memcpy(words + 1, names, sizeof(*names) * (apr_size_t)count);
    words[count + 1] = word(cache->prefix);
    rv = run(cache, p, FETCH, words, count + 2, reply);
    if (rv == APR_SUCCESS &&
        ((*reply)->kind != TA_REDIS_ARRAY || (*reply)->count != count * BUNDLE_LEN)) {
        return ta_redis_explain(cache->redis, p, *reply);
    }
    return rv;
}

static apr_status_t fetch(void *context, apr_pool_t *p, const char *name, ta_outside_bundle *bundle)
{
    const ta_redis_cache *cache = context;
    ta_bytes full = name_of(cache, p, "r:", name);
    ta_redis_reply *reply;
    apr_status_t rv = fetch_all(cache, p, &full, 1, &reply);

    if (rv == APR_SUCCESS && !read_bundle(reply, 0, bundle)) {
        return ta_redis_explain(cache->redis, p, reply);
    }
    return rv == APR_SUCCESS && !bundle->value.data ? APR_NOTFOUND : rv;
}

static apr_status_t put(void *context, apr_pool_t *tmp, const char *name, ta_bytes value,
                        apr_int64_t expiry)
{
    const ta_redis_cache *cache = context;
    ta_bytes words[] = {word("SET"), name_of(cache, tmp, "r:", name), value, word("PX"),
                        milliseconds_until(tmp, expiry)};
    ta_redis_reply *reply;
    apr_status_t rv =
        ta_redis_call(cache->redis, tmp, words, sizeof(words) / sizeof(*words), &reply);

    return rv == APR_SUCCESS && reply->kind != TA_REDIS_STATUS
               ? ta_redis_explain(cache->redis, tmp, reply)
               : rv;
}

static apr_status_t put_over(void *context, apr_pool_t *tmp, const char *name, const char *version,
                             ta_bytes value, apr_int64_t expiry)
{
    const ta_redis_cache *cache = context;
    ta_bytes words[] = {word("1"), name_of(cache, tmp, "r:", name), word(version), value,
                        milliseconds_until(tmp, expiry)};

    return decide(cache, tmp, PUT_OVER, words, sizeof(words) / sizeof(*words), APR_EAGAIN);
}

static apr_status_t remove_record(void *context, apr_pool_t *tmp, const char *name)
{
    const ta_redis_cache *cache = context;
    ta_bytes words[] = {word("DEL"), name_of(cache, tmp, "r:", name)};
    ta_redis_reply *reply;
    apr_status_t rv =
        ta_redis_call(cache->redis, tmp, words, sizeof(words) / sizeof(*words), &reply);

    return rv == APR_SUCCESS && reply->kind != TA_REDIS_INTEGER
               ? ta_redis_explain(cache->redis, tmp, reply)
               : rv;
}

static apr_status_t claim(void *context, apr_pool_t *tmp, const char *name, const char *token,
                          apr_int64_t expiry)
{
    const ta_redis_cache *cache = context;
    ta_bytes words[] = {word("1"), name_of(cache, tmp, "c:", name), word(token),
                        milliseconds_until(tmp, expiry)};

    return decide(cache, tmp, CLAIM, words, sizeof(words) / sizeof(*words), APR_EEXIST);
}

static apr_status_t check_claim(void *context, apr_pool_t *tmp, const char *name)
{
    const ta_redis_cache *cache = context;
    ta_bytes words[] = {word("GET"), name_of(cache, tmp, "c:", name)};
    ta_redis_reply *reply;
    apr_status_t rv =
        ta_redis_call(cache->redis, tmp, words, sizeof(words) / sizeof(*words), &reply);

    if (rv == APR_SUCCESS && reply->kind != TA_REDIS_NIL) {
        return reply->kind == TA_REDIS_BYTES ? APR_EEXIST
                                             : ta_redis_explain(cache->redis, tmp, reply);
    }
    return rv;
}

static apr_status_t stamp(void *context, apr_pool_t *tmp, const char *name,
                          const ta_outside_stamp *stamp)
{
    const ta_redis_cache *cache = context;
    ta_bytes words[] = {word("1"), name_of(cache, tmp, "s:", name),
                        word(apr_psprintf(tmp, "%" APR_INT64_T_FMT, stamp->time)),
                        milliseconds_until(tmp, stamp->expiry),
                        word(stamp->only_known ? "1" : "0")};

    return decide(cache, tmp, STAMP, words, sizeof(words) / sizeof(*words), APR_NOTFOUND);
}

/* What stands before a record's own name. */
static apr_size_t name_prefix_len(const ta_redis_cache *cache)
{
    return strlen(cache->prefix) + strlen("r:");
}

/* Fetches a few records and shows them. */
static apr_status_t visit_some(const ta_redis_cache *cache, apr_pool_t *p, const ta_bytes *names,
                               int count, ta_outside_visit visit, void *context)
{
    apr_size_t prefix_len = name_prefix_len(cache);
    ta_redis_reply *reply;
    apr_status_t rv = fetch_all(cache, p, names, count, &reply);

    for (int i = 0; i < count && rv == APR_SUCCESS; i++) {
        ta_outside_bundle bundle;

        if (!read_bundle(reply, i * BUNDLE_LEN, &bundle)) {
            return ta_redis_explain(cache->redis, p, reply);
        }
        /* it may have gone meanwhile */
        if (bundle.value.data) {
            rv = visit(context, (const char *)names[i].data + prefix_len, &bundle);
        }
    }
    return rv;
}

/* The names of one step of SCAN; a step may find none. */
static apr_status_t visit_page(const ta_redis_cache *cache, apr_pool_t *p,
                               const ta_redis_reply *found, ta_outside_visit visit, void *context)
{
    apr_status_t rv = APR_SUCCESS;

    for (int at = 0; at < found->count && rv == APR_SUCCESS; at += PAGE) {
        ta_bytes names[PAGE];
        int count = 0;

        for (int i = at; i < found->count && count < PAGE; i++) {
            /* whatever was asked for, a server may answer with shorter names */
            if (found->items[i]->kind == TA_REDIS_BYTES &&
                found->items[i]->bytes.len > name_prefix_len(cache)) {
                names[count++] = found->items[i]->bytes;
            }
        }
        rv = count ? visit_some(cache, p, names, count, visit, context) : APR_SUCCESS;
    }
    return rv;
}

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_outside_visit visit,
                            void *visit_context)
{
    const ta_redis_cache *cache = context;
    /* a prefix has no character that is special in a pattern */
    ta_bytes words[] = {word("SCAN"),  word("0"),
                        word("MATCH"), name_of(cache, tmp, "r:", "*"),
                        word("COUNT"), word(SCAN_COUNT)};
    char cursor[32] = "0";
    apr_pool_t *page;
    apr_status_t rv = apr_pool_create(&page, tmp);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    do {
        ta_redis_reply *reply;

        apr_pool_clear(page);
        words[1] = word(cursor);
        rv = ta_redis_call(cache->redis, page, words, sizeof(words) / sizeof(*words), &reply);
        if (rv == APR_SUCCESS &&
            (reply->kind != TA_REDIS_ARRAY || reply->count != 2 ||
             reply->items[0]->kind != TA_REDIS_BYTES || reply->items[1]->kind != TA_REDIS_ARRAY)) {
            rv = ta_redis_explain(cache->redis, page, reply);
        }
        if (rv == APR_SUCCESS) {
            apr_cpystrn(cursor, (const char *)reply->items[0]->bytes.data, sizeof(cursor));
            rv = visit_page(cache, page, reply->items[1], visit, visit_context);
        }
    } while (rv == APR_SUCCESS && strcmp(cursor, "0") != 0);
    apr_pool_destroy(page);
    return rv;
}

/* Redis names a script by its SHA-1. */
static apr_status_t hash_script(const char *source, char text[SHA1_TEXT + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t len;

    if (EVP_Q_digest(NULL, "SHA1", NULL, source, strlen(source), hash, &len) != 1) {
        return APR_EGENERAL;
    }
    for (size_t i = 0; i < SHA1_TEXT / 2; i++) {
        apr_snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
    return APR_SUCCESS;
}

apr_status_t ta_redis_cache_make(apr_pool_t *p, const char *prefix, ta_redis_cache **state,
                                 const ta_cache **result)
{
    ta_redis_cache *cache = apr_pcalloc(p, sizeof(*cache));
    apr_status_t rv = APR_SUCCESS;

    cache->prefix = prefix;
    for (int i = 0; i < SCRIPTS && rv == APR_SUCCESS; i++) {
        rv = hash_script(sources[i], cache->hashes[i]);
    }
    cache->port = (ta_cache){
        .fetch = fetch,
        .put = put,
        .put_over = put_over,
        .remove = remove_record,
        .claim = claim,
        .check_claim = check_claim,
        .stamp = stamp,
        .iterate = iterate,
        .claims_everywhere = 1,
        .context = cache,
    };
    *state = cache;
    *result = &cache->port;
    return rv;
}

void ta_redis_cache_connect(ta_redis_cache *cache, ta_redis *redis)
{
    cache->redis = redis;
}
