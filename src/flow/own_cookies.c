/*
 * Names and values of our cookies, and the limits that keep the Cookie header short.
 */
#include "flow/own_cookies.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "session/packed.h"
#include "util/base64url.h"
#include "util/cookie.h"
#include "util/secret.h"

#define ROUNDS_LIMIT   24 /* see ta_round */
#define ROUNDS_SECONDS 30
/* beyond the attempt's end, so that whoever is late hears why, and not that it began elsewhere */
#define ATTEMPT_COOKIE_SECONDS (2 * TA_ATTEMPT_SECONDS)
#define SESSION_COOKIE         (-1) /* until the browser closes; the store knows the real limits */

typedef struct rounds {
    unsigned char address[TA_SHA256_LEN];
    apr_int64_t since;
    unsigned count;
} rounds;

const char *ta_own_cookies_get(const ta_env *env, const char *name, int index)
{
    for (int i = 0; i < env->request->cookies->nelts; i++) {
        const ta_cookie *cookie = &APR_ARRAY_IDX(env->request->cookies, i, ta_cookie);

        if (strcmp(cookie->name, name) == 0 && index-- == 0) {
            return cookie->value;
        }
    }
    return NULL;
}

static int is_secure(const ta_env *env)
{
    return strcmp(env->request->scheme, "https") == 0;
}

/* "-8443" where the origin names a port. */
static const char *port_suffix(const ta_env *env)
{
    const char *colon = strrchr(env->request->origin, ':');

    if (!colon || colon[1] == '/' || strchr(colon, ']')) {
        return "";
    }
    return apr_pstrcat(env->pool, "-", colon + 1, NULL);
}

static const char *host_cookie_name(const ta_env *env, const char *suffix)
{
    return apr_pstrcat(env->pool, is_secure(env) ? "__Host-" : "", TA_OWN_COOKIES_BASE,
                       port_suffix(env), suffix, NULL);
}

const char *ta_own_cookies_domain(const ta_env *env)
{
    const char *domain = env->site->cookie_domain;

    return ta_site_domain_covers(domain, env->request->host) ? domain : NULL;
}

const char *ta_own_cookies_session_name(const ta_env *env)
{
    if (env->request->session_cookie) {
        return env->request->session_cookie;
    }
    if (!ta_own_cookies_domain(env)) {
        return host_cookie_name(env, "");
    }
    /* no port here: that the hosts and ports of a domain share it is what a domain is for */
    return apr_pstrcat(env->pool, is_secure(env) ? "__Secure-" : "", TA_OWN_COOKIES_BASE, "-domain",
                       NULL);
}

const char *ta_own_cookies_audience(const ta_env *env)
{
    const char *domain = env->request->audience ? NULL : ta_own_cookies_domain(env);

    if (env->request->audience) {
        return env->request->audience;
    }
    return domain ? apr_pstrcat(env->pool, env->request->scheme, "://.", domain, NULL)
                  : env->request->origin;
}

void ta_own_cookies_set_session(const ta_env *env, ta_reply *reply, const char *id)
{
    ta_reply_set_cookie(env, reply, ta_own_cookies_session_name(env), id, SESSION_COOKIE,
                        ta_own_cookies_domain(env));
}

static const char *attempt_prefix(const ta_env *env)
{
    return host_cookie_name(env, "-login-");
}

static const char *attempt_name(const ta_env *env, const char *state)
{
    /* a foreign state may be shorter than the tag */
    return apr_pstrcat(env->pool, attempt_prefix(env),
                       apr_pstrndup(env->pool, state, TA_ATTEMPT_TAG_LEN), NULL);
}

/* One of the attempts that the browser sent. */
typedef struct sent_attempt {
    const char *name;
    apr_size_t len;
    apr_int64_t started; /* 0 where it cannot be opened any more */
    int position;        /* RFC 6265 5.4 (2): the older a cookie, the earlier it is sent */
} sent_attempt;

static int newest_first(const void *a, const void *b)
{
    const sent_attempt *left = a, *right = b;

    if (left->started != right->started) {
        return left->started < right->started ? 1 : -1;
    }
    return right->position - left->position;
}

/* What a client made up must not come back in a Set-Cookie, unless it is harmless there: a cookie
 * that somebody planted goes, too. */
static int is_attempt_name(const char *name, const char *prefix)
{
    apr_size_t len = strlen(prefix);

    return strncmp(name, prefix, len) == 0 && !name[len + ta_base64url_span(name + len)];
}

static apr_array_header_t *sent_attempts(const ta_env *env)
{
    const char *prefix = attempt_prefix(env);
    apr_array_header_t *found = apr_array_make(env->pool, 4, sizeof(sent_attempt));

    for (int i = 0; i < env->request->cookies->nelts; i++) {
        const ta_cookie *cookie = &APR_ARRAY_IDX(env->request->cookies, i, ta_cookie);
        ta_attempt attempt;

        if (is_attempt_name(cookie->name, prefix)) {
            apr_status_t rv = ta_attempt_open(env->pool, &env->site->key, env->request->origin,
                                              cookie->value, env->now, &attempt);

            APR_ARRAY_PUSH(found, sent_attempt) = (sent_attempt){
                .name = cookie->name,
                .len = strlen(cookie->name) + strlen(cookie->value),
                .started = rv == APR_SUCCESS ? attempt.started : 0,
                .position = i,
            };
        }
    }
    qsort(found->elts, (size_t)found->nelts, sizeof(sent_attempt), newest_first);
    return found;
}

/* Keeps the newest attempts for which there is room beside the new one. */
static void drop_old_attempts(const ta_env *env, ta_reply *reply, apr_size_t new_len)
{
    apr_array_header_t *sent = sent_attempts(env);
    apr_size_t total = new_len;

    for (int i = 0; i < sent->nelts; i++) {
        const sent_attempt *attempt = &APR_ARRAY_IDX(sent, i, sent_attempt);

        total += attempt->len;
        if (!attempt->started || i + 1 >= TA_ATTEMPT_COUNT || total > TA_ATTEMPT_BYTES) {
            ta_reply_set_cookie(env, reply, attempt->name, NULL, 0, NULL);
        }
    }
}

apr_status_t ta_own_cookies_set_attempt(const ta_env *env, ta_reply *reply, const char *state,
                                        const ta_attempt *attempt)
{
    const char *name = attempt_name(env, state);
    const char *value = ta_attempt_seal(env->pool, &env->site->key, env->request->origin, attempt);

    if (!value) {
        return APR_EGENERAL;
    }
    drop_old_attempts(env, reply, strlen(name) + strlen(value));
    ta_reply_set_cookie(env, reply, name, value, ATTEMPT_COOKIE_SECONDS, NULL);
    return APR_SUCCESS;
}

apr_status_t ta_own_cookies_get_attempt(const ta_env *env, const char *state, ta_attempt *attempt,
                                        ta_attempt_values *values)
{
    const char *name = attempt_name(env, state);
    const char *value;

    for (int i = 0; i < TA_OWN_COOKIES_TRIED; i++) {
        apr_status_t rv;

        value = ta_own_cookies_get(env, name, i);
        if (!value) {
            break;
        }
        rv = ta_attempt_open(env->pool, &env->site->key, env->request->origin, value, env->now,
                             attempt);
        /* the name holds only the begin of the state: the whole is compared */
        if ((rv == APR_SUCCESS || rv == APR_TIMEUP) &&
            ta_attempt_derive(env->pool, attempt, values) == APR_SUCCESS &&
            ta_secret_equal(values->state, state)) {
            return rv;
        }
    }
    return APR_NOTFOUND;
}

void ta_own_cookies_clear_attempt(const ta_env *env, ta_reply *reply, const char *state)
{
    ta_reply_set_cookie(env, reply, attempt_name(env, state), NULL, 0, NULL);
}

static const char *rounds_name(const ta_env *env)
{
    return host_cookie_name(env, "-rounds");
}

static int read_rounds(const ta_env *env, const char *return_to, rounds *result)
{
    const char *value = ta_own_cookies_get(env, rounds_name(env), 0);
    unsigned char address[TA_SHA256_LEN];
    ta_packed_reader reader;
    ta_bytes plain;

    if (ta_secret_sha256(return_to, strlen(return_to), address) != APR_SUCCESS ||
        ta_seal_open_text(env->pool, &env->site->key, TA_SEAL_ROUNDS, env->request->origin, value,
                          &plain) != APR_SUCCESS) {
        return 0;
    }
    ta_packed_read_start(&reader, plain);
    ta_packed_read_bytes(&reader, result->address, sizeof(result->address));
    result->since = ta_packed_read_seconds(&reader);
    result->count = (unsigned)ta_packed_read_number(&reader, 4);
    return ta_packed_read_done(&reader) && env->now - result->since <= ROUNDS_SECONDS &&
           memcmp(address, result->address, sizeof(address)) == 0;
}

void ta_own_cookies_count_round(const ta_env *env, ta_reply *reply, const char *return_to,
                                ta_round round)
{
    rounds current = {.count = 0};
    ta_bytes plain;
    ta_text out;

    if (!read_rounds(env, return_to, &current)) {
        current.since = env->now;
        current.count = 0;
        if (ta_secret_sha256(return_to, strlen(return_to), current.address) != APR_SUCCESS) {
            return;
        }
    }
    ta_text_init(&out, env->pool, 64);
    ta_packed_write_bytes(&out, current.address, sizeof(current.address));
    ta_packed_write_number(&out, (apr_uint64_t)current.since, 8);
    ta_packed_write_number(&out, current.count + (unsigned)round, 4);
    if (ta_packed_finish(&out, &plain) == APR_SUCCESS) {
        const char *value =
            ta_seal_text(env->pool, &env->site->key, TA_SEAL_ROUNDS, env->request->origin, plain);
        if (value) {
            ta_reply_set_cookie(env, reply, rounds_name(env), value, ROUNDS_SECONDS, NULL);
        }
    }
}

int ta_own_cookies_is_looping(const ta_env *env, const char *return_to)
{
    rounds current;

    return read_rounds(env, return_to, &current) && current.count >= ROUNDS_LIMIT;
}

void ta_own_cookies_clear_rounds(const ta_env *env, ta_reply *reply)
{
    ta_reply_set_cookie(env, reply, rounds_name(env), NULL, 0, NULL);
}
