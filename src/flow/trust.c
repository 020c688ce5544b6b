/*
 * Discovery documents and key sets, cached per process.
 *
 * Locks: a slot's "fetch" is held by the one thread that asks the provider, over the network;
 * "data" only while a pointer is swapped or a copy is taken. fetch is taken before data.
 */
#include "flow/trust.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#define KEEP_SECONDS    3600 /* how long a document counts as fresh */
#define RETRY_SECONDS   5    /* after a failure nobody asks again for so long */
#define TIMEOUT_SECONDS 10   /* one exchange with a provider, all in all */
#define REFETCH_BURST   3    /* key sets fetched for unknown keys at once … */
#define REFETCH_EVERY   20   /* … and one more in so many seconds */

/* One document of one provider. */
struct document {
    apr_pool_t *pool;      /* NULL until the first was fetched; replaced with the document */
    apr_int64_t fetched;   /* seconds since 1970 */
    apr_int64_t failed;    /* when fetching failed last, 0: it did not */
    ta_fault failure;      /* why; its detail is static text or NULL */
    ta_metadata *metadata; /* of the discovery document */
    ta_key_set *keys;      /* of the key set */
};

struct slot {
    const ta_provider *provider;
    apr_thread_mutex_t *fetch;
    apr_thread_mutex_t *data;
    struct document discovery;
    struct document key_set;
    int refetches;             /* how many are allowed right now */
    apr_int64_t refetch_since; /* when the last one became allowed */
};

struct ta_trust {
    apr_pool_t *pool;
    apr_array_header_t *slots; /* of slot; fixed once made */
    apr_uint64_t vain_searches;
};

apr_status_t ta_trust_make(apr_pool_t *p, const apr_array_header_t *providers, ta_trust **result)
{
    ta_trust *trust = apr_pcalloc(p, sizeof(*trust));
    apr_status_t rv = APR_SUCCESS;

    trust->pool = p;
    trust->slots = apr_array_make(p, providers->nelts + 1, sizeof(struct slot));
    for (int i = 0; rv == APR_SUCCESS && i < providers->nelts; i++) {
        struct slot *each = apr_array_push(trust->slots);

        each->provider = APR_ARRAY_IDX(providers, i, const ta_provider *);
        each->refetches = REFETCH_BURST;
        rv = apr_thread_mutex_create(&each->fetch, APR_THREAD_MUTEX_DEFAULT, p);
        if (rv == APR_SUCCESS) {
            rv = apr_thread_mutex_create(&each->data, APR_THREAD_MUTEX_DEFAULT, p);
        }
    }
    *result = trust;
    return rv;
}

apr_uint64_t *ta_trust_vain_searches(const ta_env *env)
{
    return &env->trust->vain_searches;
}

static struct slot *find_slot(const ta_env *env, const ta_provider *provider)
{
    for (int i = 0; i < env->trust->slots->nelts; i++) {
        struct slot *each = &APR_ARRAY_IDX(env->trust->slots, i, struct slot);

        if (each->provider == provider) {
            return each;
        }
    }
    return NULL;
}

apr_status_t ta_trust_send(const ta_env *env, const ta_provider *provider, ta_http_request *request,
                           ta_http_response **response, ta_fault *fault)
{
    request->provider = provider->id;
    request->timeout_seconds = TIMEOUT_SECONDS;
    request->insecure = provider->insecure;
    request->ca_file = provider->ca_file;
    return env->http->send(env->http->context, env->pool, request, response, fault);
}

/* GETs a JSON document of a provider into the request's pool. */
static apr_status_t get_document(const ta_env *env, const ta_provider *provider,
                                 ta_http_purpose purpose, const char *url, ta_bytes *body,
                                 ta_fault *fault)
{
    ta_http_request request = {.purpose = purpose, .url = url, .accept = "application/json"};
    ta_http_response *response;
    apr_status_t rv = ta_trust_send(env, provider, &request, &response, fault);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (response->status != 200) {
        return ta_fault_set(fault, env->pool, TA_REASON_PROVIDER_UNREACHABLE,
                            "%s answered with status %d, expected 200", url, response->status);
    }
    *body = response->body;
    return APR_SUCCESS;
}

static apr_status_t fetch_discovery(const ta_env *env, struct slot *slot, struct document *fresh,
                                    ta_fault *fault)
{
    const char *url = ta_discovery_url(env->pool, slot->provider->issuer);
    ta_bytes body = {.len = 0};
    apr_status_t rv = get_document(env, slot->provider, TA_HTTP_DISCOVERY, url, &body, fault);
    ta_metadata *metadata;

    if (rv == APR_SUCCESS) {
        rv = ta_discovery_parse(env->pool, slot->provider, body, &metadata, fault);
    }
    if (rv == APR_SUCCESS) {
        fresh->metadata = ta_metadata_copy(fresh->pool, metadata);
    }
    return rv;
}

static apr_status_t fetch_keys(const ta_env *env, struct slot *slot, const char *url,
                               struct document *fresh, ta_fault *fault)
{
    ta_bytes body = {.len = 0};
    apr_status_t rv = get_document(env, slot->provider, TA_HTTP_KEYS, url, &body, fault);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (ta_key_set_parse(fresh->pool, body, &fresh->keys) != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_KEYS_MALFORMED,
                            "%s is no key set (RFC 7517)", url);
    }
    if (fresh->keys->skipped) {
        ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                     "TA0010: provider \"%s\": %d of its keys cannot be used and were skipped",
                     slot->provider->id, fresh->keys->skipped);
    }
    ta_event_note(env->events,
                  (ta_event){.kind = TA_EVENT_KEYS_FETCHED, .provider = slot->provider->id});
    return APR_SUCCESS;
}

/* Asks the provider, with fetch held, and puts the answer in the document's place. url is
 * NULL for the discovery document, else the key set's. */
static apr_status_t renew(const ta_env *env, struct slot *slot, struct document *old,
                          const char *url, ta_fault *fault)
{
    struct document fresh = {.fetched = env->now};
    apr_pool_t *discarded;
    apr_status_t rv = apr_pool_create(&fresh.pool, env->trust->pool);

    if (rv != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_INTERNAL, "no memory");
    }
    rv =
        url ? fetch_keys(env, slot, url, &fresh, fault) : fetch_discovery(env, slot, &fresh, fault);
    apr_thread_mutex_lock(slot->data);
    if (rv == APR_SUCCESS) {
        discarded = old->pool;
        *old = fresh;
    } else {
        discarded = fresh.pool;
        old->failed = env->now;
        old->failure.reason = fault->reason;
    }
    apr_thread_mutex_unlock(slot->data);
    if (discarded) {
        apr_pool_destroy(discarded);
    }
    return rv;
}

/* Copies what is cached; returns whether it is there, and whether it is fresh. */
static int copy_cached(const ta_env *env, struct slot *slot, struct document *document,
                       ta_metadata **metadata, ta_key_set **keys, int *fresh)
{
    int there;

    apr_thread_mutex_lock(slot->data);
    there = document->pool != NULL;
    *fresh = there && env->now - document->fetched < KEEP_SECONDS && document->fetched <= env->now;
    if (there && metadata) {
        *metadata = ta_metadata_copy(env->pool, document->metadata);
    }
    if (there && keys) {
        *keys = ta_key_set_copy(env->pool, document->keys);
    }
    apr_thread_mutex_unlock(slot->data);
    return there;
}

static int failed_just_now(const ta_env *env, struct slot *slot, const struct document *document,
                           ta_fault *fault)
{
    int recent;

    apr_thread_mutex_lock(slot->data);
    recent = document->failed && env->now - document->failed < RETRY_SECONDS &&
             document->failed <= env->now;
    if (recent) {
        fault->reason = document->failure.reason;
        fault->detail = "asked a moment ago; the log has the cause";
    }
    apr_thread_mutex_unlock(slot->data);
    return recent;
}

/* A document from the cache, fetched where that is needed. */
static apr_status_t obtain(const ta_env *env, struct slot *slot, struct document *document,
                           const char *url, ta_metadata **metadata, ta_key_set **keys,
                           ta_fault *fault)
{
    int fresh, there;
    apr_status_t rv;

    there = copy_cached(env, slot, document, metadata, keys, &fresh);
    if (fresh) {
        return APR_SUCCESS;
    }
    if (there) {
        /* somebody else asks already: what is known serves meanwhile */
        if (apr_thread_mutex_trylock(slot->fetch) != APR_SUCCESS) {
            return APR_SUCCESS;
        }
    } else {
        apr_thread_mutex_lock(slot->fetch);
        there = copy_cached(env, slot, document, metadata, keys, &fresh);
        if (fresh) {
            apr_thread_mutex_unlock(slot->fetch);
            return APR_SUCCESS;
        }
    }
    rv = failed_just_now(env, slot, document, fault) ? APR_EGENERAL
                                                     : renew(env, slot, document, url, fault);
    apr_thread_mutex_unlock(slot->fetch);
    if (rv == APR_SUCCESS) {
        copy_cached(env, slot, document, metadata, keys, &fresh);
        return APR_SUCCESS;
    }
    if (there && fault->reason == TA_REASON_PROVIDER_UNREACHABLE) {
        ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                     "TA0011: provider \"%s\" cannot be asked anew, what is known of it serves "
                     "on: %s",
                     slot->provider->id, fault->detail ? fault->detail : "");
        *fault = (ta_fault){.reason = TA_REASON_NONE};
        return APR_SUCCESS;
    }
    return rv;
}

apr_status_t ta_trust_get_metadata(const ta_env *env, const ta_provider *provider,
                                   ta_metadata **result, ta_fault *fault)
{
    struct slot *slot = find_slot(env, provider);

    if (!provider->issuer) {
        *result = ta_discovery_explicit(env->pool, provider);
        return APR_SUCCESS;
    }
    if (!slot) {
        return ta_fault_set(fault, env->pool, TA_REASON_INTERNAL, "provider without a cache");
    }
    return obtain(env, slot, &slot->discovery, NULL, result, NULL, fault);
}

/* A token bucket: a key rotated a second ago is found, made-up key ids change little. */
static int may_refetch(const ta_env *env, struct slot *slot)
{
    apr_int64_t gained;
    int allowed;

    apr_thread_mutex_lock(slot->data);
    gained = (env->now - slot->refetch_since) / REFETCH_EVERY;
    if (gained < 0 || gained >= REFETCH_BURST) {
        slot->refetches = REFETCH_BURST;
        slot->refetch_since = env->now;
    } else if (gained > 0) {
        slot->refetches += (int)gained;
        slot->refetches = slot->refetches > REFETCH_BURST ? REFETCH_BURST : slot->refetches;
        slot->refetch_since += gained * REFETCH_EVERY;
    }
    allowed = slot->refetches > 0;
    slot->refetches -= allowed;
    apr_thread_mutex_unlock(slot->data);
    return allowed;
}

/* The key set, fetched again because no key of the cached one did. */
static apr_status_t refetch_keys(const ta_env *env, struct slot *slot, const char *url,
                                 ta_key_set **keys, ta_fault *fault)
{
    apr_status_t rv = APR_SUCCESS;
    int fresh;

    apr_thread_mutex_lock(slot->fetch);
    if (may_refetch(env, slot)) {
        rv = renew(env, slot, &slot->key_set, url, fault);
    }
    apr_thread_mutex_unlock(slot->fetch);
    if (rv == APR_SUCCESS) {
        copy_cached(env, slot, &slot->key_set, NULL, keys, &fresh);
    }
    return rv;
}

static apr_status_t refuse_signature(const ta_env *env, const ta_jws *jws, ta_jws_verdict verdict,
                                     ta_fault *fault)
{
    const char *kid = ta_fault_quote(env->pool, jws->kid);

    if (verdict == TA_JWS_NO_KEY) {
        return ta_fault_set(fault, env->pool, TA_REASON_ID_TOKEN_KEY,
                            "no key of the provider fits: alg %s, kid %s", jws->algorithm->name,
                            kid);
    }
    return ta_fault_set(fault, env->pool, TA_REASON_ID_TOKEN_SIGNATURE,
                        "the signature is wrong: alg %s, kid %s", jws->algorithm->name, kid);
}

apr_status_t ta_trust_verify(const ta_env *env, const ta_provider *provider,
                             const ta_metadata *metadata, const ta_jws *jws, ta_fault *fault)
{
    struct slot *slot = find_slot(env, provider);
    ta_key_set *keys = NULL;
    ta_jws_verdict verdict;
    apr_status_t rv;

    if (!slot || !metadata->jwks_uri) {
        return ta_fault_set(fault, env->pool, TA_REASON_INTERNAL, "provider without a key set");
    }
    if (!ta_provider_allows_algorithm(provider, jws->algorithm)) {
        return ta_fault_set(fault, env->pool, TA_REASON_ID_TOKEN_ALGORITHM,
                            "%s is not on the list of TinyauthIdTokenAlg", jws->algorithm->name);
    }
    rv = obtain(env, slot, &slot->key_set, metadata->jwks_uri, NULL, &keys, fault);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    verdict = ta_jws_verify(env->pool, jws, keys);
    /* with a kid only a new key can help; without one any key may be the new one */
    if (verdict == TA_JWS_NO_KEY || (verdict == TA_JWS_BAD_SIGNATURE && !jws->kid)) {
        rv = refetch_keys(env, slot, metadata->jwks_uri, &keys, fault);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        verdict = ta_jws_verify(env->pool, jws, keys);
    }
    return verdict == TA_JWS_VALID ? APR_SUCCESS : refuse_signature(env, jws, verdict, fault);
}
