/*
 * An event as a line of the audit log.
 */
#ifndef TA_FLOW_AUDIT_H
#define TA_FLOW_AUDIT_H

#include <apr_time.h>

#include "flow/event.h"

#define TA_AUDIT_LINE_BYTES 4096 /* PIPE_BUF: so much reaches a pipe in one piece */
#define TA_AUDIT_HANDLE_LEN 16

/* Where an event happened. */
typedef struct ta_audit_place {
    apr_time_t when;
    const char *request; /* id; NULL here and below: none, or not known */
    const char *client;  /* address */
    const char *host;
    const char *path; /* decoded, without the query */
} ta_audit_place;

/** True for the events that are of interest later. */
int ta_audit_is_kept(const ta_event *event);

/**
 * Writes an event as one line of JSON, its newline included, of at most TA_AUDIT_LINE_BYTES.
 * What is longer than a name should be is cut, and then ends in "…".
 * @param p pool of the result
 */
const char *ta_audit_write(apr_pool_t *p, const ta_event *event, const ta_audit_place *place);

/**
 * A session's name for people: the first eight bytes of the key of its login's record in
 * hex. The key is a hash of what the cookie holds, and lets nobody in.
 */
const char *ta_audit_handle(apr_pool_t *p, const unsigned char *login_key);

#endif
