/*
 * How a text grows: by doubling, never beyond its limit; and that a piece which does not fit
 * is left out whole and makes the text unusable.
 */
#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define CAPACITY_FIRST 64

void ta_text_init(ta_text *text, apr_pool_t *p, apr_size_t limit)
{
    *text = (ta_text){.pool = p, .limit = limit};
}

/* Makes room for len bytes and a NUL. Returns where they go, or NULL when they do not fit. */
static char *reserve(ta_text *text, apr_size_t len)
{
    apr_size_t needed, capacity;
    char *data;

    if (text->overflowed || len > text->limit - text->len) {
        text->overflowed = 1;
        return NULL;
    }
    needed = text->len + len + 1;
    if (needed > text->capacity) {
        capacity = text->capacity ? text->capacity * 2 : CAPACITY_FIRST;
        capacity = capacity > text->limit ? text->limit + 1 : capacity;
        capacity = capacity < needed ? needed : capacity;
        data = apr_palloc(text->pool, capacity);
        if (text->len) {
            memcpy(data, text->data, text->len);
        }
        text->data = data;
        text->capacity = capacity;
    }
    return text->data + text->len;
}

void ta_text_append(ta_text *text, const char *string)
{
    if (string) {
        ta_text_append_bytes(text, string, strlen(string));
    }
}

void ta_text_append_bytes(ta_text *text, const char *bytes, apr_size_t len)
{
    char *end = reserve(text, len);

    if (end) {
        if (len) {
            memcpy(end, bytes, len);
        }
        end[len] = '\0';
        text->len += len;
    }
}

void ta_text_append_format(ta_text *text, const char *format, ...)
{
    va_list arguments;
    char *end = NULL;
    int len;

    va_start(arguments, format);
    len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) {
        text->overflowed = 1;
    } else {
        end = reserve(text, (apr_size_t)len);
    }
    if (end) {
        va_start(arguments, format);
        (void)vsnprintf(end, (apr_size_t)len + 1, format, arguments);
        va_end(arguments);
        text->len += (apr_size_t)len;
    }
}

apr_status_t ta_text_finish(const ta_text *text, const char **result)
{
    if (text->overflowed) {
        return APR_ENOSPC;
    }
    *result = text->data ? text->data : "";
    return APR_SUCCESS;
}

const char *ta_text_first_line(char *text)
{
    char *state = NULL;

    for (char *line = apr_strtok(text, "\r\n", &state); line;
         line = apr_strtok(NULL, "\r\n", &state)) {
        apr_size_t len;

        line += strspn(line, " \t");
        for (len = strlen(line); len && apr_isspace(line[len - 1]); len--) {
        }
        line[len] = '\0';
        if (len) {
            return line;
        }
    }
    return NULL;
}
