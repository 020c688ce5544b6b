/*
 * Ending logins by what the provider or an administrator names, and telling it.
 */
#ifndef TA_FLOW_END_LOGINS_H
#define TA_FLOW_END_LOGINS_H

#include "flow/env.h"

/**
 * Ends the logins that are meant, and tells one event for each. A store that does not know which
 * there were has one event told for all of them, with what is known of whom was meant.
 * @param meant  subject, sid and is_guess; the rest is filled in here
 * @param event  kind, by and, as far as they are known, provider and sub
 * @param count  set to how many, or -1 where the store cannot say
 * @return APR_SUCCESS, or the store's error
 */
apr_status_t ta_end_logins(const ta_env *env, const ta_store_ending *meant, const ta_event *event,
                           int *count);

/** The fault of a logout that the store did not take. @return APR_EGENERAL, as ta_fault_set */
apr_status_t ta_end_logins_fail(const ta_env *env, apr_status_t rv, ta_fault *fault);

/** Logs that a session which should end is still in the store, so that its cookie may still let
 *  somebody in. @param rv the store's error; APR_SUCCESS: nothing is logged */
void ta_end_logins_check_removed(const ta_env *env, const ta_record *login, apr_status_t rv);

/** ta_store_visit for ta_session_list_end_all. @param context a ta_end_logins_listener */
apr_status_t ta_end_logins_note(void *context, const unsigned char *key, ta_bytes record);

typedef struct ta_end_logins_listener {
    const ta_env *env;
    const ta_event *event;
} ta_end_logins_listener;

#endif
