/*
 * The hooks around AuthType Tinyauth. The invariant of all of them: OK from check_authn means
 * that r->user is set to a user whom a session in the store vouches for; everything else
 * leaves here with an answer or an error.
 */
#include "httpd/authenticate.h"

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include "flow/host_session.h"
#include "flow/own_cookies.h"
#include "httpd/config.h"
#include "httpd/context.h"
#include "httpd/module.h"
#include "httpd/reply_map.h"

APLOG_USE_MODULE(tinyauth);

static int refuse_without_engine(request_rec *r)
{
    const ta_server_config *config = ta_config_of_server(r->server);

    /* a request that httpd could not even read, on its way to an ErrorDocument */
    if (config->site && config->process) {
        return HTTP_UNAUTHORIZED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "TA0150: AuthType Tinyauth, but %s: nobody can be let in to %s",
                  config->engine == 0 ? "TinyauthEngine is Off on this host"
                  : config->site      ? "this child could not be set up (see TA0111)"
                                      : "no <TinyauthProvider> is described for this host",
                  r->uri);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* The scope as merging left it; a request without any directive of ours has the defaults. */
static const ta_scope *scope_of(request_rec *r)
{
    return &ta_config_of_directory(r)->scope;
}

/* What the user may do has changed: the browser gets another id with this answer. (A part of a
 * page has none of its own; the next request that asks the provider brings it.) */
static void renew_cookie(request_rec *r, ta_context *context)
{
    ta_reply *reply = ta_reply_make(&context->env, OK);
    const char *id = ta_host_session_rotate(&context->env, context->session);

    context->session->has_new_rights = 0;
    if (id) {
        ta_own_cookies_set_session(&context->env, reply, id);
        ta_reply_map_set_cookies(r, reply);
    }
}

/* The one place that says yes. */
static int let_in(request_rec *r, ta_context *context)
{
    const char *user = ta_record_text(&context->session->login, TA_RECORD_USER);

    if (!*user) {
        return HTTP_UNAUTHORIZED;
    }
    r->user = (char *)user;
    r->ap_auth_type = (char *)ta_context_auth_type;
    context->is_authenticated = 1;
    if (context->session->has_new_rights && !r->main) {
        renew_cookie(r, context);
    }
    return OK;
}

/* The provider's tokens have run out: the browser passes by the provider, without a page. */
static int login_again(request_rec *r, ta_context *context)
{
    if (!r->main) {
        return ta_context_answer(r, context, context->login_again);
    }
    return context->is_overdue ? HTTP_UNAUTHORIZED : let_in(r, context);
}

static int ask_for_login(request_rec *r, ta_context *context)
{
    /* an include or a look-up by another module has nobody to send anywhere */
    if (r->main) {
        return HTTP_UNAUTHORIZED;
    }
    return ta_context_answer(r, context, ta_access_ask(&context->env, scope_of(r)));
}

int ta_authenticate_user(request_rec *r)
{
    ta_context *context;
    apr_status_t rv;

    if (!ta_context_is_auth_type_ours(r)) {
        return DECLINED;
    }
    context = ta_context_get(r);
    if (!context) {
        return refuse_without_engine(r);
    }
    rv = ta_context_find_session(context);
    if (rv == APR_SUCCESS && ta_scope_allows(scope_of(r), ta_record_text(&context->session->login,
                                                                         TA_RECORD_PROVIDER))) {
        return context->login_again ? login_again(r, context) : let_in(r, context);
    }
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return r->main ? HTTP_SERVICE_UNAVAILABLE
                       : ta_context_answer(r, context, ta_access_unavailable(&context->env, rv));
    }
    return ask_for_login(r, context);
}

int ta_authenticate_wants_user(request_rec *r)
{
    ta_context *context = ta_context_is_auth_type_ours(r) ? ta_context_get(r) : NULL;

    /* our own pages are open to everybody; a provider that does not count here is no identity */
    if (!context || context->endpoint || ta_context_find_session(context) != APR_SUCCESS ||
        !ta_scope_allows(scope_of(r),
                         ta_record_text(&context->session->login, TA_RECORD_PROVIDER))) {
        return DECLINED;
    }
    return OK;
}

/* TinyauthExplain names this user. */
static int is_explained(const request_rec *r)
{
    const apr_array_header_t *users = ta_config_of_directory(r)->explained;

    for (int i = 0; users && i < users->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(users, i, const char *), r->user) == 0) {
            return 1;
        }
    }
    return 0;
}

/* All checkers once more. Where an alias is in doubt they have to agree whatever it says, for
 * it may stand behind "not". */
static int check_again(request_rec *r, ta_context *context)
{
    int rv;

    context->is_rechecking = 1;
    context->has_doubts = 0;
    rv = ap_run_auth_checker(r);
    if (rv == OK && context->has_doubts) {
        context->do_doubts_grant = 1;
        rv = ap_run_auth_checker(r);
        context->do_doubts_grant = 0;
    }
    context->is_rechecking = 0;
    return rv;
}

int ta_authenticate_check_denial(request_rec *r)
{
    ta_context *context = ta_context_is_auth_type_ours(r) ? ta_context_get(r) : NULL;
    int rv;

    if (!context || !context->session || !r->user || context->is_rechecking) {
        return DECLINED;
    }
    context->denial = (ta_denial){.reason = TA_REASON_NOT_ALLOWED, .is_explained = is_explained(r)};
    rv = check_again(r, context);
    if (r->main) {
        /* whoever looked (mod_dav, for COPY) passes it on, to somebody who has logged in */
        return rv == HTTP_UNAUTHORIZED ? HTTP_FORBIDDEN : rv;
    }
    if (rv != HTTP_UNAUTHORIZED && rv != HTTP_FORBIDDEN) {
        return rv;
    }
    return ta_context_answer(r, context,
                             ta_denied_reply(&context->env, context->session, &context->denial));
}

int ta_authenticate_note_failure(request_rec *r, const char *type)
{
    ta_context *context = ta_context_get(r);

    if (!context || ap_cstr_casecmp(type, "Tinyauth") != 0) {
        return DECLINED;
    }
    ta_reply_map_challenge(r, context->env.site->title);
    return OK;
}

int ta_authenticate_is_open(request_rec *r)
{
    char *user = r->user;
    int is_asked;

    /* asked as if nobody were logged in: would httpd have wanted a login? */
    r->user = NULL;
    is_asked = ap_some_authn_required(r);
    r->user = user;
    return !user || !is_asked;
}
