/*
 * RP-initiated logout. Our own session ends first, whatever the provider does afterwards.
 */
#include "flow/logout.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/access.h"
#include "flow/login.h"
#include "flow/own_cookies.h"
#include "flow/trust.h"
#include "oidc/end_session.h"
#include "session/session.h"
#include "util/secret.h"
#include "util/url.h"

/* The form's token is the login it was made for: another site cannot log people out. (The session's
 * own id may change while the page is open.) */
static const char *form_token(const ta_env *env, const ta_session *session)
{
    ta_bytes plain = {session->login_key, sizeof(session->login_key)};

    return ta_seal_text(env->pool, &env->site->key, TA_SEAL_LOGOUT, env->request->origin, plain);
}

static int is_form_token(const ta_env *env, const ta_session *session)
{
    ta_bytes plain;

    return ta_seal_open_text(env->pool, &env->site->key, TA_SEAL_LOGOUT, env->request->origin,
                             ta_form_get(env->request->body, "token"), &plain) == APR_SUCCESS &&
           ta_secret_equal_bytes(plain.data, plain.len, session->login_key,
                                 sizeof(session->login_key));
}

static const char *signed_out_url(const ta_env *env)
{
    return apr_pstrcat(env->pool, env->site->path, "/signed-out", NULL);
}

/* The provider gives it back together with the browser, which lands on the login host: where that
 * is another one than this, it says the way back. */
static const char *landing_state(const ta_env *env)
{
    const char *landing = ta_login_origin(env), *origin = env->request->origin;
    ta_bytes plain = {(const unsigned char *)origin, strlen(origin)};

    return strcmp(landing, origin) == 0
               ? ta_session_id_make(env->pool)
               : ta_seal_text(env->pool, &env->site->key, TA_SEAL_LANDING, landing, plain);
}

/* The root of the host where somebody logged out; of this one where nothing says which it was. */
static const char *home_url(const ta_env *env)
{
    ta_bytes plain;

    if (ta_seal_open_text(env->pool, &env->site->key, TA_SEAL_LANDING, env->request->origin,
                          ta_form_get(env->request->query, "state"), &plain) != APR_SUCCESS) {
        return "/";
    }
    return apr_pstrcat(env->pool, apr_pstrmemdup(env->pool, (const char *)plain.data, plain.len),
                       "/", NULL);
}

/* Where the browser goes to leave the provider too, or NULL. */
static const char *provider_url(const ta_env *env, const ta_session *session)
{
    const char *id = ta_record_text(&session->login, TA_RECORD_PROVIDER);
    const ta_provider *provider = ta_site_find_provider(env->site, id);
    const char *origin = ta_login_origin(env);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_tokens tokens = {.id_token = NULL};
    ta_metadata *metadata;
    apr_int64_t given;

    if (!provider || ta_trust_get_metadata(env, provider, &metadata, &fault) != APR_SUCCESS) {
        return NULL;
    }
    (void)ta_session_open_tokens(env->pool, session, &tokens, &given);
    return ta_end_session_url(env->pool, provider, metadata, tokens.id_token,
                              apr_pstrcat(env->pool, origin, signed_out_url(env), NULL),
                              landing_state(env));
}

/* Browsers hold form-action against the redirects that follow the form, too: to the provider,
 * and from there to the page on the login host. */
static const char *form_origins(const ta_env *env, const ta_session *session)
{
    const char *url = provider_url(env, session);
    const char *landing = env->site->app_origin;
    ta_url *parsed;

    if (!url || ta_url_parse(env->pool, url, &parsed) != APR_SUCCESS) {
        return NULL;
    }
    return landing ? apr_pstrcat(env->pool, parsed->origin, " ", landing, NULL) : parsed->origin;
}

static ta_reply *confirm(const ta_env *env, const ta_session *session)
{
    ta_fault notice = {.reason = TA_REASON_LOGOUT_CONFIRM};
    const char *user = ta_record_text(&session->login, TA_RECORD_USER);
    const char *action = apr_pstrcat(env->pool, env->site->path, "/logout", NULL);
    ta_values *values;

    if (!ta_request_accepts_html(env->request)) {
        const ta_problem_member members[] = {{"user", user, NULL},
                                             {"action", action, NULL},
                                             {"token", form_token(env, session), NULL},
                                             {NULL, NULL, NULL}};

        return ta_reply_problem(env, &notice, members);
    }
    values = ta_values_make(env->pool);
    ta_values_set(values, "user", user);
    ta_values_set_url(values, "action", action);
    ta_values_set(values, "token", form_token(env, session));
    ta_values_set_url(values, "cancel_url", "/");
    return ta_reply_page(env, 200, TA_PAGE_LOGOUT, values, form_origins(env, session));
}

static ta_reply *end(const ta_env *env, const ta_session *session)
{
    apr_status_t rv = ta_session_end(env->pool, env->store, session);
    const char *url;
    ta_reply *reply;

    if (rv != APR_SUCCESS) {
        return ta_access_unavailable(env, rv);
    }
    /* only now: to learn where to go may take as long as a provider does not answer */
    url = provider_url(env, session);
    reply = ta_reply_redirect(env, 303, url ? url : signed_out_url(env));
    ta_own_cookies_set_session(env, reply, NULL);
    ta_own_cookies_clear_rounds(env, reply);
    ta_event_note_session(env->events, session,
                          (ta_event){.kind = TA_EVENT_LOGOUT, .by = TA_ENDED_BY_USER});
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS, "TA0060: user \"%s\" logged out [request %s]",
                 ta_fault_quote(env->pool, ta_record_text(&session->login, TA_RECORD_USER)),
                 env->request->id);
    return reply;
}

static ta_reply *refuse_token(const ta_env *env)
{
    ta_fault fault = {.reason = TA_REASON_LOGOUT_TOKEN};

    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0061: logout refused: %s: the form's token is not of this session "
                 "[request %s]",
                 ta_reason_info_get(fault.reason)->code, env->request->id);
    return ta_reply_refuse(env, &fault, apr_pstrcat(env->pool, env->site->path, "/logout", NULL));
}

ta_reply *ta_logout_handle(const ta_env *env)
{
    ta_session *session;
    ta_reply *reply;
    apr_status_t rv = ta_access_find_session(env, &session);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return ta_access_unavailable(env, rv);
    }
    if (rv == APR_NOTFOUND) {
        reply = ta_reply_redirect(env, 303, signed_out_url(env));
        /* from another site the browser sends no cookie, yet it would obey its deletion */
        if (ta_own_cookies_get(env, ta_own_cookies_session_name(env), 0)) {
            ta_own_cookies_set_session(env, reply, NULL);
        }
        return reply;
    }
    if (ta_request_is_get(env->request)) {
        return confirm(env, session);
    }
    return is_form_token(env, session) ? end(env, session) : refuse_token(env);
}

ta_reply *ta_logout_show_signed_out(const ta_env *env)
{
    ta_fault notice = {.reason = TA_REASON_SIGNED_OUT};
    ta_values *values;

    if (!ta_request_accepts_html(env->request)) {
        return ta_reply_problem(env, &notice, NULL);
    }
    values = ta_values_make(env->pool);
    ta_values_set_url(values, "home_url", home_url(env));
    return ta_reply_page(env, 200, TA_PAGE_SIGNED_OUT, values, NULL);
}
