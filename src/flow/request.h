/*
 * A browser's request as the flow sees it: values, already read with limits. Host and scheme
 * are the server's idea of them, never a forwarded header's.
 */
#ifndef TA_FLOW_REQUEST_H
#define TA_FLOW_REQUEST_H

#include <apr_tables.h>

#include "util/form.h"

typedef struct ta_request {
    const char *method;         /* "GET", "HEAD", "POST", … */
    const char *scheme;         /* "http" or "https" */
    const char *host;           /* normalised, without port */
    const char *origin;         /* "https://myapp.example.com" */
    const char *session_cookie; /* its name here, and … */
    const char *audience;       /* … what it is bound to; NULL: not prepared, see own_cookies.h */
    int is_other_host;          /* the browser used a name that is not this site's */
    int is_wild_host;           /* the name is this site's only by a wildcard of ServerAlias */
    const char *server_origin;  /* the origin by ServerName */
    const char *target;         /* path and query as they were sent */
    const char *path;           /* decoded path */
    const ta_form *query;       /* NULL where it could not be read */
    const ta_form *body;        /* of a POST to us; NULL where there is none */
    apr_array_header_t *cookies; /* of ta_cookie: ours only */
    const char *accept;          /* headers, NULL where they were not sent */
    const char *accept_language;
    const char *referer;
    const char *fetch_mode;
    const char *fetch_dest;
    const char *purpose; /* Sec-Purpose or Purpose */
    const char *requested_with;
    const char *upgrade;
    const char *id;         /* request id, for page and log */
    const char *address;    /* of the client, as httpd has it; NULL before translate_name */
    const char *user_agent; /* header, NULL where it was not sent */
} ta_request;

/** True when a person is about to see the answer as a page of its own: a GET or HEAD that the
 *  browser says is a top-level navigation, or, where it says nothing, that accepts HTML. */
int ta_request_is_navigation(const ta_request *request);

/** True when the client wants HTML: its Accept names it, and does not like JSON better. */
int ta_request_accepts_html(const ta_request *request);

/** True for GET and HEAD. */
int ta_request_is_get(const ta_request *request);

#endif
