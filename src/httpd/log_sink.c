/*
 * Messages of the layers below as lines of httpd's error log; LogLevel tinyauth:… applies.
 */
#include "httpd/log_sink.h"

#include <http_log.h>

#include "httpd/module.h"

APLOG_USE_MODULE(tinyauth);

static const int levels[] = {
    [TA_LOG_ERROR] = APLOG_ERR,
    [TA_LOG_WARNING] = APLOG_WARNING,
    [TA_LOG_INFO] = APLOG_INFO,
    [TA_LOG_DEBUG] = APLOG_DEBUG,
};

static void write_message(void *context, ta_log_level level, apr_status_t status,
                          const char *message)
{
    ap_log_rerror(APLOG_MARK, levels[level], status, (request_rec *)context, "%s", message);
}

ta_log *ta_log_sink_make(request_rec *r)
{
    ta_log *log = apr_palloc(r->pool, sizeof(*log));

    log->write = write_message;
    log->context = r;
    return log;
}

static void write_server_message(void *context, ta_log_level level, apr_status_t status,
                                 const char *message)
{
    ap_log_error(APLOG_MARK, levels[level], status, (server_rec *)context, "%s", message);
}

ta_log *ta_log_sink_make_for_server(apr_pool_t *p, server_rec *s)
{
    ta_log *log = apr_palloc(p, sizeof(*log));

    log->write = write_server_message;
    log->context = s;
    return log;
}
