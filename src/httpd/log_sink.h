/*
 * httpd's error log behind the log of the layers below.
 */
#ifndef TA_HTTPD_LOG_SINK_H
#define TA_HTTPD_LOG_SINK_H

#include <httpd.h>

#include "util/log.h"

/** A sink that writes to the error log under our module's name, for one request. */
ta_log *ta_log_sink_make(request_rec *r);

/** A sink for what belongs to no request; lives in p. */
ta_log *ta_log_sink_make_for_server(apr_pool_t *p, server_rec *s);

#endif
