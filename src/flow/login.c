/*
 * Login page and authorization request. On a host whose logins live elsewhere (another app
 * URL that no cookie domain covers) the browser is handed over to that host instead.
 */
#include "flow/login.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "flow/accept.h"
#include "flow/access.h"
#include "flow/endpoint.h"
#include "flow/own_cookies.h"
#include "flow/renew.h"
#include "flow/return_address.h"
#include "flow/trust.h"
#include "oidc/authorization.h"
#include "util/url.h"

#define QUERY_BYTES 8192

/* What a login is for: out of the query of the login page, or of a scope. */
struct order {
    const char *return_to;   /* checked */
    const char *providers;   /* ids to offer, blanks between; NULL: all */
    const char *provider_id; /* chosen, or NULL */
    const char *prompt;      /* "login" to ask who it is, or NULL */
    int again;               /* also where somebody is signed in */
    const char *handover;    /* sealed question of another host, or NULL */
    ta_handover question;    /* the question opened */
};

static const char *join_providers(const ta_env *env, const ta_scope *scope)
{
    return scope && scope->providers ? apr_array_pstrcat(env->pool, scope->providers, ' ') : NULL;
}

static int is_offered(const char *providers, const char *id)
{
    apr_size_t len = strlen(id);

    if (!providers || !*providers) {
        return 1;
    }
    for (const char *at = strstr(providers, id); at; at = strstr(at + 1, id)) {
        if ((at == providers || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static const char *login_url(const ta_env *env, const struct order *order, const char *provider_id)
{
    const char *query;
    ta_text out;

    ta_text_init(&out, env->pool, QUERY_BYTES);
    ta_form_append(&out, "provider", provider_id);
    ta_form_append(&out, "return", order->handover ? NULL : order->return_to);
    ta_form_append(&out, "providers", provider_id ? NULL : order->providers);
    ta_form_append(&out, "prompt", order->prompt);
    ta_form_append(&out, "again", order->again ? "1" : NULL);
    ta_form_append(&out, "for", order->handover);
    if (ta_text_finish(&out, &query) != APR_SUCCESS) {
        query = "";
    }
    return apr_pstrcat(env->pool, env->site->path, "/login?", query, NULL);
}

const char *ta_login_url(const ta_env *env, const ta_scope *scope, const char *return_to)
{
    struct order order = {.return_to = return_to, .providers = join_providers(env, scope)};

    return login_url(env, &order, NULL);
}

const char *ta_login_switch_url(const ta_env *env, const char *return_to)
{
    return apr_pstrcat(env->pool, ta_login_url(env, NULL, return_to), "&prompt=login", NULL);
}

const char *ta_login_retry_url(const ta_env *env, ta_reason reason, const char *origin,
                               const char *return_to)
{
    int is_wrong_account =
        reason == TA_REASON_NOT_WHITELISTED || reason == TA_REASON_EMAIL_UNVERIFIED;

    return apr_pstrcat(env->pool, origin,
                       is_wrong_account ? ta_login_switch_url(env, return_to) : return_to, NULL);
}

const char *ta_login_origin(const ta_env *env)
{
    return env->site->app_origin ? env->site->app_origin : env->request->origin;
}

const char *ta_login_redirect_uri(const ta_env *env, const ta_provider *provider)
{
    return provider->redirect_url
               ? provider->redirect_url
               : apr_pstrcat(env->pool, ta_login_origin(env), TA_CALLBACK_PATH, provider->id, NULL);
}

/* provider is NULL where none has been chosen. */
static ta_reply *refuse(const ta_env *env, const ta_provider *provider, const ta_fault *fault,
                        const char *retry)
{
    ta_event_note(env->events, (ta_event){.kind = TA_EVENT_LOGIN_REFUSED,
                                          .reason = fault->reason,
                                          .provider = provider ? provider->id : NULL});
    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0020: no login can begin: %s%s%s [request %s]",
                 ta_reason_info_get(fault->reason)->code, fault->detail ? ": " : "",
                 fault->detail ? fault->detail : "", env->request->id);
    return ta_reply_refuse(env, fault, retry);
}

/* Nobody is sent round in a circle for ever. */
static ta_reply *refuse_loop(const ta_env *env, const struct order *order)
{
    ta_fault fault = {.reason = TA_REASON_LOGIN_LOOP};
    ta_reply *reply = refuse(env, NULL, &fault, login_url(env, order, NULL));

    ta_own_cookies_clear_rounds(env, reply);
    return reply;
}

/* Without TLS anybody on the way can read the session's cookie. */
static void warn_plain_http(const ta_env *env)
{
    if (strcmp(env->request->scheme, "http") == 0 && !ta_url_host_is_loopback(env->request->host)) {
        ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                     "TA0022: a login begins on %s, which is not encrypted: anybody on the way can "
                     "take over the session. Serve it by https, or write ServerName https://%s "
                     "where TLS ends before this server [request %s]",
                     env->request->origin, env->request->host, env->request->id);
    }
}

/* To the provider, with a fresh attempt that this browser alone can finish. */
static ta_reply *start(const ta_env *env, const ta_provider *provider, const struct order *order)
{
    const char *retry = login_url(env, order, NULL);
    ta_authorization_request request = {.provider = provider, .prompt = order->prompt};
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_attempt_values values;
    ta_metadata *metadata;
    ta_attempt attempt;
    ta_reply *reply;

    if (ta_trust_get_metadata(env, provider, &metadata, &fault) != APR_SUCCESS) {
        return refuse(env, provider, &fault, retry);
    }
    fault.reason = TA_REASON_INTERNAL;
    if (ta_attempt_start(&attempt, env->now) != APR_SUCCESS ||
        ta_attempt_derive(env->pool, &attempt, &values) != APR_SUCCESS) {
        return refuse(env, provider, &fault, retry);
    }
    attempt.provider_id = provider->id;
    attempt.return_to = order->return_to;
    if (order->handover) {
        attempt.return_to = order->question.return_to;
        attempt.asker_origin = order->question.origin;
        attempt.asker_state = order->question.state;
    }
    request.metadata = metadata;
    request.redirect_uri = ta_login_redirect_uri(env, provider);
    request.state = values.state;
    request.nonce = values.nonce;
    request.code_verifier = values.code_verifier;
    reply = ta_reply_redirect(env, 302, ta_authorization_url(env->pool, &request));
    if (!reply->location ||
        ta_own_cookies_set_attempt(env, reply, values.state, &attempt) != APR_SUCCESS) {
        return refuse(env, provider, &fault, retry);
    }
    warn_plain_http(env);
    ta_log_write(env->log, TA_LOG_DEBUG, APR_SUCCESS,
                 "TA0021: to provider \"%s\" for a login [request %s]", provider->id,
                 env->request->id);
    return reply;
}

static int is_pocket_id(const ta_provider *provider)
{
    return strncmp(provider->id, "pocket", 6) == 0 ||
           apr_cstr_casecmpn(provider->name, "pocket", 6) == 0;
}

/* What a program hears instead of the page. */
static ta_reply *describe(const ta_env *env, const struct order *order)
{
    ta_fault fault = {.reason = TA_REASON_LOGIN_REQUIRED};
    const char *url =
        apr_pstrcat(env->pool, env->request->origin, login_url(env, order, NULL), NULL);
    const ta_problem_member members[] = {{"login", url, NULL}, {NULL, NULL, NULL}};

    return ta_reply_problem(env, &fault, members);
}

static ta_reply *show_page(const ta_env *env, const struct order *order)
{
    ta_values *values;

    if (!ta_request_accepts_html(env->request)) {
        return describe(env, order);
    }
    values = ta_values_make(env->pool);

    for (int i = 0; i < env->site->providers->nelts; i++) {
        const ta_provider *provider = APR_ARRAY_IDX(env->site->providers, i, const ta_provider *);

        if (is_offered(order->providers, provider->id)) {
            ta_values *item = ta_values_add_item(values, "providers");

            ta_values_set(item, "name", provider->name);
            ta_values_set_url(item, "url", login_url(env, order, provider->id));
            ta_values_set_url(item, "icon_url", ta_reply_asset_url(env, provider->icon));
            ta_values_set(item, "is_pocket", is_pocket_id(provider) ? "yes" : NULL);
        }
    }
    return ta_reply_page(env, 200, TA_PAGE_LOGIN, values, NULL);
}

/* Where the login ends, on whichever host. */
static const char *final_address(const ta_env *env, const struct order *order)
{
    return order->handover
               ? apr_pstrcat(env->pool, order->question.origin, order->question.return_to, NULL)
               : order->return_to;
}

/* Logins live on this host: the page, or the provider at once. */
static ta_reply *begin_here(const ta_env *env, const struct order *order)
{
    ta_fault fault = {.reason = TA_REASON_PROVIDER_UNKNOWN};
    const char *id = order->provider_id;
    int is_automatic =
        !id && env->site->auto_redirect && is_offered(order->providers, env->site->auto_redirect);
    const ta_provider *provider;
    ta_reply *reply;

    if (is_automatic) {
        id = env->site->auto_redirect;
        if (ta_own_cookies_is_looping(env, final_address(env, order))) {
            return refuse_loop(env, order);
        }
    }
    /* only a person who goes to a page begins a login: no frame, no script, no prefetch */
    if (!id || !ta_request_is_navigation(env->request)) {
        return show_page(env, order);
    }
    provider = ta_site_find_provider(env->site, id);
    if (!provider || !is_offered(order->providers, id)) {
        return refuse(env, NULL, &fault, login_url(env, order, NULL));
    }
    reply = start(env, provider, order);
    if (is_automatic && reply->location) {
        /* a provider that sends people back without an answer would get them again at once */
        ta_own_cookies_count_round(env, reply, final_address(env, order), TA_ROUND_BEGUN);
    }
    return reply;
}

/* This host as a ServerName. Where logins live on the same host, its port belongs to it. */
static const char *name_of_host(const ta_env *env)
{
    const char *login = strstr(env->site->app_origin, "://") + strlen("://");
    apr_size_t len = strlen(env->request->host);

    return strncmp(login, env->request->host, len) == 0 && login[len] == ':' ? login
                                                                             : env->request->host;
}

static ta_reply *refuse_scheme(const ta_env *env)
{
    ta_fault fault = {.reason = TA_REASON_SCHEME_MISMATCH};

    fault.detail = apr_psprintf(
        env->pool,
        "the request came to %s, but logins live on %s: both must be https (or both http). Behind "
        "something that ends TLS, write ServerName https://%s",
        env->request->origin, env->site->app_origin, name_of_host(env));
    return refuse(env, NULL, &fault, NULL);
}

/* The cookie domain covers both hosts, so a login there is one here: the browser takes along
 * the whole way back, and whatever else the login is to heed. */
static ta_reply *send_to_login_host(const ta_env *env, const struct order *order)
{
    struct order there = *order;

    there.handover = NULL;
    if (order->return_to[0] == '/') {
        there.return_to = apr_pstrcat(env->pool, env->request->origin, order->return_to, NULL);
    }
    return ta_reply_redirect(env, 302,
                             apr_pstrcat(env->pool, env->site->app_origin,
                                         login_url(env, &there, order->provider_id), NULL));
}

/* On to where logins live. */
static ta_reply *begin(const ta_env *env, const struct order *order)
{
    if (!ta_accept_scheme_fits(env)) {
        return refuse_scheme(env);
    }
    if (ta_accept_is_login_host(env)) {
        return begin_here(env, order);
    }
    if (ta_own_cookies_domain(env)) {
        return send_to_login_host(env, order);
    }
    if (!ta_request_is_navigation(env->request)) {
        return show_page(env, order);
    }
    if (!order->prompt && ta_own_cookies_is_looping(env, order->return_to)) {
        return refuse_loop(env, order);
    }
    return ta_accept_hand_over(env, order->return_to, order->providers,
                               order->prompt ? "&prompt=login" : "");
}

/* Under a foreign name no cookie would come back. Under one that only a wildcard allows, anybody
 * who has such a name could ask the login host for somebody else's ticket. */
static int needs_own_name(const ta_env *env)
{
    return env->request->is_other_host ||
           (env->request->is_wild_host && !ta_accept_is_login_host(env) &&
            !ta_own_cookies_domain(env));
}

/* To the name that is ours without doubt. Behind a proxy that does not pass the browser's Host
 * on, that leads here again and again: then the page says so. */
static ta_reply *to_own_name(const ta_env *env, const char *target)
{
    const char *url = apr_pstrcat(env->pool, env->request->server_origin, target, NULL);
    ta_fault fault = {.reason = TA_REASON_SCHEME_MISMATCH};
    ta_reply *reply;

    if (ta_own_cookies_is_looping(env, url)) {
        fault.detail = "the browser's Host never is ServerName or a ServerAlias without wildcard: "
                       "write ProxyPreserveHost On in the server before this one, or the name "
                       "that browsers use as ServerName or ServerAlias";
        return refuse(env, NULL, &fault, NULL);
    }
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0023: the browser used a name that is neither ServerName nor a ServerAlias "
                 "without wildcard here, and is sent to %s [request %s]",
                 env->request->server_origin, env->request->id);
    reply = ta_reply_redirect(env, 302, url);
    ta_own_cookies_count_round(env, reply, url, TA_ROUND_DONE);
    return reply;
}

ta_reply *ta_login_send(const ta_env *env, const ta_scope *scope)
{
    struct order order = {
        .return_to = ta_return_address_of_request(env),
        .providers = join_providers(env, scope),
    };

    if (!ta_accept_scheme_fits(env)) {
        return refuse_scheme(env);
    }
    if (needs_own_name(env)) {
        return to_own_name(env, order.return_to);
    }
    /* the login host may have longer limits, and would send somebody back who is nobody here */
    order.again =
        !ta_accept_is_login_host(env) && ta_own_cookies_domain(env) && ta_access_is_over(env);
    if (ta_request_is_navigation(env->request) &&
        (!ta_accept_is_login_host(env) || env->site->auto_redirect)) {
        return begin(env, &order);
    }
    return ta_reply_redirect(env, 302, login_url(env, &order, NULL));
}

static ta_reply *send_again(const ta_env *env, const ta_session *session)
{
    struct order order = {.return_to = ta_return_address_of_request(env), .again = 1};
    const ta_provider *provider =
        ta_site_find_provider(env->site, ta_record_text(&session->login, TA_RECORD_PROVIDER));
    ta_reply *reply;

    if (!provider || needs_own_name(env) || !ta_accept_scheme_fits(env) ||
        ta_own_cookies_is_looping(env, order.return_to)) {
        return NULL;
    }
    order.provider_id = provider->id;
    if (ta_accept_is_login_host(env)) {
        reply = start(env, provider, &order);
    } else if (ta_own_cookies_domain(env)) {
        reply = send_to_login_host(env, &order);
    } else {
        reply =
            ta_accept_hand_over(env, order.return_to, provider->id,
                                apr_pstrcat(env->pool, "&again=1&provider=", provider->id, NULL));
    }
    return reply->location ? reply : NULL;
}

ta_reply *ta_login_again(const ta_env *env, const ta_session *session)
{
    ta_env quiet = *env;

    /* where it cannot begin the session goes on, and nobody was refused a login */
    quiet.events = NULL;
    return send_again(&quiet, session);
}

/* Somebody who is logged in already just passes through. */
static ta_reply *pass(const ta_env *env, const struct order *order, const ta_session *session)
{
    ta_seal_key key;
    ta_reply *reply;

    if (order->handover) {
        int has_key = ta_session_get_tokens_key(env->pool, session, &key) == APR_SUCCESS;

        return ta_accept_send_ticket(env, order->question.origin, order->question.state,
                                     session->login_key, has_key ? &key : NULL);
    }
    if (ta_own_cookies_is_looping(env, order->return_to)) {
        return refuse_loop(env, order);
    }
    reply = ta_reply_redirect(env, 302, order->return_to);
    ta_own_cookies_count_round(env, reply, order->return_to, TA_ROUND_DONE);
    return reply;
}

/* A login with another provider than the session's is still to be done. */
static int does_session_fit(const struct order *order, const ta_session *session)
{
    const char *id = ta_record_text(&session->login, TA_RECORD_PROVIDER);

    return is_offered(order->providers, id) &&
           (!order->provider_id || strcmp(order->provider_id, id) == 0);
}

/* Reads the query; unsafe and unknown values fall back to what is safe. */
static apr_status_t read_order(const ta_env *env, struct order *order, ta_fault *fault)
{
    const ta_form *query = env->request->query;
    const char *prompt = ta_form_get(query, "prompt");

    memset(order, 0, sizeof(*order));
    order->return_to = ta_return_address_or_root(env, ta_form_get(query, "return"));
    order->provider_id = ta_form_get(query, "provider");
    order->providers = ta_form_get(query, "providers");
    order->prompt = prompt && strcmp(prompt, "login") == 0 ? "login" : NULL;
    order->again = ta_form_get(query, "again") != NULL;
    order->handover = ta_form_get(query, "for");
    if (order->handover) {
        apr_status_t rv = ta_handover_open(env->pool, &env->site->key, order->handover, env->now,
                                           &order->question);

        if (rv != APR_SUCCESS) {
            return ta_fault_set(fault, env->pool,
                                rv == APR_TIMEUP ? TA_REASON_ATTEMPT_EXPIRED
                                                 : TA_REASON_TICKET_INVALID,
                                "the other host's question cannot be read");
        }
        order->return_to = "/";
        order->providers = *order->question.providers ? order->question.providers : NULL;
    }
    return APR_SUCCESS;
}

ta_reply *ta_login_handle(const ta_env *env)
{
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_session *session;
    apr_status_t rv;
    struct order order;

    if (read_order(env, &order, &fault) != APR_SUCCESS) {
        /* a login page that was open for long: the host that asked can ask anew */
        return refuse(env, NULL, &fault,
                      fault.reason == TA_REASON_ATTEMPT_EXPIRED ? final_address(env, &order) : "/");
    }
    rv = order.prompt || order.again ? APR_NOTFOUND : ta_access_find_session(env, &session);
    /* an overdue session is nobody's where it is led to, and would be sent here again */
    if (rv == APR_SUCCESS && does_session_fit(&order, session) &&
        !ta_renew_is_overdue(env, session) && (!order.handover || ta_accept_is_login_host(env))) {
        return pass(env, &order, session);
    }
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return ta_access_unavailable(env, rv);
    }
    if (needs_own_name(env)) {
        return to_own_name(env, env->request->target);
    }
    return begin(env, &order);
}
