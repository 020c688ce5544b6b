/*
 * What a template is filled with: texts and lists by name. An item of a list has values of its
 * own, and sees those outside.
 */
#ifndef TA_PAGE_TEMPLATE_VALUES_H
#define TA_PAGE_TEMPLATE_VALUES_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef struct ta_values ta_values;

/** An empty set of values. */
ta_values *ta_values_make(apr_pool_t *p);

/** Sets a text; NULL or "" counts as not there, and hides an outer value of that name. name and
 *  text are not copied. */
void ta_values_set(ta_values *values, const char *name, const char *text);

/** Sets an address for href, src or action. Anything but a path that begins with one '/' and
 *  no second '/' or '\', or an http(s) URL, either without blanks and control characters, or
 *  mailto: with a plain e-mail address, is dropped: nothing else can become a link. */
void ta_values_set_url(ta_values *values, const char *name, const char *url);

/** Adds an item to a list, and returns the item's own values. */
ta_values *ta_values_add_item(ta_values *values, const char *list);

/** The text of a name; "" where there is none. */
const char *ta_values_find_text(const ta_values *values, const char *name);

/** The list of a name, of ta_values*; NULL where there is none. It has an item at least: lists
 *  come into being with the first. */
const apr_array_header_t *ta_values_find_list(const ta_values *values, const char *name);

#endif
