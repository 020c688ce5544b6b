/*
 * The context: made once, found from anywhere in the request's family.
 */
#include "httpd/context.h"

#include <http_config.h>
#include <http_core.h>
#include <http_request.h>

#include "flow/login.h"
#include "flow/renew.h"
#include "httpd/config.h"
#include "httpd/event_sink.h"
#include "httpd/log_sink.h"
#include "httpd/module.h"
#include "httpd/process.h"
#include "httpd/reply_map.h"
#include "httpd/request_map.h"

const char ta_context_auth_type[] = "Tinyauth";

/* Only connections that bring a cookie of ours have one. */
static ta_recent *recent_of(conn_rec *c)
{
    ta_recent *recent = ap_get_module_config(c->conn_config, &tinyauth_module);

    if (!recent) {
        recent = ta_recent_make(c->pool);
        ap_set_module_config(c->conn_config, &tinyauth_module, recent);
    }
    return recent;
}

ta_context *ta_context_make(request_rec *r, apr_array_header_t *cookies)
{
    const ta_server_config *config = ta_config_of_server(r->server);
    ta_context *context;

    if (!config->site || !config->process) {
        return NULL;
    }
    context = apr_pcalloc(r->pool, sizeof(*context));
    ta_request_map_fill(r, cookies, &context->request);
    ta_event_sink_fill(r, &context->events);
    context->env = (ta_env){
        .pool = r->pool,
        .log = ta_log_sink_make(r),
        .events = &context->events,
        .http = config->process->http,
        .store = config->process->store,
        .recent = cookies->nelts ? recent_of(r->connection) : NULL,
        .trust = config->process->trust,
        .site = config->site,
        .request = &context->request,
        .now = apr_time_sec(r->request_time),
    };
    ap_set_module_config(r->request_config, &tinyauth_module, context);
    return context;
}

/* What is known of the session now. Where a navigation has to pass by the provider, and that
 * cannot begin, the session goes on; but an overdue one does not, for a client can bring that
 * about: by a Host under which no login begins, or a cookie of rounds. */
static ta_renewal renew(ta_context *context)
{
    ta_renewal renewal = ta_renew_session(&context->env, context->session);

    if (renewal != TA_RENEWAL_LOGIN) {
        return renewal;
    }
    context->is_overdue = ta_renew_is_overdue(&context->env, context->session);
    context->login_again = ta_login_again(&context->env, context->session);
    return context->login_again || !context->is_overdue ? renewal : TA_RENEWAL_ENDED;
}

apr_status_t ta_context_find_session(ta_context *context)
{
    if (context->session_looked_up) {
        return context->session_status;
    }
    context->session_looked_up = 1;
    context->session_status = ta_access_find_session(&context->env, &context->session);
    if (context->session_status == APR_SUCCESS && renew(context) == TA_RENEWAL_ENDED) {
        context->session = NULL;
        context->session_status = APR_NOTFOUND;
    }
    return context->session_status;
}

/* Each hook asks for the AuthType, which is an expression. A subrequest's configuration may be
 * freed, and another come to lie in its place: there it is looked up each time. */
static ta_auth_type auth_type_of(request_rec *r, ta_context *context)
{
    const char *type;
    ta_auth_type result;

    if (context && context->auth_scope == r->per_dir_config && !r->main) {
        return context->auth_type;
    }
    type = ap_auth_type(r);
    result = !type ? TA_AUTH_TYPE_NONE
             : strcmp(type, "Tinyauth") == 0 || ap_cstr_casecmp(type, "Tinyauth") == 0
                 ? TA_AUTH_TYPE_OURS
                 : TA_AUTH_TYPE_OTHER;
    if (context && !r->main) {
        context->auth_scope = r->per_dir_config;
        context->auth_type = result;
    }
    return result;
}

void ta_context_imply_auth_type(request_rec *r)
{
    ta_context *context = ta_context_get(r);

    if (context && auth_type_of(r, context) == TA_AUTH_TYPE_NONE) {
        context->implied_scope = r->per_dir_config;
    }
}

int ta_context_is_auth_type_ours(request_rec *r)
{
    ta_context *context = ta_context_get(r);
    ta_auth_type type = auth_type_of(r, context);

    return type == TA_AUTH_TYPE_OURS ||
           (type == TA_AUTH_TYPE_NONE && context && context->implied_scope == r->per_dir_config);
}

int ta_context_answer(request_rec *r, ta_context *context, const ta_reply *reply)
{
    context->reply = reply;
    ap_run_insert_filter(r);
    ta_reply_map_send(r, reply, context->env.site->title);
    return DONE;
}
