/*
 * The Cookie header, read in one pass: our cookies are taken out, the rest is put together
 * again for the application; and Set-Cookie, written with the attributes that are safe.
 */
#ifndef TA_UTIL_COOKIE_H
#define TA_UTIL_COOKIE_H

#include <apr_pools.h>
#include <apr_tables.h>

#define TA_COOKIE_OURS      64   /* the most of our cookies that are kept, the rest is dropped */
#define TA_COOKIE_VALUE_LEN 4096 /* a longer value of ours is dropped */

typedef struct ta_cookie {
    const char *name;
    const char *value;
} ta_cookie;

typedef struct ta_cookie_attributes {
    const char *domain; /* NULL: host-only */
    int secure;
    int max_age; /* seconds; 0 deletes; -1 until the browser closes */
} ta_cookie_attributes;

/**
 * Splits a Cookie header.
 * @param p      pool of the result
 * @param header the header's value
 * @param prefix our cookies are those whose name, after an optional "__Host-" or "__Secure-",
 *               begins with prefix, in any case of letters
 * @param ours   array of ta_cookie that ours are added to, values without surrounding quotes
 * @param rest   set to the header without ours, byte for byte as the others were written; NULL
 *               where nothing is left
 * @return number of our cookies that were found (also of those dropped for a limit)
 */
int ta_cookie_split(apr_pool_t *p, const char *header, const char *prefix, apr_array_header_t *ours,
                    const char **rest);

/**
 * A Set-Cookie value: Path=/, HttpOnly, SameSite=Lax, and the given attributes.
 * @return the header's value in p
 */
const char *ta_cookie_write(apr_pool_t *p, const char *name, const char *value,
                            const ta_cookie_attributes *attributes);

#endif
