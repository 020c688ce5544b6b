/*
 * Which values an administrator allows: exact values, or /regular expressions/. Values are
 * compared as bytes, case-sensitively. Regular expressions are the host program's: they come
 * through a port, and are compiled once, when the filter is made.
 */
#ifndef TA_UTIL_FILTER_H
#define TA_UTIL_FILTER_H

#include <apr_pools.h>
#include <apr_tables.h>

/* Regular expressions, as the host program has them. */
typedef struct ta_regex_port {
    /** Compiles; returns NULL and sets error (in p) when the pattern is wrong. */
    void *(*compile)(apr_pool_t *p, const char *pattern, const char **error);
    /** True when the expression matches anywhere in text. */
    int (*match)(const void *regex, const char *text);
} ta_regex_port;

typedef struct ta_filter {
    const ta_regex_port *regex;
    apr_array_header_t *items; /* of ta_filter_item */
} ta_filter;

typedef struct ta_filter_item {
    const char *text;  /* exact value; NULL where regex is set */
    apr_size_t len;    /* of text */
    const void *regex; /* compiled expression, or NULL */
} ta_filter_item;

/** An empty filter, which matches nothing. */
ta_filter *ta_filter_make(apr_pool_t *p, const ta_regex_port *regex);

/**
 * Adds one value, or one /regex/ (a word that begins and ends with a slash and has something
 * between).
 * @return NULL, or a sentence about what is wrong with the expression (in p)
 */
const char *ta_filter_add(apr_pool_t *p, ta_filter *filter, const char *word);

/**
 * Adds Tinyauth's filter syntax: one /regex/, or values between commas, trimmed.
 * @return NULL, or a sentence about what is wrong
 */
const char *ta_filter_add_list(apr_pool_t *p, ta_filter *filter, const char *list);

/** True when a value is allowed. NULL never is. */
int ta_filter_match(const ta_filter *filter, const char *value);

/** The same for e-mail addresses: an exact item "*@example.com" allows every address whose
 *  part behind the last '@' is that domain (in any case of letters). */
int ta_filter_match_email(const ta_filter *filter, const char *email);

#endif
