/*
 * The session that a host gives a browser for a login: a cookie of this host, whose record only
 * points to the login's. A further host of a login has one, and so has every host once what the
 * user may do has changed: then the browser gets a new id, so that one that somebody took before
 * is worth nothing after.
 */
#ifndef TA_FLOW_HOST_SESSION_H
#define TA_FLOW_HOST_SESSION_H

#include "flow/env.h"
#include "session/session.h"

#define TA_HOST_SESSION_GRACE 60 /* seconds for requests that are on their way with the old id */

/**
 * Makes and saves a session of this host.
 * @param login      the login's record, under login_key
 * @param tokens_key opens the login's tokens; kept sealed under the new id
 * @param id         set to the cookie's value
 * @param key        set to the new record's key
 * @return APR_SUCCESS; APR_EGENERAL with fault set
 */
apr_status_t ta_host_session_make(const ta_env *env, const ta_record *login,
                                  const unsigned char *login_key, const ta_seal_key *tokens_key,
                                  const char **id, unsigned char key[TA_STORE_KEY_LEN],
                                  ta_fault *fault);

/** False for a cookie that was replaced by another one, more than TA_HOST_SESSION_GRACE ago. */
int ta_host_session_is_current(const ta_env *env, const ta_record *own);

/** Whether another id is due: who the user is, or what a Require can ask of them, is no longer
 *  what it was. */
int ta_host_session_is_due(const ta_record *before, const ta_record *after);

/**
 * Gives a session another id on this host, and retires the old one.
 * @return the new cookie's value; NULL where the old one stays, which is logged
 */
const char *ta_host_session_rotate(const ta_env *env, ta_session *session);

#endif
