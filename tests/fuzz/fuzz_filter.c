/*
 * Filter expressions: TinyauthWhitelist, and the words of Require.
 *
 *     list
 *     word
 *     value
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "util/filter.h"

/* The expressions themselves are httpd's; here one matches the texts that hold it. */
static void *compile(apr_pool_t *p, const char *pattern, const char **error)
{
    if (*pattern == '(') {
        *error = "missing )";
        return NULL;
    }
    return apr_pstrdup(p, pattern);
}

static int match(const void *regex, const char *text)
{
    return strstr(text, regex) != NULL;
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    static const ta_regex_port port = {.compile = compile, .match = match};
    ta_filter *filter = ta_filter_make(p, &port);
    const char *list = fuzz_take_line(p, &input);
    const char *word = fuzz_take_line(p, &input);
    const char *value = fuzz_take_rest(p, &input);
    int before;

    FUZZ_HOLDS(!ta_filter_match(filter, value) && !ta_filter_match_email(filter, value));
    if (ta_filter_add_list(p, filter, list) != NULL) {
        return;
    }
    before = ta_filter_match(filter, value);
    FUZZ_HOLDS(!before || filter->items->nelts > 0);
    FUZZ_HOLDS(!before || ta_filter_match_email(filter, value));
    FUZZ_HOLDS(!ta_filter_match(filter, NULL) && !ta_filter_match_email(filter, NULL));
    if (ta_filter_add(p, filter, word) == NULL) {
        FUZZ_HOLDS(!before || ta_filter_match(filter, value));
        FUZZ_HOLDS((word[0] == '/' && word[strlen(word) - 1] == '/') ||
                   ta_filter_match(filter, word));
    }
}
