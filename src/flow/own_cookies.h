/*
 * Our cookies on one host: their names, and which of them the browser sent. Cookies know no
 * ports, so a port other than the scheme's own is part of the name: two sites on one host
 * name do not overwrite each other's.
 *
 *     __Host-tinyauth[-port]              session
 *     __Secure-tinyauth-domain            session where there is a cookie domain
 *     __Host-tinyauth[-port]-login-<tag>  one login attempt, tag = begin of its state
 *     __Host-tinyauth[-port]-rounds       how often a login just led back here
 *
 * On plain http the prefixes are left out: browsers take them from https only.
 */
#ifndef TA_FLOW_OWN_COOKIES_H
#define TA_FLOW_OWN_COOKIES_H

#include "flow/env.h"
#include "flow/reply.h"
#include "session/attempt.h"

/** What every cookie of ours begins with, behind a prefix. */
#define TA_OWN_COOKIES_BASE "tinyauth"

#define TA_OWN_COOKIES_TRIED 4 /* so many cookies of one name are tried */

/** The value of the index-th cookie of this exact name, or NULL. */
const char *ta_own_cookies_get(const ta_env *env, const char *name, int index);

/** Name of the session cookie here. */
const char *ta_own_cookies_session_name(const ta_env *env);

/** Cookie domain where it covers this host, else NULL: host-only. */
const char *ta_own_cookies_domain(const ta_env *env);

/** What a session here is bound to: the origin, or "." and the cookie domain. */
const char *ta_own_cookies_audience(const ta_env *env);

/** Sets or (id NULL) deletes the session cookie. */
void ta_own_cookies_set_session(const ta_env *env, ta_reply *reply, const char *id);

/**
 * Sets the cookie of a new attempt, and deletes old ones where there are too many or they are
 * too long together.
 * @return APR_SUCCESS, or APR_EGENERAL when it cannot be sealed
 */
apr_status_t ta_own_cookies_set_attempt(const ta_env *env, ta_reply *reply, const char *state,
                                        const ta_attempt *attempt);

/** Finds the attempt of a state, and what is derived from its secret.
 *  @return APR_SUCCESS; APR_NOTFOUND; APR_TIMEUP for one that is too old, which is filled in */
apr_status_t ta_own_cookies_get_attempt(const ta_env *env, const char *state, ta_attempt *attempt,
                                        ta_attempt_values *values);

/** Deletes the cookie of an attempt that is over. */
void ta_own_cookies_clear_attempt(const ta_env *env, ta_reply *reply, const char *state);

/** What counts as a round, and how much: some tabs may begin at once, but few logins that were
 *  done lead back to the login. */
typedef enum ta_round { TA_ROUND_BEGUN = 3, TA_ROUND_DONE = 4 } ta_round;

/** Counts, in a cookie, one more login that was begun for, or led to, this return address. */
void ta_own_cookies_count_round(const ta_env *env, ta_reply *reply, const char *return_to,
                                ta_round round);

/** True when logins led to this return address so often in so short a time that something
 *  must be going round in circles. */
int ta_own_cookies_is_looping(const ta_env *env, const char *return_to);

/** Forgets the rounds. */
void ta_own_cookies_clear_rounds(const ta_env *env, ta_reply *reply);

#endif
