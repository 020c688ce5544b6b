/*
 * One flag decides in each hook: the endpoint that translate_name found for this very request.
 * An internal redirect to one of our paths is not ours: it is not the browser's request.
 */
#include "httpd/own_urls.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include <apr_strings.h>

#include "flow/accept.h"
#include "httpd/context.h"
#include "httpd/reply_map.h"
#include "httpd/request_map.h"

static ta_context *own_context(request_rec *r)
{
    ta_context *context = ta_context_is_first(r) ? ta_context_get(r) : NULL;

    return context && context->endpoint ? context : NULL;
}

int ta_own_urls_translate(request_rec *r)
{
    ta_context *context = ta_context_is_first(r) ? ta_context_get(r) : NULL;

    if (!context || r->proxyreq == PROXYREQ_PROXY || !r->uri) {
        return DECLINED;
    }
    context->request.path = r->uri;
    context->request.id = ta_request_map_id(r);
    context->request.address = r->useragent_ip; /* by now mod_remoteip has had its say */
    context->endpoint =
        ta_endpoint_find(context->env.site, r->uri, ta_accept_is_login_host(&context->env));
    if (!context->endpoint) {
        return DECLINED;
    }
    ta_request_map_read_query(r, &context->request);
    r->filename = apr_pstrcat(r->pool, "tinyauth:", r->uri, NULL);
    /* where nothing has one, mod_dir's FallbackResource takes the request elsewhere */
    r->handler = "tinyauth-own-urls";
    return OK;
}

int ta_own_urls_map(request_rec *r)
{
    return own_context(r) ? OK : DECLINED;
}

int ta_own_urls_allow(request_rec *r)
{
    return own_context(r) ? OK : DECLINED;
}

/* A form that cannot be read is refused with a page, never with a bare status. */
static const ta_reply *answer(request_rec *r, ta_context *context)
{
    ta_fault fault = {.reason = TA_REASON_REQUEST_MALFORMED};
    ta_form *form = NULL;

    if (r->method_number == M_POST && ta_request_map_read_form(r, &form) != OK) {
        r->connection->keepalive = AP_CONN_CLOSE;
        return ta_reply_refuse_and_log(&context->env, &fault, NULL);
    }
    context->request.body = form;
    return ta_endpoint_run(&context->env, context->endpoint);
}

int ta_own_urls_handle(request_rec *r)
{
    ta_context *context = ta_context_get(r);

    if (!context || r->main || (!context->reply && !own_context(r))) {
        return DECLINED;
    }
    if (!context->reply) {
        context->reply = answer(r, context);
    }
    ta_reply_map_send(r, context->reply, context->env.site->title);
    return OK;
}

int ta_own_urls_part(request_rec *r)
{
    if (own_context(r)) {
        r->per_dir_config =
            ap_merge_per_dir_configs(r->pool, r->per_dir_config, ap_create_per_dir_config(r->pool));
    }
    return DECLINED;
}
