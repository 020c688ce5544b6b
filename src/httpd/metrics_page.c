/*
 * The counters on the way out. Both pages are the same walk over the same samples.
 */
#include "httpd/metrics_page.h"

#include <http_log.h>
#include <http_protocol.h>
#include <mod_status.h>

#include <apr_optional_hooks.h>
#include <apr_strings.h>

#include "flow/samples.h"
#include "httpd/config.h"
#include "httpd/module.h"
#include "httpd/process.h"

APLOG_USE_MODULE(tinyauth);

#define TEXT_BYTES 8388608

/* What has to be looked at now. */
static void look(request_rec *r, const ta_process *process, ta_store_fill *fill,
                 ta_samples_state *state)
{
    const ta_store *store = process->store;

    state->now = apr_time_sec(r->request_time);
    state->sessions = ta_metrics_count_sessions(process->metrics, store, r->pool, state->now);
    state->fill =
        store->measure && store->measure(store->context, fill) == APR_SUCCESS ? fill : NULL;
}

/* Whoever understands only the format of before OpenMetrics says so. */
static int wants_open_metrics(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");

    return !accept || strstr(accept, "application/openmetrics-text") ||
           !strstr(accept, "text/plain");
}

int ta_metrics_page_handle(request_rec *r)
{
    const ta_process *process = ta_config_of_server(r->server)->process;
    ta_samples_state state;
    ta_store_fill fill;
    const char *body;
    ta_text text;
    int open;

    if (!r->handler || strcmp(r->handler, "tinyauth-metrics") != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!process) {
        ap_log_rerror(
            APLOG_MARK, APLOG_ERR, 0, r,
            "TA0530: SetHandler tinyauth-metrics at %s, but there is nothing to count: no "
            "<TinyauthProvider> is described, or this child could not be set up",
            r->uri);
        return HTTP_SERVICE_UNAVAILABLE;
    }
    open = wants_open_metrics(r);
    look(r, process, &fill, &state);
    ta_text_init(&text, r->pool, TEXT_BYTES);
    ta_samples_write(process->metrics, &state, open, &text);
    if (ta_text_finish(&text, &body) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_set_content_type(r, open ? TA_SAMPLES_OPEN_METRICS : TA_SAMPLES_PLAIN_TEXT);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Vary", "Accept");
    ap_set_content_length(r, (apr_off_t)text.len);
    ap_rwrite(body, (int)text.len, r);
    return OK;
}

/* "?auto": one line each. */
static void say_line(void *context, const ta_sample *sample)
{
    int has_labels = *sample->labels != '\0';

    if (strcmp(sample->suffix, "_bucket") != 0) {
        ap_rprintf(context, "%s%s%s%s%s: %s\n", sample->metric->name, sample->suffix,
                   has_labels ? "{" : "", sample->labels, has_labels ? "}" : "", sample->value);
    }
}

static void say_table_row(void *context, const ta_sample *sample)
{
    request_rec *r = context;

    if (strcmp(sample->suffix, "_bucket") != 0) {
        ap_rprintf(r, "<tr><td title=\"%s\">%s%s</td><td>%s</td><td>%s</td></tr>\n",
                   ap_escape_html(r->pool, sample->metric->help), sample->metric->name,
                   sample->suffix, ap_escape_html(r->pool, sample->labels), sample->value);
    }
}

static int add_to_status(request_rec *r, int flags)
{
    const ta_process *process = ta_config_of_server(r->server)->process;
    ta_samples_state state;
    ta_store_fill fill;

    if (!process) {
        return DECLINED;
    }
    look(r, process, &fill, &state);
    if (flags & AP_STATUS_SHORT) {
        ta_samples_each(process->metrics, &state, say_line, r);
        return OK;
    }
    ap_rputs("<hr>\n<h2>mod_tinyauth</h2>\n<table border=\"0\">\n"
             "<tr><th>value</th><th>of</th><th></th></tr>\n",
             r);
    ta_samples_each(process->metrics, &state, say_table_row, r);
    ap_rputs("</table>\n", r);
    return OK;
}

void ta_metrics_page_register(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, add_to_status, NULL, NULL, APR_HOOK_MIDDLE);
}
