/*
 * Everything that the flow needs from outside, for one request. Whoever fills this in decides
 * what is real: httpd does for people, the tests do for themselves.
 */
#ifndef TA_FLOW_ENV_H
#define TA_FLOW_ENV_H

#include <apr_pools.h>

#include "flow/event.h"
#include "flow/request.h"
#include "flow/site.h"
#include "net/http.h"
#include "session/recent.h"
#include "session/store.h"
#include "util/log.h"

struct ta_trust; /* flow/trust.h */

typedef struct ta_env {
    apr_pool_t *pool; /* of the request: everything that is made for it */
    const ta_log *log;
    const ta_events *events; /* who wants to know what happens; NULL: nobody */
    const ta_http *http;
    const ta_store *store;
    ta_recent *recent;      /* of the connection, or NULL: nothing is remembered */
    struct ta_trust *trust; /* what this process knows of the providers */
    const ta_site *site;
    const ta_request *request;
    apr_int64_t now; /* seconds since 1970, when the request came */
} ta_env;

#endif
