/*
 * Back-channel logout: the token is verified as an ID token is, counts once, and ends the
 * sessions that it names, on every host and machine that shares the store.
 */
#include "flow/backchannel.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/end_logins.h"
#include "flow/trust.h"
#include "oidc/logout_token.h"
#include "session/session.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/text.h"

#define BODY_BYTES 1024

/* The one token of the form. */
static apr_status_t get_token(const ta_env *env, const char **token, ta_fault *fault)
{
    *token = ta_form_get(env->request->body, "logout_token");
    if (!*token || ta_form_count(env->request->body, "logout_token") != 1) {
        return ta_fault_set(fault, env->pool, TA_REASON_BACKCHANNEL_TOKEN,
                            "the body is no form with one logout_token");
    }
    return APR_SUCCESS;
}

static apr_status_t verify(const ta_env *env, const ta_provider *provider, const char *text,
                           ta_logout_token *token, ta_fault *fault)
{
    ta_metadata *metadata;
    ta_jws *jws;
    apr_status_t rv = ta_jws_parse(env->pool, text, strlen(text), &jws, fault);

    if (rv == APR_SUCCESS) {
        rv = ta_trust_get_metadata(env, provider, &metadata, fault);
    }
    if (rv == APR_SUCCESS) {
        rv = ta_trust_verify(env, provider, metadata, jws, fault);
    }
    return rv == APR_SUCCESS
               ? ta_logout_token_check(env->pool, jws, provider, env->now, token, fault)
               : rv;
}

static apr_status_t make_key(const ta_provider *provider, const ta_logout_token *token,
                             unsigned char key[TA_STORE_KEY_LEN])
{
    static const char purpose[] = "tinyauth logout token used";
    unsigned char bytes[2 * TA_SHA256_LEN];
    apr_status_t rv = ta_secret_sha256(token->jti, strlen(token->jti), bytes + TA_SHA256_LEN);

    memcpy(bytes, provider->fingerprint, TA_SHA256_LEN);
    return rv == APR_SUCCESS ? ta_secret_derive(bytes, sizeof(bytes), purpose, key) : rv;
}

/* 2.4: a sid is one session at the provider; sub alone is all of the user's. 2.7: "the session(s)
 * identified by the iss and sub Claims and/or the sid Claim": with both, a sid of somebody else's
 * names nothing, and a login whose ID token had no sid is found by its sub. */
static apr_status_t end(const ta_env *env, const ta_provider *provider,
                        const ta_logout_token *token, int *count)
{
    const ta_event event = {.kind = TA_EVENT_LOGOUT,
                            .by = TA_ENDED_BY_BACK_CHANNEL,
                            .provider = provider->id,
                            .sub = token->sub};
    ta_store_ending ending = {.is_guess = 0};
    apr_status_t rv = ta_session_index_of_sid(provider->fingerprint, token->sid, ending.sid);

    if (rv == APR_SUCCESS) {
        rv = ta_session_index_of_subject(provider->fingerprint, token->sub, ending.subject);
    }
    return rv == APR_SUCCESS ? ta_end_logins(env, &ending, &event, count) : rv;
}

/* 2.6 (8): jti was not seen before; it is remembered for as long as the token could pass. Only
 * after the end: where the store is away meanwhile, the provider may send the same token again
 * (2.8). Two that come at once end the same. */
static apr_status_t end_once(const ta_env *env, const ta_provider *provider,
                             const ta_logout_token *token, int *count, ta_fault *fault)
{
    const ta_store *store = env->store;
    unsigned char key[TA_STORE_KEY_LEN];
    apr_status_t rv = make_key(provider, token, key);

    if (rv == APR_SUCCESS) {
        rv = store->check_claim(store->context, env->pool, key);
    }
    if (rv == APR_EEXIST) {
        return ta_fault_set(fault, env->pool, TA_REASON_BACKCHANNEL_USED,
                            "a token with this jti came before");
    }
    if (rv == APR_SUCCESS) {
        rv = end(env, provider, token, count);
    }
    if (rv == APR_SUCCESS) {
        rv = store->claim(store->context, env->pool, key, token->expires);
        rv = rv == APR_EEXIST ? APR_SUCCESS : rv;
    }
    return rv == APR_SUCCESS ? rv : ta_end_logins_fail(env, rv, fault);
}

/* Back-Channel Logout 2.8: 400 whether the token is not valid or the logout failed, with error
 * and error_description as RFC 6749 5.2 has them. */
static ta_reply *refuse(const ta_env *env, const char *id, const ta_fault *fault)
{
    const ta_reason_info *info = ta_reason_info_get(fault->reason);
    int is_ours = info->status >= 500 && (fault->reason == TA_REASON_STORE_UNAVAILABLE ||
                                          fault->reason == TA_REASON_PROVIDER_UNREACHABLE);
    ta_reply *reply = ta_reply_make(env, 400);
    ta_text out;

    ta_log_write(env->log, is_ours ? TA_LOG_ERROR : TA_LOG_WARNING, APR_SUCCESS,
                 "TA0500: a back-channel logout of provider \"%s\" was refused: %s%s%s; nobody "
                 "was logged out [request %s]",
                 id, info->code, fault->detail ? ": " : "", fault->detail ? fault->detail : "",
                 env->request->id);
    ta_text_init(&out, env->pool, BODY_BYTES);
    ta_text_append_format(&out, "{\"error\":\"%s\",\"error_description\":",
                          is_ours ? "temporarily_unavailable" : "invalid_request");
    ta_json_append_string(&out, info->title);
    ta_text_append(&out, ",\"reason\":");
    ta_json_append_string(&out, info->code);
    ta_text_append(&out, ",\"request_id\":");
    ta_json_append_string(&out, env->request->id);
    ta_text_append(&out, "}\n");
    reply->content_type = "application/json";
    reply->reason = fault->reason;
    if (ta_text_finish(&out, &reply->body) != APR_SUCCESS) {
        reply->body = "{\"error\":\"invalid_request\"}\n";
    }
    return reply;
}

static apr_status_t log_out(const ta_env *env, const ta_provider *provider, int *count,
                            ta_logout_token *token, ta_fault *fault)
{
    const char *text = NULL;
    apr_status_t rv;

    if (!provider->issuer) {
        return ta_fault_set(fault, env->pool, TA_REASON_BACKCHANNEL_TOKEN,
                            "without TinyauthIssuer nothing can verify a logout token");
    }
    rv = get_token(env, &text, fault);
    if (rv == APR_SUCCESS) {
        rv = verify(env, provider, text, token, fault);
    }
    return rv == APR_SUCCESS ? end_once(env, provider, token, count, fault) : rv;
}

ta_reply *ta_backchannel_handle(const ta_env *env, const char *id)
{
    const ta_provider *provider = ta_site_find_provider(env->site, id);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_logout_token token = {.sub = NULL};
    int count = 0;

    if (!provider) {
        (void)ta_fault_set(&fault, env->pool, TA_REASON_PROVIDER_UNKNOWN, NULL);
        return refuse(env, "", &fault);
    }
    if (log_out(env, provider, &count, &token, &fault) != APR_SUCCESS) {
        return refuse(env, provider->id, &fault);
    }
    /* -1: a store that cannot count */
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0501: provider \"%s\" logged out %s: %s sessions ended [request %s]",
                 provider->id,
                 token.sid ? "one of its sessions"
                           : apr_psprintf(env->pool, "the user with sub \"%s\"",
                                          ta_fault_quote(env->pool, token.sub)),
                 count < 0 ? "all its" : apr_itoa(env->pool, count), env->request->id);
    return ta_reply_make(env, 200);
}
