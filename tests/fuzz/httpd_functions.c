/*
 * The few functions of httpd that its settings are read with, for the one target that fuzzes
 * what lies in src/httpd: a program cannot link the real ones, which are httpd itself. They do
 * what httpd documents for them, as far as these callers see it. httpd's own headers declare
 * them, so a signature that changes does not compile.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "httpd/dump.h"
#include "httpd/module.h"
#include "httpd/regex.h"
#include "httpd/setup.h"

module tinyauth_module;

int ap_cstr_casecmp(const char *s1, const char *s2)
{
    return apr_cstr_casecmp(s1, s2);
}

void ap_str_tolower(char *s)
{
    for (; *s; s++) {
        *s = (char)apr_tolower(*s);
    }
}

void ap_str_toupper(char *s)
{
    for (; *s; s++) {
        *s = (char)apr_toupper(*s);
    }
}

char *ap_server_root_relative(apr_pool_t *p, const char *file)
{
    return apr_pstrcat(p, "/nonexistent/", file, NULL);
}

/* One word: up to a blank, or between quotes, where a backslash takes a quote along. */
char *ap_getword_conf(apr_pool_t *p, const char **line)
{
    const char *at = *line;
    char *word, *end;
    char quote;

    while (apr_isspace(*at)) {
        at++;
    }
    quote = *at == '"' || *at == '\'' ? *at++ : '\0';
    word = end = apr_palloc(p, strlen(at) + 1);
    while (*at && (quote ? *at != quote : !apr_isspace(*at))) {
        if (quote && at[0] == '\\' && (at[1] == '\\' || at[1] == quote)) {
            at++;
        }
        *end++ = *at++;
    }
    *end = '\0';
    at += quote && *at == quote;
    while (apr_isspace(*at)) {
        at++;
    }
    *line = at;
    return word;
}

void ap_log_error_(const char *file, int line, int module_index, int level, apr_status_t status,
                   const server_rec *s, const char *fmt, ...)
{
    (void)file, (void)line, (void)module_index, (void)level, (void)status, (void)s, (void)fmt;
}

int ta_setup_may_warn(void)
{
    return 0;
}

int ta_dump_is_wanted(void)
{
    return 0;
}

static void *compile(apr_pool_t *p, const char *pattern, const char **error)
{
    *error = "missing )";
    return *pattern == '(' ? NULL : apr_pstrdup(p, pattern);
}

static int match(const void *regex, const char *text)
{
    return strstr(text, regex) != NULL;
}

const ta_regex_port *ta_regex_port_get(void)
{
    static const ta_regex_port port = {.compile = compile, .match = match};

    return &port;
}
