/*
 * base64url without padding (RFC 4648 section 5, as RFC 7515 section 2 uses it).
 */
#ifndef TA_UTIL_BASE64URL_H
#define TA_UTIL_BASE64URL_H

#include <apr_pools.h>

#include "util/bytes.h"

/** How many characters at the beginning of a string are of base64url. */
apr_size_t ta_base64url_span(const char *text);

/** Encodes len bytes; the result is in p and has no padding. */
char *ta_base64url_encode(apr_pool_t *p, const void *bytes, apr_size_t len);

/**
 * Decodes. Strict: no padding, no blanks, no characters of plain base64, no left-over bits
 * (so that two different texts never decode to the same bytes).
 * @param p      pool of the result
 * @param text   the text; need not be NUL-terminated
 * @param len    its length in bytes
 * @param result set to the bytes (with a NUL behind them that does not count)
 * @return APR_SUCCESS, or APR_EINVAL for anything that is not base64url
 */
apr_status_t ta_base64url_decode(apr_pool_t *p, const char *text, apr_size_t len, ta_bytes *result);

#endif
