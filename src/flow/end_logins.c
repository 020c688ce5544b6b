/*
 * Who ended is told by the store, where it looks at each login; a stamp ends logins that nobody
 * looked at.
 */
#include "flow/end_logins.h"

apr_status_t ta_end_logins_fail(const ta_env *env, apr_status_t rv, ta_fault *fault)
{
    return ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE,
                        "the session store does not answer (%d)", rv);
}

void ta_end_logins_check_removed(const ta_env *env, const ta_record *login, apr_status_t rv)
{
    if (rv != APR_SUCCESS) {
        ta_log_write(env->log, TA_LOG_ERROR, rv,
                     "TA0075: the session of user \"%s\" should end, but the store does not remove "
                     "it: its cookie may still let somebody in [request %s]",
                     ta_fault_quote(env->pool, ta_record_text(login, TA_RECORD_USER)),
                     env->request->id);
    }
}

apr_status_t ta_end_logins_note(void *context, const unsigned char *key, ta_bytes record)
{
    const ta_end_logins_listener *listener = context;

    ta_event_note_login(listener->env->events, key, record, *listener->event);
    return APR_SUCCESS;
}

apr_status_t ta_end_logins(const ta_env *env, const ta_store_ending *meant, const ta_event *event,
                           int *count)
{
    ta_end_logins_listener listener = {.env = env, .event = event};
    ta_store_ending ending = *meant;
    apr_status_t rv;

    ending.before = env->now;
    ending.ended = ta_end_logins_note;
    ending.context = &listener;
    rv = ta_session_end_all(env->pool, env->store, &ending, count);
    if (rv == APR_SUCCESS && *count < 0) {
        ta_event_note(env->events, *event);
    }
    return rv;
}
