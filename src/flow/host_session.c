/*
 * Making a host's session for a login, and changing its id.
 */
#include "flow/host_session.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/event.h"
#include "flow/own_cookies.h"

#define RETIRE_TRIES 5

apr_status_t ta_host_session_make(const ta_env *env, const ta_record *login,
                                  const unsigned char *login_key, const ta_seal_key *tokens_key,
                                  const char **id, unsigned char key[TA_STORE_KEY_LEN],
                                  ta_fault *fault)
{
    ta_record record;
    ta_bytes bytes;
    apr_status_t rv;

    *id = ta_session_id_make(env->pool);
    rv = ta_session_id_key(*id, key);
    if (rv == APR_SUCCESS) {
        rv = ta_session_describe_child(env->pool, *id, login, login_key, tokens_key, env->now,
                                       &record);
    }
    if (rv == APR_SUCCESS) {
        ta_record_set_text(&record, TA_RECORD_AUDIENCE, ta_own_cookies_audience(env));
        rv = ta_record_write(env->pool, &record, &bytes);
    }
    if (rv != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_INTERNAL, "no session could be made");
    }
    /* it lives as long as the login's may at all; idleness is the login's */
    rv = env->store->save(env->store->context, env->pool, key, bytes,
                          login->created + env->site->lifetime.absolute);
    return rv == APR_SUCCESS ? APR_SUCCESS
                             : ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE,
                                            "the session store takes no new session (%d)", rv);
}

int ta_host_session_is_current(const ta_env *env, const ta_record *own)
{
    const ta_bytes *retired = &own->slots[TA_RECORD_RETIRED];

    return !retired->len ||
           env->now - apr_atoi64((const char *)retired->data) <= TA_HOST_SESSION_GRACE;
}

int ta_host_session_is_due(const ta_record *before, const ta_record *after)
{
    static const ta_record_slot slots[] = {TA_RECORD_USER, TA_RECORD_EMAIL, TA_RECORD_CLAIMS};
    apr_uint32_t refreshing = TA_RECORD_REFRESHING;

    if ((before->flags | refreshing) != (after->flags | refreshing)) {
        return 1;
    }
    for (apr_size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
        const ta_bytes *old = &before->slots[slots[i]], *new = &after->slots[slots[i]];

        if (old->len != new->len || (old->len && memcmp(old->data, new->data, old->len) != 0)) {
            return 1;
        }
    }
    return ta_event_do_groups_differ(before, after);
}

/* Marks one record as no cookie's any more, tried again where somebody else changes it too. */
static apr_status_t retire_record(const ta_env *env, const unsigned char *key, ta_bytes bytes)
{
    const char *now = apr_psprintf(env->pool, "%" APR_INT64_T_FMT, env->now);
    apr_status_t rv = APR_EAGAIN;

    for (int i = 0; i < RETIRE_TRIES && rv == APR_EAGAIN; i++) {
        ta_record record;
        ta_bytes retired;

        if (ta_record_read(bytes, &record) != APR_SUCCESS) {
            return APR_NOTFOUND;
        }
        ta_record_set_text(&record, TA_RECORD_RETIRED, now);
        rv = ta_record_write(env->pool, &record, &retired);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        /* a login's record goes on to be what its other hosts' sessions point to */
        rv = env->store->replace(env->store->context, env->pool, key, bytes, retired,
                                 record.flags & TA_RECORD_HAS_PARENT
                                     ? env->now + TA_HOST_SESSION_GRACE
                                     : ta_lifetime_expiry(&env->site->lifetime, &record));
        if (rv == APR_EAGAIN && env->store->load(env->store->context, env->pool, key, NULL, &bytes,
                                                 NULL) != APR_SUCCESS) {
            return APR_NOTFOUND;
        }
    }
    return rv;
}

static const char *stay(const ta_env *env, const ta_session *session, apr_status_t rv)
{
    ta_log_write(env->log, TA_LOG_WARNING, rv,
                 "TA0074: what user \"%s\" may do has changed, but the session keeps its id: the "
                 "store took no other [request %s]",
                 ta_fault_quote(env->pool, ta_record_text(&session->login, TA_RECORD_USER)),
                 env->request->id);
    return NULL;
}

const char *ta_host_session_rotate(const ta_env *env, ta_session *session)
{
    int is_child = session->own_bytes.len != 0;
    unsigned char key[TA_STORE_KEY_LEN];
    ta_seal_key tokens_key;
    const char *id;
    apr_status_t rv;

    /* retired already: whoever has its new id was given it by the request that did it */
    if (session->own->slots[TA_RECORD_RETIRED].len) {
        return NULL;
    }
    rv = ta_session_get_tokens_key(env->pool, session, &tokens_key);
    if (rv == APR_SUCCESS) {
        rv = ta_host_session_make(env, &session->login, session->login_key, &tokens_key, &id, key,
                                  NULL);
    }
    if (rv != APR_SUCCESS) {
        return stay(env, session, rv);
    }
    rv = retire_record(env, session->key, is_child ? session->own_bytes : session->login_bytes);
    if (rv != APR_SUCCESS) {
        (void)env->store->remove(env->store->context, env->pool, key);
        return stay(env, session, rv);
    }
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0073: what user \"%s\" may do has changed: the session has a new id on %s "
                 "[request %s]",
                 ta_fault_quote(env->pool, ta_record_text(&session->login, TA_RECORD_USER)),
                 env->request->origin, env->request->id);
    return id;
}
