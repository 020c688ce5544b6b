/*
 * The HTTP port on libcurl. curl.c is the only file that knows libcurl.
 */
#ifndef TA_NET_CURL_H
#define TA_NET_CURL_H

#include <apr_pools.h>

#include "net/http.h"

/**
 * Sets libcurl up. Once per process, in the parent, before any thread exists.
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t ta_curl_start(void);

/**
 * Makes the port of one process. Idle handles, and with them connections to providers, are
 * kept for the next request, guarded by a mutex; the port may be used by any thread.
 * @param p          pool of the process (httpd: pchild); its end closes the connections
 * @param user_agent User-Agent header
 * @param http       set to the port
 */
apr_status_t ta_curl_make(apr_pool_t *p, const char *user_agent, ta_http **http);

#endif
