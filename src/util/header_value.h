/*
 * Claims as values of HTTP headers: one function decides which bytes may stand in a header.
 */
#ifndef TA_UTIL_HEADER_VALUE_H
#define TA_UTIL_HEADER_VALUE_H

#include <apr_pools.h>

#include "util/text.h"

/**
 * Appends a claim to a header value. UTF-8 stays as it is; control characters (also U+0080 to
 * U+009F), and blanks at either end, which HTTP would trim, are percent-encoded.
 * @param text  the header value so far
 * @param value UTF-8
 */
void ta_header_value_append(ta_text *text, const char *value);

/**
 * Appends one item of a comma-joined list, with a comma before it unless it is the first. As
 * ta_header_value_append, and ',' and '%' are encoded too: no item can make another item, and
 * decoding gives the item back.
 */
void ta_header_value_append_item(ta_text *text, const char *item);

#endif
