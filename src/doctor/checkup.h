/*
 * Looking at one provider, step by step, as a login would use it. Each step needs the one
 * before; the first that fails ends it.
 */
#ifndef TA_DOCTOR_CHECKUP_H
#define TA_DOCTOR_CHECKUP_H

#include <apr_pools.h>

#include "doctor/layout.h"
#include "doctor/report.h"
#include "net/http.h"
#include "oidc/discovery.h"
#include "util/json.h"

typedef struct ta_checkup {
    apr_pool_t *pool;
    ta_report *report;
    const ta_http *http;
    const ta_layout *layout;
    const ta_layout_client *client;
    ta_provider provider;    /* the client's, with the secret that its file holds */
    apr_int64_t now;         /* seconds since 1970, by our own clock */
    const ta_json *document; /* of discovery; NULL until it was read, or without an issuer */
    ta_metadata *metadata;   /* NULL until it is known */
    int is_pocket_id;
    int is_known;           /* Pocket ID knows the client id; -1: nobody can tell */
    int is_secret_accepted; /* -1: it was not tried, or nobody can tell */
} ta_checkup;

/** Runs every check of a provider: pool, report, http, layout, client and now are given; what
 *  was found is written into the rest. */
void ta_checkup_run(ta_checkup *checkup);

/** Sends a request to the provider, with its TLS settings.
 *  @return APR_SUCCESS, or an error with fault set */
apr_status_t ta_checkup_send(const ta_checkup *checkup, ta_http_request *request,
                             ta_http_response **response, ta_fault *fault);

#endif
