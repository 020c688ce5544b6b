/*
 * HTTP to the provider, as a port: the flow says what to ask, who fills in the port asks it.
 * Redirects are never followed; size and time are bounded by whoever implements it.
 */
#ifndef TA_NET_HTTP_H
#define TA_NET_HTTP_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "util/bytes.h"
#include "util/fault.h"

#define TA_HTTP_BODY_BYTES 1048576 /* a longer answer is an error */

/* What a request is for; whoever counts requests wants to know. */
typedef enum ta_http_purpose {
    TA_HTTP_OTHER,
    TA_HTTP_DISCOVERY,
    TA_HTTP_KEYS,
    TA_HTTP_TOKEN,
    TA_HTTP_USERINFO,
    TA_HTTP_PURPOSES
} ta_http_purpose;

typedef struct ta_http_request {
    const char *provider; /* id of whom is asked, or NULL */
    ta_http_purpose purpose;
    const char *url;
    const char *accept;  /* Accept header, or NULL */
    const char *bearer;  /* access token for Authorization: Bearer, or NULL */
    const char *basic;   /* "user:password" for Authorization: Basic, or NULL */
    const char *api_key; /* X-API-KEY of Pocket ID's administration, or NULL */
    const char *form;    /* body of a POST (application/x-www-form-urlencoded), or NULL */
    const char *json;    /* body of a POST, or of a PUT, in JSON; neither this nor form: GET */
    int put;             /* PUT instead of POST */
    int timeout_seconds; /* for the whole exchange */
    int insecure;        /* do not verify TLS */
    const char *ca_file; /* PEM file of the authorities to trust, NULL: the system's */
} ta_http_request;

typedef struct ta_http_response {
    int status;
    const char *content_type; /* lower case, without parameters; "" where there is none */
    apr_int64_t date;         /* when it was made, by the server's clock; 0: it does not say */
    ta_bytes body;            /* NUL behind it that does not count */
} ta_http_response;

typedef struct ta_http {
    /**
     * Sends one request, once.
     * @param context  the port's own
     * @param p        pool of the response
     * @param response set to the answer, whatever its status; NULL on failure
     * @param fault    PROVIDER_UNREACHABLE with host and cause when there was no whole answer
     * @return APR_SUCCESS, or with fault set: APR_ECONNREFUSED when nothing was sent (there was
     *         no connection, or nobody to be trusted at its end), APR_EGENERAL when nobody knows
     *         how far it got
     */
    apr_status_t (*send)(void *context, apr_pool_t *p, const ta_http_request *request,
                         ta_http_response **response, ta_fault *fault);
    void *context;
} ta_http;

#endif
