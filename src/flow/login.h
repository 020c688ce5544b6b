/*
 * The beginning of a login: the login page, and the way to the provider.
 */
#ifndef TA_FLOW_LOGIN_H
#define TA_FLOW_LOGIN_H

#include "flow/env.h"
#include "flow/reply.h"
#include "session/session.h"

/** Path and query of the login page on this host, with the way back.
 *  @param scope     which providers to offer; NULL: all
 *  @param return_to checked return address */
const char *ta_login_url(const ta_env *env, const ta_scope *scope, const char *return_to);

/** The same, for somebody who wants to be somebody else: the provider asks, although it knows the
 *  browser. */
const char *ta_login_switch_url(const ta_env *env, const char *return_to);

/** Where "try again" leads after a refusal: to the address that was wanted, but to
 *  ta_login_switch_url where the account is the reason.
 *  @param origin of the host that was wanted; "": this one */
const char *ta_login_retry_url(const ta_env *env, ta_reason reason, const char *origin,
                               const char *return_to);

/** Sends a navigation that needs a login on its way: to the login page, to the provider at
 *  once (TinyauthAutoRedirect), or to the login's own host. */
ta_reply *ta_login_send(const ta_env *env, const ta_scope *scope);

/** Sends somebody who is signed in to the same provider again, without a page of ours; by way
 *  of the login host where that is another one.
 *  @return NULL where that cannot begin now */
ta_reply *ta_login_again(const ta_env *env, const ta_session *session);

/** Scheme and host where logins of this site live: the app URL, else the request's own. */
const char *ta_login_origin(const ta_env *env);

/** The callback URL that is sent to the provider: configured, or made of the app URL. */
const char *ta_login_redirect_uri(const ta_env *env, const ta_provider *provider);

/** Answers <path>/login. */
ta_reply *ta_login_handle(const ta_env *env);

#endif
