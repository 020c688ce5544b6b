/*
 * Handing a browser over to the login host, and taking it back.
 *
 *     application                       login host
 *     302, attempt cookie  ──question──►  login page, provider, callback (or nothing at all,
 *                                         where somebody is logged in there already)
 *     <path>/accept        ◄──ticket────  302
 *     own session, tied to the login's
 */
#include "flow/accept.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/access.h"
#include "flow/end_logins.h"
#include "flow/host_session.h"
#include "flow/login.h"
#include "flow/own_cookies.h"
#include "flow/return_address.h"
#include "util/secret.h"

#define QUERY_BYTES         8192
#define SHORT_ADDRESS_BYTES 256 /* of the way back, when it is only for "try again" */

int ta_accept_is_login_host(const ta_env *env)
{
    return !env->site->app_origin || strcmp(env->site->app_origin, env->request->origin) == 0;
}

int ta_accept_scheme_fits(const ta_env *env)
{
    const char *origin = env->site->app_origin;
    apr_size_t len = strlen(env->request->scheme);

    return !origin || (strncmp(origin, env->request->scheme, len) == 0 && origin[len] == ':');
}

static ta_reply *refuse(const ta_env *env, const ta_fault *fault, const char *retry)
{
    ta_event_note(env->events, (ta_event){.kind = TA_EVENT_LOGIN_REFUSED, .reason = fault->reason});
    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0030: a login for another host cannot go on: %s%s%s [request %s]",
                 ta_reason_info_get(fault->reason)->code, fault->detail ? ": " : "",
                 fault->detail ? fault->detail : "", env->request->id);
    return ta_reply_refuse(env, fault, retry);
}

static const char *page_url(const ta_env *env, const char *origin, const char *page,
                            const char *name, const char *value)
{
    const char *query;
    ta_text out;

    ta_text_init(&out, env->pool, QUERY_BYTES);
    ta_form_append(&out, name, value);
    if (ta_text_finish(&out, &query) != APR_SUCCESS) {
        return NULL;
    }
    return apr_pstrcat(env->pool, origin, env->site->path, page, "?", query, NULL);
}

ta_reply *ta_accept_hand_over(const ta_env *env, const char *return_to, const char *providers,
                              const char *more)
{
    ta_fault fault = {.reason = TA_REASON_INTERNAL};
    ta_handover question = {
        .asked = env->now,
        .origin = env->request->origin,
        .return_to = strlen(return_to) <= SHORT_ADDRESS_BYTES ? return_to : "/",
        .providers = providers,
    };
    ta_attempt_values values;
    ta_attempt attempt;
    const char *url;
    ta_reply *reply;

    if (ta_attempt_start(&attempt, env->now) != APR_SUCCESS ||
        ta_attempt_derive(env->pool, &attempt, &values) != APR_SUCCESS) {
        return refuse(env, &fault, "/");
    }
    attempt.return_to = return_to;
    question.state = values.state;
    url = page_url(env, env->site->app_origin, "/login", "for",
                   ta_handover_seal(env->pool, &env->site->key, &question));
    reply = ta_reply_redirect(env, 302, url ? apr_pstrcat(env->pool, url, more, NULL) : NULL);
    if (!url || ta_own_cookies_set_attempt(env, reply, values.state, &attempt) != APR_SUCCESS) {
        return refuse(env, &fault, "/");
    }
    return reply;
}

ta_reply *ta_accept_send_ticket(const ta_env *env, const char *origin, const char *state,
                                const unsigned char *login_key, const ta_seal_key *tokens_key)
{
    ta_fault fault = {.reason = TA_REASON_INTERNAL};
    ta_ticket ticket = {
        .issued = env->now,
        .origin = origin,
        .state = state,
    };
    const char *url;

    if (!tokens_key) {
        return refuse(env, &fault, "/");
    }
    ticket.tokens_key = *tokens_key;
    memcpy(ticket.login_key, login_key, sizeof(ticket.login_key));
    url =
        page_url(env, origin, "/accept", "t", ta_ticket_seal(env->pool, &env->site->key, &ticket));
    return url ? ta_reply_redirect(env, 303, url) : refuse(env, &fault, "/");
}

/* The ticket must be ours, fresh, for this host, and for this browser: the one whose cookie
 * has the attempt that the question came from. */
static apr_status_t check_ticket(const ta_env *env, ta_ticket *ticket, ta_attempt *attempt,
                                 ta_fault *fault)
{
    const char *sealed = ta_form_get(env->request->query, "t");
    ta_attempt_values values;
    apr_status_t rv;

    if (ta_form_count(env->request->query, "t") != 1 ||
        ta_ticket_open(env->pool, &env->site->key, sealed, env->now, ticket) != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_TICKET_INVALID,
                            "the ticket is not ours or older than %d seconds", TA_TICKET_SECONDS);
    }
    if (strcmp(ticket->origin, env->request->origin) != 0) {
        return ta_fault_set(fault, env->pool, TA_REASON_TICKET_INVALID,
                            "the ticket is for %s, this is %s", ticket->origin,
                            env->request->origin);
    }
    rv = ta_own_cookies_get_attempt(env, ticket->state, attempt, &values);
    if ((rv != APR_SUCCESS && rv != APR_TIMEUP) || *attempt->provider_id) {
        attempt->return_to = "/";
        return ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_MISSING,
                            "the browser has no cookie of the login that the ticket is for");
    }
    return rv == APR_SUCCESS
               ? rv
               : ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_EXPIRED,
                              "the login began more than %d seconds ago", TA_ATTEMPT_SECONDS);
}

/* The login's record must still be there, and count on this host too. */
static apr_status_t load_login(const ta_env *env, const ta_ticket *ticket, ta_record *login,
                               ta_fault *fault)
{
    ta_bytes bytes;
    apr_status_t rv =
        env->store->load(env->store->context, env->pool, ticket->login_key, NULL, &bytes, NULL);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE, NULL);
    }
    if (rv == APR_NOTFOUND || ta_record_read(bytes, login) != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_TICKET_INVALID,
                            "the login that the ticket is for has ended");
    }
    return ta_access_check_login(env, login, fault);
}

/* Takes the ticket, so that it is good once. */
static apr_status_t claim_ticket(const ta_env *env, const ta_ticket *ticket, ta_fault *fault)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_status_t rv = ta_secret_sha256(ticket->id, sizeof(ticket->id), key);

    if (rv == APR_SUCCESS) {
        rv = env->store->claim(env->store->context, env->pool, key,
                               ticket->issued + 2 * TA_TICKET_SECONDS);
    }
    if (rv == APR_EEXIST) {
        return ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_USED, "the ticket was used before");
    }
    return rv == APR_SUCCESS ? rv
                             : ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE, NULL);
}

static apr_status_t make_session(const ta_env *env, const ta_ticket *ticket, const ta_record *login,
                                 const char **id, ta_fault *fault)
{
    unsigned char key[TA_STORE_KEY_LEN];
    ta_session *old;
    apr_status_t rv =
        ta_host_session_make(env, login, ticket->login_key, &ticket->tokens_key, id, key, fault);

    /* what the browser had here before is dead, as after every login */
    if (rv == APR_SUCCESS && ta_access_find_session(env, &old) == APR_SUCCESS) {
        ta_end_logins_check_removed(env, &old->login,
                                    env->store->remove(env->store->context, env->pool, old->key));
    }
    return rv;
}

/* Where the login host has longer limits the login goes on there, and would come back for ever.
 * Of a login that was not found no time is known. */
static int is_too_old(const ta_env *env, const ta_record *login)
{
    return login->created && ta_lifetime_is_over(&env->site->lifetime, login, env->now);
}

static ta_reply *ask_for_newer(const ta_env *env, const ta_ticket *ticket, const ta_record *login,
                               const char *return_to)
{
    ta_reply *reply =
        ta_accept_hand_over(env, ta_return_address_or_root(env, return_to), NULL, "&again=1");

    ta_own_cookies_clear_attempt(env, reply, ticket->state);
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0032: the login of user \"%s\" is older than %s takes it: a new one is asked "
                 "for [request %s]",
                 ta_fault_quote(env->pool, ta_record_text(login, TA_RECORD_USER)),
                 env->request->origin, env->request->id);
    return reply;
}

ta_reply *ta_accept_handle(const ta_env *env)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_attempt attempt = {.return_to = "/"};
    ta_session *session;
    ta_ticket ticket = {.issued = 0};
    ta_record login = {.flags = 0};
    const char *id = NULL;
    ta_reply *reply;

    if (check_ticket(env, &ticket, &attempt, &fault) != APR_SUCCESS) {
        /* reloaded after it worked: the session is there */
        return ta_access_find_session(env, &session) == APR_SUCCESS
                   ? ta_reply_redirect(env, 303, "/")
                   : refuse(env, &fault, ta_return_address_or_root(env, attempt.return_to));
    }
    if (load_login(env, &ticket, &login, &fault) != APR_SUCCESS && is_too_old(env, &login)) {
        return ask_for_newer(env, &ticket, &login, attempt.return_to);
    }
    if (fault.reason != TA_REASON_NONE || claim_ticket(env, &ticket, &fault) != APR_SUCCESS ||
        make_session(env, &ticket, &login, &id, &fault) != APR_SUCCESS) {
        return refuse(env, &fault, ta_login_retry_url(env, fault.reason, "", attempt.return_to));
    }
    reply = ta_reply_redirect(env, 303, ta_return_address_or_root(env, attempt.return_to));
    ta_own_cookies_set_session(env, reply, id);
    ta_own_cookies_clear_attempt(env, reply, ticket.state);
    ta_own_cookies_count_round(env, reply, attempt.return_to, TA_ROUND_DONE);
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0031: the login of user \"%s\" counts on %s too [request %s]",
                 ta_fault_quote(env->pool, ta_record_text(&login, TA_RECORD_USER)),
                 env->request->origin, env->request->id);
    return reply;
}
