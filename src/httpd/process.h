/*
 * What a process of httpd shares between its requests: the store, the way to the providers,
 * and what is known of them.
 */
#ifndef TA_HTTPD_PROCESS_H
#define TA_HTTPD_PROCESS_H

#include <httpd.h>

#include "flow/metrics.h"
#include "flow/trust.h"
#include "net/http.h"
#include "httpd/store_kind.h"

typedef struct ta_process {
    const ta_store_kind *kind; /* of the store */
    ta_store *store;
    ta_http *http;
    ta_trust *trust;
    ta_metrics *metrics;            /* in shared memory */
    apr_array_header_t *audit_logs; /* of ta_audit_log */
} ta_process;

/** post_config: opens the store and prepares what children inherit. */
int ta_process_prepare(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/** child_init: makes what each child has for itself. */
void ta_process_start_child(apr_pool_t *pchild, server_rec *s);

#endif
