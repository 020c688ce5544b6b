/*
 * Sending a reply of ours. All of them have the same headers: nobody may store them, frame
 * them, guess their type, or learn from where somebody came.
 */
#include "httpd/reply_map.h"

#include <http_log.h>
#include <http_protocol.h>

#include <apr_strings.h>

#include "httpd/config.h"
#include "httpd/context.h"
#include "httpd/module.h"
#include "httpd/process.h"

APLOG_USE_MODULE(tinyauth);

void ta_reply_map_challenge(request_rec *r, const char *realm)
{
    const char *challenge =
        apr_pstrcat(r->pool, "Tinyauth realm=\"", ap_escape_quotes(r->pool, realm), "\"", NULL);

    apr_table_setn(r->err_headers_out, "WWW-Authenticate", challenge);
}

/* What caused it was logged where it was decided; some refusals have no cause but the request. */
static void note_refusal(request_rec *r, const ta_reply *reply)
{
    const ta_process *process = ta_config_of_server(r->server)->process;

    if (reply->reason && reply->status >= 400) {
        ta_metrics_count_refusal(process->metrics, reply->reason);
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r,
                      "TA0534: answered with status %d: %s [request %s]", reply->status,
                      ta_reason_info_get(reply->reason)->code, ta_context_get(r)->request.id);
    }
}

void ta_reply_map_set_cookies(request_rec *r, const ta_reply *reply)
{
    for (int i = 0; i < reply->cookies->nelts; i++) {
        apr_table_addn(r->err_headers_out, "Set-Cookie",
                       APR_ARRAY_IDX(reply->cookies, i, const char *));
    }
}

static void set_headers(request_rec *r, const ta_reply *reply)
{
    apr_table_t *out = r->err_headers_out;

    /* the name of an asset changes with its content */
    apr_table_setn(out, "Cache-Control",
                   reply->asset ? "public, max-age=31536000, immutable" : "no-store");
    apr_table_setn(out, "Referrer-Policy", "no-referrer");
    apr_table_setn(out, "X-Content-Type-Options", "nosniff");
    if (reply->policy) {
        apr_table_setn(out, "Content-Security-Policy", reply->policy);
    }
    if (reply->language) {
        /* which of them it is depends on both; no cache keeps it, but one may be told to */
        apr_table_setn(out, "Content-Language", reply->language);
        apr_table_setn(out, "Vary", "Accept,Accept-Language");
    }
    if (reply->location) {
        apr_table_setn(out, "Location", reply->location);
    }
    if (reply->allow) {
        apr_table_setn(out, "Allow", reply->allow);
    }
    ta_reply_map_set_cookies(r, reply);
}

/* What is not read to its end would be taken for the next request. */
static void discard_body(request_rec *r)
{
    /* RFC 9110 10.1.1: whoever waits with the body is told the final status instead of 100, and
     * sends none; reading would ask for it. An error status of reading is no way out, for httpd
     * lets an ErrorDocument of our own URLs pass without authentication */
    if (r->expecting_100 || ap_discard_request_body(r) != OK) {
        r->connection->keepalive = AP_CONN_CLOSE;
    }
}

void ta_reply_map_send(request_rec *r, const ta_reply *reply, const char *realm)
{
    discard_body(r);
    note_refusal(r, reply);
    set_headers(r, reply);
    if (reply->challenge) {
        ta_reply_map_challenge(r, realm);
    } else {
        apr_table_unset(r->err_headers_out, "WWW-Authenticate");
    }
    r->status = reply->status;
    r->status_line = NULL;
    if (reply->content_type) {
        ta_bytes body = {(const unsigned char *)reply->body, reply->body ? strlen(reply->body) : 0};

        body = reply->asset ? reply->asset->bytes : body;
        ap_set_content_type(r, reply->content_type);
        ap_set_content_length(r, (apr_off_t)body.len);
        ap_rwrite(body.data, (int)body.len, r);
    } else {
        ap_set_content_length(r, 0);
    }
}
