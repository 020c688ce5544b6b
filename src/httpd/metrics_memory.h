/*
 * Where the counters live: shared memory that every process of this httpd has, and every
 * generation of them.
 */
#ifndef TA_HTTPD_METRICS_MEMORY_H
#define TA_HTTPD_METRICS_MEMORY_H

#include <httpd.h>

#include "flow/metrics.h"

/** post_config: finds the counters of before a reload, or makes new ones; and gives a place to
 *  every provider of every server.
 *  @return APR_SUCCESS, or an error of shared memory */
apr_status_t ta_metrics_memory_get(server_rec *s, ta_metrics **metrics);

#endif
