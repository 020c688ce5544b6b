/*
 * TinyauthAuditLog: files and pipes that take one line of JSON per event.
 */
#ifndef TA_HTTPD_AUDIT_LOG_H
#define TA_HTTPD_AUDIT_LOG_H

#include <httpd.h>

#include <apr_file_io.h>
#include <apr_tables.h>

#include "flow/audit.h"

struct ta_process; /* httpd/process.h */

/* An open log; virtual hosts that write to the same place share one. */
typedef struct ta_audit_log {
    const char *target; /* as it was written: a file, or "|program" */
    apr_file_t *file;
} ta_audit_log;

/**
 * post_config: opens every log that a server writes to, as root. A failure is logged.
 * @param logs set to an array of ta_audit_log, closed with pconf
 * @return APR_SUCCESS, or why one cannot be opened
 */
apr_status_t ta_audit_log_open(apr_pool_t *pconf, server_rec *s, apr_array_header_t **logs);

/** Tells every log that httpd has read its configuration. */
void ta_audit_log_note_start(apr_pool_t *ptemp, server_rec *s, const struct ta_process *process);

/** Writes an event of a request, where the server has a log and the event is kept. Whatever
 *  goes wrong, the request goes on. */
void ta_audit_log_note(request_rec *r, const struct ta_process *process, const ta_event *event,
                       const ta_audit_place *place);

#endif
