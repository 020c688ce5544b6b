/*
 * What a client prefers: header fields that are lists with weights (RFC 9110 section 12.4.2),
 * such as Accept and Accept-Language.
 */
#ifndef TA_UTIL_PREFERENCE_H
#define TA_UTIL_PREFERENCE_H

#include <apr.h>

typedef struct ta_preference {
    const char *name; /* not NUL-terminated */
    apr_size_t len;
    int weight; /* thousandths: 0 (not acceptable) to 1000 */
} ta_preference;

/**
 * Reads the next element of a list.
 * @param at     where to read, NULL for an empty list; moved behind the element
 * @param result set to the element; one whose weight cannot be read has weight 0
 * @return 1, or 0 at the end of the list
 */
int ta_preference_next(const char **at, ta_preference *result);

/** The weight of a name (upper and lower case are the same) in a list: 0 where it is not in
 *  there by this very name; the highest where it is there several times. */
int ta_preference_weight(const char *list, const char *name);

#endif
