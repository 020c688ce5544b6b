/*
 * application/x-www-form-urlencoded, in queries and bodies: read with limits, and written.
 * Names may come more than once; who forbids that asks ta_form_count.
 */
#ifndef TA_UTIL_FORM_H
#define TA_UTIL_FORM_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "util/bytes.h"
#include "util/text.h"

#define TA_FORM_BYTES  16384 /* the most that is read */
#define TA_FORM_FIELDS 64

typedef struct ta_form {
    apr_array_header_t *fields; /* of ta_form_field, in the order they came */
} ta_form;

typedef struct ta_form_field {
    const char *name;
    const char *value;
} ta_form_field;

/**
 * Reads name=value&… ('+' is a blank, %XX is a byte).
 * @param p      pool of the result
 * @param bytes  the text; empty gives no fields
 * @param result set to the fields
 * @return APR_SUCCESS; APR_ENOSPC when over a limit; APR_EINVAL for a broken %XX, a NUL, or a
 *         value that is not UTF-8
 */
apr_status_t ta_form_parse(apr_pool_t *p, ta_bytes bytes, ta_form **result);

/** The first value of a name, or NULL. NULL form gives NULL. */
const char *ta_form_get(const ta_form *form, const char *name);

/** How often a name came. */
int ta_form_count(const ta_form *form, const char *name);

/** Appends name=value, encoded, with '&' before it unless the text is empty. NULL value:
 *  nothing is appended. */
void ta_form_append(ta_text *text, const char *name, const char *value);

#endif
