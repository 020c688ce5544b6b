/*
 * Front-channel logout. The provider's log-out page has a frame with our URL. Our cookies are
 * SameSite=Lax, and browsers send none into a frame of another site: so the session is found by
 * what the provider writes into the URL, iss and sid. A sid is known to the provider, to us, and
 * to the browser; whoever else got hold of one could end that one session, and nothing more.
 *
 * Nobody proves that a sid is real, so a made-up one must not cost much. A store outside knows
 * every sid that somebody logged in with (outside_store.h), and writes nothing for another. One
 * that has to search does so for a few of them in a second; after that it refuses, and says so in
 * the log, for a sid that the request's own cookie does not prove.
 */
#include "flow/frontchannel.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/access.h"
#include "flow/end_logins.h"
#include "flow/own_cookies.h"
#include "flow/trust.h"
#include "session/session.h"
#include "util/url.h"

#define VAIN_SEARCHES 5 /* of a process in a second */
#define VAIN_BITS     8 /* how many there were; the second is above */

static apr_status_t refuse_request(const ta_env *env, const char *what, ta_fault *fault)
{
    return ta_fault_set(fault, env->pool, TA_REASON_REQUEST_MALFORMED, "%s", what);
}

/* Front-Channel Logout 2: iss and sid come together or not at all. *sid stays NULL where they do
 * not come. */
static apr_status_t read_query(const ta_env *env, const ta_provider *provider, const char **sid,
                               ta_fault *fault)
{
    const ta_form *query = env->request->query;
    const char *iss = ta_form_get(query, "iss");

    *sid = ta_form_get(query, "sid");
    if (!query || ta_form_count(query, "iss") > 1 || ta_form_count(query, "sid") > 1) {
        return refuse_request(env, "the query cannot be read", fault);
    }
    if ((iss == NULL) != (*sid == NULL)) {
        return refuse_request(env, "iss and sid must come together", fault);
    }
    if (iss && (!provider->issuer || strcmp(iss, provider->issuer) != 0)) {
        return refuse_request(env, "iss is not the provider's TinyauthIssuer", fault);
    }
    if (*sid && !**sid) {
        return refuse_request(env, "sid is empty", fault);
    }
    return APR_SUCCESS;
}

/* Without iss and sid it could be a link on any site, by which nobody may be logged out; a
 * browser says so. */
static int may_be_frame(const ta_request *request)
{
    const char *dest = request->fetch_dest;

    return !dest || strcmp(dest, "iframe") == 0 || strcmp(dest, "frame") == 0;
}

/* The session of the request's own cookie. *session is NULL where it is not this provider's. */
static apr_status_t find_own(const ta_env *env, const ta_provider *provider, ta_session **session,
                             ta_fault *fault)
{
    apr_status_t rv = ta_access_find_session(env, session);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return ta_end_logins_fail(env, rv, fault);
    }
    if (rv == APR_NOTFOUND ||
        strcmp(ta_record_text(&(*session)->login, TA_RECORD_PROVIDER), provider->id) != 0) {
        *session = NULL;
    }
    return APR_SUCCESS;
}

static apr_status_t end_own(const ta_env *env, const ta_session *session, int *count,
                            ta_fault *fault)
{
    apr_status_t rv;

    if (!session || !may_be_frame(env->request)) {
        return APR_SUCCESS;
    }
    rv = ta_session_end(env->pool, env->store, session);
    if (rv != APR_SUCCESS) {
        return ta_end_logins_fail(env, rv, fault);
    }
    *count = 1;
    ta_event_note_session(env->events, session,
                          (ta_event){.kind = TA_EVENT_LOGOUT, .by = TA_ENDED_BY_FRONT_CHANNEL});
    return APR_SUCCESS;
}

/* Anybody may send a made-up sid. Where finding nothing takes a look at all records, one process
 * looks so often in a second for nothing, and then says that it cannot. */
static int may_search(const ta_env *env)
{
    apr_uint64_t vain = __atomic_load_n(ta_trust_vain_searches(env), __ATOMIC_RELAXED);

    return vain >> VAIN_BITS != (apr_uint64_t)env->now ||
           (vain & ((1 << VAIN_BITS) - 1)) < VAIN_SEARCHES;
}

static void note_vain_search(const ta_env *env)
{
    apr_uint64_t *searches = ta_trust_vain_searches(env);
    apr_uint64_t vain = __atomic_load_n(searches, __ATOMIC_RELAXED);
    apr_uint64_t first = (apr_uint64_t)env->now << VAIN_BITS;
    apr_uint64_t next;

    do {
        next = vain >> VAIN_BITS == (apr_uint64_t)env->now ? vain : first;
        if ((next & ((1 << VAIN_BITS) - 1)) < VAIN_SEARCHES) {
            next++;
        }
    } while (
        !__atomic_compare_exchange_n(searches, &vain, next, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/* A sid that the request's own session has is no guess; any other may be one. */
static apr_status_t end_of_sid(const ta_env *env, const ta_provider *provider, const char *sid,
                               const ta_session *own, int *count, ta_fault *fault)
{
    const ta_event event = {
        .kind = TA_EVENT_LOGOUT, .by = TA_ENDED_BY_FRONT_CHANNEL, .provider = provider->id};
    ta_store_ending ending = {
        .is_guess = !own || strcmp(ta_record_text(&own->login, TA_RECORD_SID), sid) != 0};
    int is_costly = ending.is_guess && env->store->end_all_searches;
    apr_status_t rv = ta_session_index_of_sid(provider->fingerprint, sid, ending.sid);

    if (is_costly && !may_search(env)) {
        return ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE,
                            "too many front-channel logouts with a sid that no session has");
    }
    if (rv == APR_SUCCESS) {
        rv = ta_end_logins(env, &ending, &event, count);
    }
    if (is_costly && *count == 0) {
        note_vain_search(env);
    }
    return rv == APR_SUCCESS ? rv : ta_end_logins_fail(env, rv, fault);
}

static void append_origin(const ta_env *env, const char **origins, const char *url)
{
    ta_url *parsed;

    if (url && ta_url_parse(env->pool, url, &parsed) == APR_SUCCESS) {
        *origins = apr_pstrcat(env->pool, *origins, " ", parsed->origin, NULL);
    }
}

/* The provider's pages may frame this one, and nobody else's: those of its issuer, and of its
 * end-session endpoint where that is elsewhere. */
static const char *policy(const ta_env *env, const ta_provider *provider)
{
    ta_fault ignored = {.reason = TA_REASON_NONE};
    const char *origins = "'self'";
    ta_metadata *metadata;

    append_origin(env, &origins, provider->issuer);
    if (ta_trust_get_metadata(env, provider, &metadata, &ignored) == APR_SUCCESS) {
        append_origin(env, &origins, metadata->end_session_endpoint);
    }
    return apr_pstrcat(env->pool, "default-src 'none'; frame-ancestors ", origins, NULL);
}

static ta_reply *refuse(const ta_env *env, const char *id, const ta_fault *fault)
{
    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0502: a front-channel logout of provider \"%s\" was refused: %s%s%s; nobody "
                 "was logged out [request %s]",
                 id, ta_reason_info_get(fault->reason)->code, fault->detail ? ": " : "",
                 fault->detail ? fault->detail : "", env->request->id);
    return ta_reply_refuse(env, fault, NULL);
}

ta_reply *ta_frontchannel_handle(const ta_env *env, const char *id)
{
    const ta_provider *provider = ta_site_find_provider(env->site, id);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_session *own = NULL;
    const char *sid = NULL;
    int count = 0;
    ta_reply *reply;
    apr_status_t rv;

    if (!provider) {
        (void)ta_fault_set(&fault, env->pool, TA_REASON_PROVIDER_UNKNOWN, NULL);
        return refuse(env, "", &fault);
    }
    rv = read_query(env, provider, &sid, &fault);
    if (rv == APR_SUCCESS) {
        rv = find_own(env, provider, &own, &fault);
    }
    if (rv == APR_SUCCESS) {
        rv = sid ? end_of_sid(env, provider, sid, own, &count, &fault)
                 : end_own(env, own, &count, &fault);
    }
    if (rv != APR_SUCCESS) {
        return refuse(env, provider->id, &fault);
    }
    ta_log_write(
        env->log, count ? TA_LOG_INFO : TA_LOG_DEBUG, APR_SUCCESS,
        "TA0503: provider \"%s\" logged somebody out in the browser, by its %s: %s [request "
        "%s]",
        provider->id, sid ? "sid" : "cookie",
        count ? "the session ended" : "there was no session to end", env->request->id);
    reply = ta_reply_make(env, 200);
    reply->content_type = "text/plain; charset=utf-8";
    reply->body = "You are signed out.\n";
    reply->policy = policy(env, provider);
    if (count && !sid) {
        ta_own_cookies_set_session(env, reply, NULL);
        ta_own_cookies_clear_rounds(env, reply);
    }
    return reply;
}
