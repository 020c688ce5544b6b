/*
 * One login for many hosts. The application's host hands the browser over to the login host
 * with a sealed question, and takes it back with a ticket (<path>/accept) that makes a
 * session of its own there, tied to the login's.
 */
#ifndef TA_FLOW_ACCEPT_H
#define TA_FLOW_ACCEPT_H

#include "flow/env.h"
#include "flow/reply.h"
#include "session/handover.h"

/** True where logins of this site live on the request's own host. */
int ta_accept_is_login_host(const ta_env *env);

/** False where request and app URL differ in http and https: nothing good can come of it. */
int ta_accept_scheme_fits(const ta_env *env);

/** Sends the browser to the login host, with an attempt cookie here that the way back needs.
 *  @param providers ids that may be used, blanks between; NULL: all
 *  @param more      further parameters of the login page, "&prompt=login" say; or "" */
ta_reply *ta_accept_hand_over(const ta_env *env, const char *return_to, const char *providers,
                              const char *more);

/** On the login host: sends a signed-in browser back with a ticket.
 *  @param origin the host that asked
 *  @param state  of its question
 *  @param tokens_key opens the login's tokens; NULL where it could not be had, which is refused */
ta_reply *ta_accept_send_ticket(const ta_env *env, const char *origin, const char *state,
                                const unsigned char *login_key, const ta_seal_key *tokens_key);

/** Answers <path>/accept. */
ta_reply *ta_accept_handle(const ta_env *env);

#endif
