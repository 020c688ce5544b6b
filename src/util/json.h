/*
 * JSON from strangers. json-c parses; this file refuses what json-c lets pass and what two
 * parsers could read in two ways: duplicate members, NUL in strings, NaN and infinities,
 * single quotes, bad UTF-8, trailing text, more nesting than TA_JSON_DEPTH.
 * The only file that knows json-c is json.c.
 */
#ifndef TA_UTIL_JSON_H
#define TA_UTIL_JSON_H

#include <apr_pools.h>

#include "util/bytes.h"
#include "util/text.h"

#define TA_JSON_DEPTH 16

/* A value inside a parsed document; lives as long as the pool given to ta_json_parse. */
typedef struct json_object ta_json;

typedef enum ta_json_type {
    TA_JSON_NULL, /* null, and everything that is not there */
    TA_JSON_BOOLEAN,
    TA_JSON_NUMBER,
    TA_JSON_STRING,
    TA_JSON_ARRAY,
    TA_JSON_OBJECT
} ta_json_type;

/**
 * Parses one document.
 * @param p      pool whose end frees the document
 * @param bytes  the text; need not be NUL-terminated
 * @param result set to the root value; NULL on failure
 * @return APR_SUCCESS, or APR_EINVAL for anything that is not the strict JSON described above
 */
apr_status_t ta_json_parse(apr_pool_t *p, ta_bytes bytes, const ta_json **result);

/** The same, and the root must be an object. @return APR_SUCCESS or APR_EINVAL */
apr_status_t ta_json_parse_object(apr_pool_t *p, ta_bytes bytes, const ta_json **result);

/** The type of a value; NULL is TA_JSON_NULL. */
ta_json_type ta_json_type_of(const ta_json *value);

/** Member of an object by its exact name, or NULL where there is none or value is no object. */
const ta_json *ta_json_get(const ta_json *object, const char *name);

/**
 * Follows a dotted path into nested objects ("a.b.c"). A member whose whole name holds the
 * dots ("https://x.example/groups") is preferred to the nested reading.
 * @param tmp scratch pool
 * @return the value, or NULL
 */
const ta_json *ta_json_path(apr_pool_t *tmp, const ta_json *object, const char *path);

/** The bytes of a string value (no NUL inside), or NULL when value is not a string. */
const char *ta_json_text(const ta_json *value);

/** ta_json_text of a member: NULL when it is absent or no string. */
const char *ta_json_string(const ta_json *object, const char *name);

/** True only when the member is there and is the literal true. */
int ta_json_is_true(const ta_json *object, const char *name);

/**
 * A member that is a time in seconds since 1970.
 * @param seconds set to the value, fractions cut off
 * @return APR_SUCCESS; APR_ENOENT when absent; APR_EINVAL when it is no number, negative, or
 *         beyond 253402300799 (the year 9999)
 */
apr_status_t ta_json_seconds(const ta_json *object, const char *name, apr_int64_t *seconds);

/** Number of items of an array, 0 for everything else. */
apr_size_t ta_json_length(const ta_json *array);

/** Item of an array, NULL beyond its end. */
const ta_json *ta_json_item(const ta_json *array, apr_size_t index);

/** Calls visit for each member of an object; visit returns 0 to stop. */
void ta_json_each(const ta_json *object,
                  int (*visit)(void *context, const char *name, const ta_json *value),
                  void *context);

/** A scalar as text for comparison and headers: string as it is, number and boolean as JSON
 *  writes them; NULL for null, array and object. The result is in p. */
const char *ta_json_scalar(apr_pool_t *p, const ta_json *value);

/** Appends a value as JSON writes it, whatever it is; NULL appends null. */
void ta_json_append(ta_text *text, const ta_json *value);

/** Appends a string as a JSON string with its quotes; NULL appends null. Also escapes
 *  U+2028/2029, '<' and '>' so that the text is harmless inside HTML. */
void ta_json_append_string(ta_text *text, const char *string);

#endif
