/*
 * The page shows who everybody is, and logs everybody out: it is there only for a user, and only
 * where a request without a user would not have come so far. httpd -t cannot know that, sections
 * merge per request; so it is decided here.
 */
#include "httpd/admin.h"

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include "flow/administer.h"
#include "httpd/authenticate.h"
#include "httpd/context.h"
#include "httpd/module.h"
#include "httpd/reply_map.h"
#include "httpd/request_map.h"

APLOG_USE_MODULE(tinyauth);

#define HANDLER "tinyauth-admin"

static const ta_reply *refuse_open(request_rec *r, const ta_context *context)
{
    ta_fault fault = {.reason = TA_REASON_ADMIN_OPEN};

    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "TA0512: SetHandler " HANDLER " at %s, but everybody may pass there, and so "
                  "nothing is shown: write AuthType Tinyauth and Require oauth-group with the "
                  "group of the administrators in the same section",
                  r->uri);
    return ta_reply_refuse(&context->env, &fault, NULL);
}

static const ta_reply *answer(request_rec *r, ta_context *context)
{
    const ta_administrator administrator = {
        .user = r->user,
        .session = context->is_authenticated ? context->session : NULL,
    };
    ta_fault fault = {.reason = TA_REASON_REQUEST_MALFORMED};
    ta_form *form = NULL;

    if (r->method_number == M_POST && ta_request_map_read_form(r, &form) != OK) {
        r->connection->keepalive = AP_CONN_CLOSE;
        return ta_reply_refuse(&context->env, &fault, NULL);
    }
    context->request.body = form;
    return ta_administer_handle(&context->env, &administrator);
}

int ta_admin_handle(request_rec *r)
{
    ta_context *context;

    if (!r->handler || strcmp(r->handler, HANDLER) != 0 || r->main) {
        return DECLINED;
    }
    context = ta_context_get(r);
    if (!context) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "TA0513: SetHandler " HANDLER " at %s, but no provider is described for this "
                      "host, or TinyauthEngine is Off: there are no sessions to show",
                      r->uri);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ta_request_map_read_query(r, &context->request);
    ta_reply_map_send(r, ta_authenticate_is_open(r) ? refuse_open(r, context) : answer(r, context),
                      context->env.site->title);
    return OK;
}
