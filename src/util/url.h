/*
 * Absolute http and https URLs: parsing them strictly, normalising their origin, and
 * percent-encoding. What a browser could read differently from us (backslashes, blanks,
 * control characters, user names, non-ASCII hosts) is not a URL here.
 */
#ifndef TA_UTIL_URL_H
#define TA_UTIL_URL_H

#include <apr_pools.h>

typedef struct ta_url {
    const char *text;    /* as it was given */
    const char *scheme;  /* "http" or "https" */
    const char *host;    /* lower case, no trailing dot, IPv6 in brackets */
    unsigned short port; /* the scheme's default where none was written */
    const char *origin;  /* "https://host" or "https://host:port", default port left out */
    const char *path;    /* begins with '/'; "/" where none was written */
    const char *query;   /* without '?', or NULL */
} ta_url;

/**
 * Parses an absolute URL (RFC 3986, http and https only, at most 8,192 bytes).
 * @param p      pool of the result
 * @param text   the URL
 * @param result set to the parts; NULL on failure
 * @return APR_SUCCESS, or APR_EINVAL: other scheme, user information, fragment, empty or
 *         malformed host or port, a backslash, blank, control or non-ASCII byte anywhere
 */
apr_status_t ta_url_parse(apr_pool_t *p, const char *text, ta_url **result);

/**
 * Origin out of its parts, normalised as ta_url.origin is (RFC 6454 section 6.2).
 * @param host may be in any case, with a trailing dot; IPv6 with or without brackets
 * @return the origin in p, or NULL when host holds anything but a host name or address, or
 *         port is 0
 */
const char *ta_url_origin(apr_pool_t *p, const char *scheme, const char *host, unsigned short port);

/** True for 127.0.0.0/8, [::1], localhost and *.localhost. host as in ta_url.host. */
int ta_url_host_is_loopback(const char *host);

/** Percent-encodes everything but RFC 3986's unreserved characters; result in p. */
const char *ta_url_encode(apr_pool_t *p, const char *text);

/** Appends "?query", or "&query" where the URL has a query already; result in p. */
const char *ta_url_add_query(apr_pool_t *p, const char *url, const char *query);

#endif
