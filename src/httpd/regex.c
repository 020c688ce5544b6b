/*
 * ap_regex behind the filter's port.
 */
#include "httpd/regex.h"

#include <httpd.h>

#include <apr_strings.h>

static apr_status_t free_regex(void *regex)
{
    ap_regfree(regex);
    return APR_SUCCESS;
}

static void *compile(apr_pool_t *p, const char *pattern, const char **error)
{
    ap_regex_t *regex = apr_palloc(p, sizeof(*regex));
    int code = ap_regcomp(regex, pattern, AP_REG_EXTENDED | AP_REG_NOSUB);
    char words[128];

    if (code == 0) {
        apr_pool_cleanup_register(p, regex, free_regex, apr_pool_cleanup_null);
        return regex;
    }
    ap_regerror(code, regex, words, sizeof(words));
    *error = apr_pstrdup(p, words);
    return NULL;
}

static int match(const void *regex, const char *text)
{
    return ap_regexec(regex, text, 0, NULL, 0) == 0;
}

static const ta_regex_port port = {.compile = compile, .match = match};

const ta_regex_port *ta_regex_port_get(void)
{
    return &port;
}
