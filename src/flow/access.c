/*
 * Who is behind a request, and what somebody hears who is nobody yet.
 */
#include "flow/access.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/host_session.h"
#include "flow/login.h"
#include "flow/own_cookies.h"
#include "flow/return_address.h"

int ta_access_is_whitelisted(const ta_site *site, const char *email, int email_verified)
{
    return !site->whitelist || (email_verified && ta_filter_match_email(site->whitelist, email));
}

apr_status_t ta_access_check_login(const ta_env *env, const ta_record *login, ta_fault *fault)
{
    const char *id = ta_record_text(login, TA_RECORD_PROVIDER);
    const ta_provider *provider = ta_site_find_provider(env->site, id);

    if (!ta_lifetime_is_alive(&env->site->lifetime, login, env->now)) {
        return ta_fault_set(fault, env->pool, TA_REASON_TICKET_INVALID, "the login has ended");
    }
    /* a fingerprint is no secret */
    if (!provider || memcmp(provider->fingerprint, login->provider, sizeof(login->provider)) != 0) {
        return ta_fault_set(fault, env->pool, TA_REASON_PROVIDER_UNKNOWN,
                            "provider \"%s\" is another one on %s than at the login", id,
                            env->request->origin);
    }
    if (!ta_access_is_whitelisted(env->site, ta_record_text(login, TA_RECORD_EMAIL),
                                  (login->flags & TA_RECORD_EMAIL_VERIFIED) != 0)) {
        return ta_fault_set(fault, env->pool, TA_REASON_NOT_WHITELISTED, NULL);
    }
    return APR_SUCCESS;
}

/* The cookie was made for this host. */
static inline int is_made_here(const ta_env *env, const ta_session *session)
{
    return strcmp(ta_record_text(session->own, TA_RECORD_AUDIENCE), ta_own_cookies_audience(env)) ==
               0 &&
           ta_host_session_is_current(env, session->own);
}

/* Notes that the login was used. When somebody else changed or ended it meanwhile, theirs
 * counts and nothing is written. */
static void note_use(const ta_env *env, ta_session *session)
{
    ta_record used;
    ta_bytes bytes;

    if (!ta_lifetime_is_due(&env->site->lifetime, &session->login, env->now)) {
        return;
    }
    used = session->login;
    used.last_used = env->now;
    if (ta_record_write(env->pool, &used, &bytes) == APR_SUCCESS &&
        env->store->replace(env->store->context, env->pool, session->login_key,
                            session->login_bytes, bytes,
                            ta_lifetime_expiry(&env->site->lifetime, &used)) == APR_SUCCESS) {
        session->login_bytes = bytes;
        session->login = used;
    }
}

apr_status_t ta_access_find_session(const ta_env *env, ta_session **result)
{
    const char *name = ta_own_cookies_session_name(env);
    apr_status_t failure = APR_NOTFOUND;

    *result = NULL;
    for (int i = 0; i < TA_OWN_COOKIES_TRIED; i++) {
        const char *id = ta_own_cookies_get(env, name, i);
        ta_session *session;
        apr_status_t rv;

        if (!id) {
            break;
        }
        rv = ta_session_load(env->pool, env->store, env->recent, id, &session);
        if (rv == APR_SUCCESS && is_made_here(env, session) &&
            ta_access_check_login(env, &session->login, NULL) == APR_SUCCESS) {
            note_use(env, session);
            *result = session;
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
            failure = rv;
        }
    }
    return failure;
}

int ta_access_is_over(const ta_env *env)
{
    const char *name = ta_own_cookies_session_name(env);

    for (int i = 0; i < TA_OWN_COOKIES_TRIED; i++) {
        const char *id = ta_own_cookies_get(env, name, i);
        ta_session *session;

        if (id &&
            ta_session_load(env->pool, env->store, env->recent, id, &session) == APR_SUCCESS &&
            is_made_here(env, session) &&
            ta_lifetime_is_over(&env->site->lifetime, &session->login, env->now)) {
            return 1;
        }
    }
    return 0;
}

ta_reply *ta_access_unavailable(const ta_env *env, apr_status_t rv)
{
    ta_fault fault = {.reason = TA_REASON_STORE_UNAVAILABLE};

    ta_log_write(env->log, TA_LOG_ERROR, rv,
                 "TA0012: the session store does not answer, nobody can be let in [request %s]",
                 env->request->id);
    return ta_reply_refuse(env, &fault, ta_return_address_of_request(env));
}

/* 401, as a page for people and as JSON for programs. */
static ta_reply *refuse_unauthenticated(const ta_env *env, const ta_scope *scope)
{
    ta_fault fault = {.reason = TA_REASON_LOGIN_REQUIRED};
    const ta_reason_info *info = ta_reason_info_get(fault.reason);
    const char *return_to =
        ta_request_is_navigation(env->request) ? ta_return_address_of_request(env) : "/";
    const char *login = ta_login_url(env, scope, return_to);
    ta_values *values;
    ta_reply *reply;

    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS, "TA0201: %s needs a login: %s [request %s]",
                 ta_fault_quote(env->pool, env->request->path), info->code, env->request->id);
    if (!ta_request_accepts_html(env->request)) {
        const ta_problem_member members[] = {
            {"login", apr_pstrcat(env->pool, env->request->origin, login, NULL), NULL},
            {NULL, NULL, NULL}};

        return ta_reply_problem(env, &fault, members);
    }
    values = ta_values_make(env->pool);
    ta_reply_explain(env, values, fault.reason);
    ta_values_set_url(values, "signin_url", login);
    reply = ta_reply_page(env, info->status, TA_PAGE_ERROR, values, NULL);
    reply->challenge = 1;
    reply->reason = fault.reason;
    return reply;
}

ta_reply *ta_access_ask(const ta_env *env, const ta_scope *scope)
{
    int to_login = scope->unauthenticated == TA_UNAUTHENTICATED_LOGIN ||
                   (scope->unauthenticated == TA_UNAUTHENTICATED_AUTO &&
                    ta_request_is_navigation(env->request));

    return to_login ? ta_login_send(env, scope) : refuse_unauthenticated(env, scope);
}
