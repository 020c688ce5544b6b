/*
 * Audit logs are opened as CustomLog's are: by the parent, as root, again with every reload.
 * A line is one write, so that lines of several processes do not mix.
 */
#include "httpd/audit_log.h"

#include <http_config.h>
#include <http_log.h>

#include "httpd/config.h"
#include "httpd/module.h"
#include "httpd/process.h"

APLOG_USE_MODULE(tinyauth);

/* The log holds names: its owner and its group may read it. */
#define FILE_RIGHTS (APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD)

static const ta_audit_log *find(const apr_array_header_t *logs, const char *target)
{
    for (int i = 0; target && i < logs->nelts; i++) {
        const ta_audit_log *log = &APR_ARRAY_IDX(logs, i, ta_audit_log);

        if (strcmp(log->target, target) == 0) {
            return log;
        }
    }
    return NULL;
}

/* A program that does not read any more must not stop a request: a full pipe is an error. */
static apr_status_t open_pipe(apr_pool_t *p, const char *program, apr_file_t **file)
{
    piped_log *pipe = ap_open_piped_log(p, program);

    if (!pipe) {
        return APR_EGENERAL;
    }
    *file = ap_piped_log_write_fd(pipe);
    return apr_file_pipe_timeout_set(*file, 0);
}

static apr_status_t open_file(apr_pool_t *p, const char *name, apr_file_t **file)
{
    const char *full = ap_server_root_relative(p, name);

    return full ? apr_file_open(file, full,
                                APR_FOPEN_WRITE | APR_FOPEN_APPEND | APR_FOPEN_CREATE |
                                    APR_FOPEN_LARGEFILE,
                                FILE_RIGHTS, p)
                : APR_EBADPATH;
}

apr_status_t ta_audit_log_open(apr_pool_t *pconf, server_rec *s, apr_array_header_t **logs)
{
    *logs = apr_array_make(pconf, 1, sizeof(ta_audit_log));
    for (; s; s = s->next) {
        const ta_server_config *config = ta_config_of_server(s);
        const char *target = config->audit_log;
        ta_audit_log *log;
        apr_status_t rv;

        if (!config->site || !target || find(*logs, target)) {
            continue;
        }
        log = apr_array_push(*logs);
        log->target = target;
        rv = *target == '|' ? open_pipe(pconf, target + 1, &log->file)
                            : open_file(pconf, target, &log->file);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                         "TA0531: TinyauthAuditLog %s cannot be opened: httpd does not start "
                         "without it. Correct the name, or make the folder",
                         target);
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t write_line(const ta_audit_log *log, const char *line)
{
    apr_size_t len = strlen(line), written = len;
    apr_status_t rv = apr_file_write(log->file, line, &written);

    return rv == APR_SUCCESS && written != len ? APR_ENOSPC : rv;
}

void ta_audit_log_note_start(apr_pool_t *ptemp, server_rec *s, const ta_process *process)
{
    const ta_event event = {.kind = TA_EVENT_CONFIGURED};
    const ta_audit_place place = {.when = apr_time_now(), .host = s->server_hostname};
    const char *line = ta_audit_write(ptemp, &event, &place);

    for (int i = 0; i < process->audit_logs->nelts; i++) {
        const ta_audit_log *log = &APR_ARRAY_IDX(process->audit_logs, i, ta_audit_log);
        apr_status_t rv = write_line(log, line);

        if (rv != APR_SUCCESS &&
            ta_metrics_count_audit_loss(process->metrics, apr_time_sec(place.when))) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                         "TA0532: TinyauthAuditLog %s does not take its first line: is there room "
                         "on the disk, and does the program run?",
                         log->target);
        }
    }
}

void ta_audit_log_note(request_rec *r, const ta_process *process, const ta_event *event,
                       const ta_audit_place *place)
{
    const ta_audit_log *log = find(process->audit_logs, ta_config_of_server(r->server)->audit_log);
    apr_pool_t *tmp;
    apr_status_t rv;

    if (!log || !ta_audit_is_kept(event)) {
        return;
    }
    /* an administrator may end very many sessions with one request */
    rv = apr_pool_create(&tmp, r->pool);
    if (rv == APR_SUCCESS) {
        rv = write_line(log, ta_audit_write(tmp, event, place));
        apr_pool_destroy(tmp);
    }
    if (rv != APR_SUCCESS &&
        ta_metrics_count_audit_loss(process->metrics, apr_time_sec(place->when))) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      "TA0533: TinyauthAuditLog %s does not take lines, events are lost: is there "
                      "room on the disk, and does the program read? This is said once a minute",
                      log->target);
    }
}
