/*
 * What the application hears about the user: headers and environment variables.
 */
#ifndef TA_HTTPD_IDENTITY_H
#define TA_HTTPD_IDENTITY_H

#include <httpd.h>

#include "session/record.h"

/* One thing that the application hears. */
typedef struct ta_identity_header {
    const char *header;   /* "Remote-User" */
    const char *variable; /* "TINYAUTH_USER" */
    ta_record_slot slot;  /* where the record has the value, as it is sent */
} ta_identity_header;

#define TA_IDENTITY_HEADERS 5

extern const ta_identity_header ta_identity_headers[TA_IDENTITY_HEADERS];

/** fixups, on every pass of a request: sets what the application hears, and removes what an
 *  earlier pass set. The one place that sets an identity header. */
int ta_identity_set(request_rec *r);

/** insert_filter, just before the handler: sets it anew where the request has become one for an
 *  index, and sees to it that trailers which httpd merges into the headers say nothing. */
void ta_identity_settle(request_rec *r);

/** Registers the filter for that; in register_hooks. */
void ta_identity_register(void);

#endif
