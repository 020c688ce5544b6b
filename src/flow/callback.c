/*
 * The callback. In order: the response's form, the browser's attempt, who answers (RFC 9207),
 * whether the code is still unused here, the exchange, the whitelist; only then a session.
 */
#include "flow/callback.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/accept.h"
#include "flow/access.h"
#include "flow/end_logins.h"
#include "flow/endpoint.h"
#include "flow/exchange.h"
#include "flow/login.h"
#include "flow/own_cookies.h"
#include "flow/return_address.h"
#include "flow/trust.h"
#include "oidc/authorization.h"
#include "session/session.h"
#include "util/secret.h"

/* longer than a code lives, which is ten minutes at most (RFC 6749 4.1.2). Not as long as the
 * attempt: whoever sends made-up codes could fill the store's place for claims */
#define CLAIM_SECONDS 900

/* One callback on its way through the checks. */
struct callback {
    const ta_provider *provider;
    ta_authorization_response *response;
    ta_attempt attempt;
    ta_attempt_values values;
    int has_attempt; /* attempt and values are this browser's */
    ta_metadata *metadata;
    ta_tokens *tokens;
    ta_identity *identity;
};

static apr_status_t check_attempt(const ta_env *env, struct callback *callback, ta_fault *fault)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): ta_fault_set returns no success */
    const char *state = callback->response->state;
    apr_status_t rv = ta_own_cookies_get_attempt(env, state, &callback->attempt, &callback->values);

    if (rv != APR_SUCCESS && rv != APR_TIMEUP) {
        return ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_MISSING,
                            "the browser has no cookie of a login with this state");
    }
    /* one provider must not answer for another (RFC 9700 section 4.4, mix-up) */
    if (strcmp(callback->attempt.provider_id, callback->provider->id) != 0) {
        return ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_MISSING,
                            "the login began with provider \"%s\"", callback->attempt.provider_id);
    }
    callback->has_attempt = 1;
    return rv == APR_SUCCESS
               ? rv
               : ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_EXPIRED,
                              "the login began more than %d seconds ago", TA_ATTEMPT_SECONDS);
}

/* Exactly one token request per code, also when the callback is loaded again: at once, or by a
 * browser that never heard the answer and so keeps the cookie. */
static apr_status_t claim_attempt(const ta_env *env, const struct callback *callback,
                                  ta_fault *fault)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_status_t rv;

    rv = ta_secret_expand(callback->attempt.secret, "tinyauth attempt used", key);
    if (rv == APR_SUCCESS) {
        rv = env->store->claim(env->store->context, env->pool, key, env->now + CLAIM_SECONDS);
    }
    if (rv == APR_EEXIST) {
        return ta_fault_set(fault, env->pool, TA_REASON_ATTEMPT_USED,
                            "this login's code was sent to the provider before");
    }
    return rv == APR_SUCCESS ? rv
                             : ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE,
                                            "the session store does not answer (%d)", rv);
}

static apr_status_t exchange(const ta_env *env, struct callback *callback, ta_fault *fault)
{
    ta_exchange exchange = {
        .provider = callback->provider,
        .metadata = callback->metadata,
        .code = callback->response->code,
        .redirect_uri = ta_login_redirect_uri(env, callback->provider),
        .code_verifier = callback->values.code_verifier,
        .nonce = callback->values.nonce,
    };

    return ta_exchange_code(env, &exchange, &callback->tokens, &callback->identity, fault);
}

static apr_status_t check_whitelist(const ta_env *env, const struct callback *callback,
                                    ta_fault *fault)
{
    const ta_identity *identity = callback->identity;

    if (ta_access_is_whitelisted(env->site, identity->email, identity->email_verified)) {
        return APR_SUCCESS;
    }
    if (ta_access_is_whitelisted(env->site, identity->email, 1)) {
        return ta_fault_set(fault, env->pool, TA_REASON_EMAIL_UNVERIFIED,
                            "the e-mail of user \"%s\" is on TinyauthWhitelist, but the provider "
                            "does not say that it is verified (see TinyauthTrustEmail)",
                            ta_fault_quote(env->pool, identity->user));
    }
    return ta_fault_set(fault, env->pool, TA_REASON_NOT_WHITELISTED,
                        "user \"%s\" is not on TinyauthWhitelist",
                        ta_fault_quote(env->pool, identity->user));
}

static apr_status_t read_response(const ta_env *env, struct callback *callback, ta_fault *fault)
{
    const char *id = env->request->path + strlen(TA_CALLBACK_PATH);

    callback->provider = ta_site_find_provider(env->site, id);
    if (!callback->provider) {
        return ta_fault_set(fault, env->pool, TA_REASON_PROVIDER_UNKNOWN, NULL);
    }
    if (!env->request->query) {
        return ta_fault_set(fault, env->pool, TA_REASON_RESPONSE_MALFORMED,
                            "the query cannot be read");
    }
    return ta_authorization_response_parse(env->pool, env->request->query, &callback->response,
                                           fault);
}

/* The checks, one behind the other. */
static apr_status_t check(const ta_env *env, struct callback *callback, ta_fault *fault)
{
    apr_status_t rv = read_response(env, callback, fault);

    if (rv == APR_SUCCESS) {
        rv = check_attempt(env, callback, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = ta_trust_get_metadata(env, callback->provider, &callback->metadata, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = ta_authorization_response_check(env->pool, callback->response, callback->metadata,
                                             fault);
    }
    if (rv == APR_SUCCESS) {
        rv = claim_attempt(env, callback, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = exchange(env, callback, fault);
    }
    return rv == APR_SUCCESS ? check_whitelist(env, callback, fault) : rv;
}

static void end_old(const ta_env *env, const ta_session *old)
{
    apr_status_t rv = ta_session_end(env->pool, env->store, old);

    ta_end_logins_check_removed(env, &old->login, rv);
    if (rv == APR_SUCCESS) {
        ta_event_note_session(env->events, old,
                              (ta_event){.kind = TA_EVENT_SESSION_ENDED, .by = TA_ENDED_BY_LOGIN});
    }
}

/* A new session under a new id; whatever session the browser had before ends. */
static apr_status_t make_session(const ta_env *env, const struct callback *callback,
                                 const char **id, unsigned char key[TA_STORE_KEY_LEN],
                                 ta_fault *fault)
{
    ta_session *old;
    ta_record record;
    ta_bytes bytes;
    apr_status_t rv;

    *id = ta_session_id_make(env->pool);
    rv = ta_session_id_key(*id, key);
    if (rv == APR_SUCCESS) {
        rv = ta_session_describe(env->pool, *id, callback->provider, callback->identity,
                                 callback->tokens, env->now, &record);
    }
    if (rv == APR_SUCCESS) {
        ta_record_set_text(&record, TA_RECORD_AUDIENCE, ta_own_cookies_audience(env));
        ta_session_note_client(env->pool, &record, env->request->address, env->request->user_agent);
        rv = ta_record_write(env->pool, &record, &bytes);
    }
    if (rv != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_SESSION_TOO_LARGE,
                            "a session holds at most %d bytes: claims, groups and tokens of "
                            "user \"%s\" are larger",
                            TA_STORE_RECORD_BYTES,
                            ta_fault_quote(env->pool, callback->identity->user));
    }
    rv = env->store->save(env->store->context, env->pool, key, bytes,
                          ta_lifetime_expiry(&env->site->lifetime, &record));
    if (rv != APR_SUCCESS) {
        return ta_fault_set(fault, env->pool, TA_REASON_STORE_UNAVAILABLE,
                            "the session store takes no new session (%d)", rv);
    }
    if (ta_access_find_session(env, &old) == APR_SUCCESS) {
        end_old(env, old);
    }
    return APR_SUCCESS;
}

static void note(const ta_env *env, const struct callback *callback, ta_event_kind kind,
                 ta_reason reason, const unsigned char *login_key)
{
    ta_event event = {.kind = kind, .reason = reason, .login_key = login_key};

    event.provider = callback->provider ? callback->provider->id : NULL;
    if (callback->identity) {
        event.user = callback->identity->user;
        event.sub = callback->identity->sub;
    }
    ta_event_note(env->events, event);
}

static ta_reply *refuse(const ta_env *env, const struct callback *callback, const ta_fault *fault)
{
    const char *return_to = "/";
    ta_reply *reply;

    note(env, callback, TA_EVENT_LOGIN_REFUSED, fault->reason, NULL);
    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0040: login with provider \"%s\" refused: %s%s%s [request %s]",
                 callback->provider ? callback->provider->id : "",
                 ta_reason_info_get(fault->reason)->code, fault->detail ? ": " : "",
                 fault->detail ? fault->detail : "", env->request->id);
    if (callback->has_attempt) {
        return_to = ta_login_retry_url(env, fault->reason, callback->attempt.asker_origin,
                                       callback->attempt.return_to);
    }
    reply = ta_reply_refuse(env, fault, return_to);
    if (callback->has_attempt && fault->reason != TA_REASON_ATTEMPT_USED) {
        ta_own_cookies_clear_attempt(env, reply, callback->response->state);
    }
    return reply;
}

/* On to where the login leads: the page that was asked for, or the host that asked. */
static ta_reply *lead_on(const ta_env *env, const struct callback *callback,
                         const unsigned char *login_key, const ta_seal_key *tokens_key)
{
    const char *return_to = ta_return_address_or_root(env, callback->attempt.return_to);
    ta_reply *reply;

    if (*callback->attempt.asker_origin) {
        return ta_accept_send_ticket(env, callback->attempt.asker_origin,
                                     callback->attempt.asker_state, login_key, tokens_key);
    }
    reply = ta_reply_redirect(env, 303, return_to);
    ta_own_cookies_count_round(env, reply, return_to, TA_ROUND_DONE);
    return reply;
}

/* Loaded again after it worked: on to the application, and nothing is done twice. */
static ta_reply *pass_again(const ta_env *env, const struct callback *callback,
                            const ta_fault *fault)
{
    ta_session *session;
    ta_seal_key key;
    int has_key;

    if ((fault->reason != TA_REASON_ATTEMPT_MISSING && fault->reason != TA_REASON_ATTEMPT_USED) ||
        ta_access_find_session(env, &session) != APR_SUCCESS) {
        return NULL;
    }
    if (!callback->has_attempt) {
        return ta_reply_redirect(env, 303, "/");
    }
    has_key = ta_session_get_tokens_key(env->pool, session, &key) == APR_SUCCESS;
    return lead_on(env, callback, session->login_key, has_key ? &key : NULL);
}

static ta_reply *finish(const ta_env *env, const struct callback *callback, const char *id,
                        const unsigned char *login_key)
{
    ta_fault fault = {.reason = TA_REASON_INTERNAL};
    ta_seal_key tokens_key;
    ta_reply *reply;

    if (ta_session_id_tokens_key(id, &tokens_key) != APR_SUCCESS) {
        return refuse(env, callback, &fault);
    }
    reply = lead_on(env, callback, login_key, &tokens_key);
    ta_own_cookies_set_session(env, reply, id);
    ta_own_cookies_clear_attempt(env, reply, callback->response->state);
    note(env, callback, TA_EVENT_LOGIN, TA_REASON_NONE, login_key);
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0041: user \"%s\" logged in with provider \"%s\" [request %s]",
                 ta_fault_quote(env->pool, callback->identity->user), callback->provider->id,
                 env->request->id);
    return reply;
}

ta_reply *ta_callback_handle(const ta_env *env)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    struct callback callback = {.provider = NULL};
    unsigned char key[TA_STORE_KEY_LEN];
    ta_reply *reply;
    const char *id;

    if (check(env, &callback, &fault) == APR_SUCCESS &&
        make_session(env, &callback, &id, key, &fault) == APR_SUCCESS) {
        return finish(env, &callback, id, key);
    }
    reply = pass_again(env, &callback, &fault);
    return reply ? reply : refuse(env, &callback, &fault);
}
