/*
 * What a filter's words mean, and whether a value is among them.
 */
#include "util/filter.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#define BLANKS " \t\r\n"

ta_filter *ta_filter_make(apr_pool_t *p, const ta_regex_port *regex)
{
    ta_filter *filter = apr_palloc(p, sizeof(*filter));

    filter->regex = regex;
    filter->items = apr_array_make(p, 4, sizeof(ta_filter_item));
    return filter;
}

static int is_regex(const char *word)
{
    apr_size_t len = strlen(word);

    return len > 2 && word[0] == '/' && word[len - 1] == '/';
}

static const char *add_regex(apr_pool_t *p, ta_filter *filter, const char *word)
{
    const char *pattern = apr_pstrmemdup(p, word + 1, strlen(word) - 2);
    const char *error = NULL;
    const void *regex = filter->regex ? filter->regex->compile(p, pattern, &error) : NULL;

    if (!regex) {
        return apr_psprintf(p, "the regular expression %s is wrong: %s", word,
                            error ? error : "it cannot be compiled");
    }
    APR_ARRAY_PUSH(filter->items, ta_filter_item) = (ta_filter_item){.regex = regex};
    return NULL;
}

const char *ta_filter_add(apr_pool_t *p, ta_filter *filter, const char *word)
{
    if (is_regex(word)) {
        return add_regex(p, filter, word);
    }
    APR_ARRAY_PUSH(filter->items, ta_filter_item) = (ta_filter_item){
        .text = apr_pstrdup(p, word),
        .len = strlen(word),
    };
    return NULL;
}

static const char *trim(apr_pool_t *p, const char *text, apr_size_t len)
{
    apr_size_t blanks = strspn(text, BLANKS);

    if (blanks >= len) {
        return "";
    }
    while (strchr(BLANKS, text[len - 1])) {
        len--;
    }
    return apr_pstrmemdup(p, text + blanks, len - blanks);
}

const char *ta_filter_add_list(apr_pool_t *p, ta_filter *filter, const char *list)
{
    const char *whole = trim(p, list, strlen(list));

    if (is_regex(whole)) {
        return add_regex(p, filter, whole);
    }
    for (;;) {
        apr_size_t len = strcspn(list, ",");
        const char *value = trim(p, list, len);

        /* it would be compared exactly and match nobody, which cannot be what was meant */
        if (is_regex(value)) {
            return apr_psprintf(p, "%s stands in a list: a regular expression must stand alone",
                                value);
        }
        if (*value) {
            APR_ARRAY_PUSH(filter->items, ta_filter_item) = (ta_filter_item){
                .text = value,
                .len = strlen(value),
            };
        }
        if (!list[len]) {
            return NULL;
        }
        list += len + 1;
    }
}

static int matches_item(const ta_filter *filter, const ta_filter_item *item, const char *value)
{
    return item->regex ? filter->regex->match(item->regex, value) : strcmp(item->text, value) == 0;
}

/* "*@example.com": every mailbox of that domain, but of none below it. */
static int matches_domain(const ta_filter_item *item, const char *email)
{
    /* what stands before the last '@' may be quoted and hold others */
    const char *at = strrchr(email, '@');

    return item->text && strncmp(item->text, "*@", 2) == 0 && item->text[2] && at && at > email &&
           apr_cstr_casecmp(at + 1, item->text + 2) == 0;
}

int ta_filter_match(const ta_filter *filter, const char *value)
{
    for (int i = 0; value && i < filter->items->nelts; i++) {
        if (matches_item(filter, &APR_ARRAY_IDX(filter->items, i, ta_filter_item), value)) {
            return 1;
        }
    }
    return 0;
}

int ta_filter_match_email(const ta_filter *filter, const char *email)
{
    for (int i = 0; email && i < filter->items->nelts; i++) {
        const ta_filter_item *item = &APR_ARRAY_IDX(filter->items, i, ta_filter_item);

        if (matches_domain(item, email) || matches_item(filter, item, email)) {
            return 1;
        }
    }
    return 0;
}
