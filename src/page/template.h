/*
 * The template engine: the only way by which a value reaches a page. Every value is escaped
 * for HTML text and double-quoted attributes; there is no way to switch that off.
 *
 *     {{name}}                       the value, escaped; empty where there is none
 *     {{#if name}}…{{else}}…{{/if}}  there is such a value, not empty, or such a list
 *     {{#each name}}…{{/each}}       once per item of a list, whose values come first
 *     {{> name}}                     another template
 *     {{_ words}}                    words in the reader's language; {{_(context) words}} where
 *                                    the same words mean different things. {name} in them is
 *                                    the value, escaped; where it or the language is written
 *                                    from right to left, in a <bdi> of its own: such words
 *                                    belong into text, not into <title> or an attribute.
 *
 * Names are lower-case letters, digits and "_.-". A tag other than a value or words that stands
 * alone on its line, without blanks, leaves no line behind. Any other "{{" is an error.
 */
#ifndef TA_PAGE_TEMPLATE_H
#define TA_PAGE_TEMPLATE_H

#include <apr_pools.h>

#include "page/language.h"
#include "page/template_values.h"
#include "util/text.h"

typedef struct ta_template ta_template;

/* Where included templates come from. */
typedef struct ta_template_library {
    const char *(*find)(const void *context, const char *name); /* NULL where there is none */
    const void *context;
} ta_template_library;

/**
 * Parses a template and those it includes.
 * @param p       pool of the result
 * @param name    for messages
 * @param source  the text; kept, not copied
 * @param library included templates; NULL: none may be included
 * @param result  set to the template
 * @param error   set to "name:line: what is wrong" on failure
 * @return APR_SUCCESS or APR_EINVAL
 */
apr_status_t ta_template_parse(apr_pool_t *p, const char *name, const char *source,
                               const ta_template_library *library, ta_template **result,
                               const char **error);

/** Renders into out. Values not set are empty. @param language of words; NULL: English */
void ta_template_render(const ta_template *template, const ta_values *values,
                        const ta_language *language, ta_text *out);

/** Appends text escaped for HTML: & < > " ' as references; control characters but tab and
 *  newline, bytes that are not UTF-8, and bidirectional controls (so that a value cannot turn
 *  round what stands beside it) as U+FFFD. NULL appends nothing. */
void ta_template_escape(ta_text *out, const char *text);

#endif
