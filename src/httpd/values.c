/*
 * Reading values that administrators wrote, with words about what is wrong.
 */
#include "httpd/values.h"

#include <stdlib.h>

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "httpd/dump.h"
#include "httpd/module.h"
#include "httpd/setup.h"
#include "util/text.h"

APLOG_USE_MODULE(tinyauth);

#define SECRET_BYTES    4096
#define SECONDS_MAXIMUM APR_INT32_MAX

/* long enough for TinyauthSecretFile, and used for nothing: the dump is all that httpd does */
#define NOT_YET_THERE "a secret that is yet to be written"

const char *ta_values_read_flag(apr_pool_t *p, const char *value, int *flag)
{
    static const char *const on[] = {"on", "true", "yes", "1"};
    static const char *const off[] = {"off", "false", "no", "0"};

    for (apr_size_t i = 0; i < sizeof(on) / sizeof(*on); i++) {
        if (ap_cstr_casecmp(value, on[i]) == 0) {
            *flag = 1;
            return NULL;
        }
        if (ap_cstr_casecmp(value, off[i]) == 0) {
            *flag = 0;
            return NULL;
        }
    }
    return apr_psprintf(p, "must be On or Off, not \"%s\"", value);
}

const char *ta_values_read_seconds(apr_pool_t *p, const char *value, int minimum, int *seconds)
{
    apr_int64_t number;
    char *end;

    number = apr_strtoi64(value, &end, 10);
    if (!*value || *end || number < minimum || number > SECONDS_MAXIMUM) {
        return apr_psprintf(p, "must be a number of seconds from %d to %d, not \"%s\"", minimum,
                            SECONDS_MAXIMUM, value);
    }
    *seconds = (int)number;
    return NULL;
}

/* A secret that everybody on the machine can read is none: a warning, for the site works. */
static void warn_if_readable(const char *path, apr_file_t *file)
{
    apr_finfo_t info;

    if (ta_setup_may_warn() && apr_file_info_get(&info, APR_FINFO_PROT, file) == APR_SUCCESS &&
        (info.protection & APR_FPROT_WREAD)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, NULL,
                     "TA0100: everybody on this machine can read the secret in %s: chmod 0600 it "
                     "(httpd reads it as root, before it changes its user)",
                     path);
    }
}

const char *ta_values_read_secret(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                  const char **secret)
{
    const char *full = ap_server_root_relative(tmp, path);
    char *text = apr_pcalloc(tmp, SECRET_BYTES + 1);
    apr_size_t len = SECRET_BYTES;
    apr_file_t *file;
    const char *line;
    apr_status_t rv;

    rv = full ? apr_file_open(&file, full, APR_READ, APR_OS_DEFAULT, tmp) : APR_EBADPATH;
    if (APR_STATUS_IS_ENOENT(rv) && ta_dump_is_wanted()) {
        *secret = NOT_YET_THERE;
        return NULL;
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "names %s, which cannot be read: %pm", full ? full : path, &rv);
    }
    warn_if_readable(full, file);
    rv = apr_file_read_full(file, text, SECRET_BYTES, &len);
    apr_file_close(file);
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        return apr_psprintf(p, "names %s, which cannot be read: %pm", full, &rv);
    }
    line = ta_text_first_line(text);
    if (!line) {
        return apr_psprintf(p, "names %s, which is empty: write the secret into its first line",
                            full);
    }
    *secret = apr_pstrdup(p, line);
    return NULL;
}

const char *ta_values_read_file_name(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                     const char **full)
{
    const char *name = ap_server_root_relative(p, path);
    apr_file_t *file;
    apr_status_t rv;

    rv = name ? apr_file_open(&file, name, APR_READ, APR_OS_DEFAULT, tmp) : APR_EBADPATH;
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "names %s, which cannot be read: %pm", name ? name : path, &rv);
    }
    apr_file_close(file);
    *full = name;
    return NULL;
}

apr_array_header_t *ta_values_split(apr_pool_t *p, const char *value)
{
    apr_array_header_t *words = apr_array_make(p, 4, sizeof(const char *));
    char *state = NULL;

    for (char *word = apr_strtok(apr_pstrdup(p, value), " \t,", &state); word;
         word = apr_strtok(NULL, " \t,", &state)) {
        APR_ARRAY_PUSH(words, const char *) = word;
    }
    return words;
}

const char *ta_values_join_words(apr_pool_t *p, const char *args)
{
    const char *joined = "";

    while (*args) {
        const char *word = ap_getword_conf(p, &args);

        joined = apr_pstrcat(p, joined, *joined && *word ? " " : "", word, NULL);
    }
    return joined;
}

apr_size_t ta_values_read_size(const char *value, apr_int64_t maximum)
{
    static const char units[] = "kmg";
    char *end;
    apr_int64_t number = apr_strtoi64(value, &end, 10);
    const char *unit = *end ? strchr(units, apr_tolower(*end)) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;

    if (number <= 0 || number > maximum || (*end && (!unit || end[1]))) {
        return 0;
    }
    return number > maximum >> shift ? 0 : (apr_size_t)(number << shift);
}
