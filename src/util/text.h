/*
 * A text builder that knows its limit. Each text is given the most it may ever hold when it
 * is made; what does not fit is refused as a whole at the end, never cut silently.
 */
#ifndef TA_UTIL_TEXT_H
#define TA_UTIL_TEXT_H

#include <apr_pools.h>

typedef struct ta_text {
    apr_pool_t *pool;
    char *data;          /* always NUL-terminated once something was appended */
    apr_size_t len;      /* bytes used, without the NUL */
    apr_size_t capacity; /* bytes allocated */
    apr_size_t limit;    /* the most bytes it may hold, without the NUL */
    int overflowed;      /* set once something did not fit; stays set */
} ta_text;

/**
 * Makes an empty text.
 * @param text  the text to set up
 * @param p     pool of its bytes
 * @param limit the most bytes it may hold
 */
void ta_text_init(ta_text *text, apr_pool_t *p, apr_size_t limit);

/** Appends a NUL-terminated string; NULL appends nothing. */
void ta_text_append(ta_text *text, const char *string);

/** Appends len bytes. After an overflow nothing is appended any more. */
void ta_text_append_bytes(ta_text *text, const char *bytes, apr_size_t len);

/** Appends as printf does. */
void ta_text_append_format(ta_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * The finished string.
 * @param text   the text
 * @param result set to the string (in the text's pool), untouched on failure
 * @return APR_SUCCESS, or APR_ENOSPC when something did not fit
 */
apr_status_t ta_text_finish(const ta_text *text, const char **result);

/** The first line of a text that is not blank, trimmed; NULL where there is none. The text is cut
 *  there. */
const char *ta_text_first_line(char *text);

#endif
