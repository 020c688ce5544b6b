/*
 * Secrets in files.
 */
#include "doctor/secret_file.h"

#include <string.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "util/secret.h"
#include "util/text.h"

#define SECRET_BYTES 4096

apr_status_t ta_secret_file_read(apr_pool_t *p, const char *file, const char **secret)
{
    char *text = apr_pcalloc(p, SECRET_BYTES + 1);
    apr_size_t len = SECRET_BYTES;
    apr_file_t *opened;
    apr_status_t rv = apr_file_open(&opened, file, APR_READ, APR_OS_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_read_full(opened, text, SECRET_BYTES, &len);
    apr_file_close(opened);
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        return rv;
    }
    *secret = ta_text_first_line(text);
    return *secret ? APR_SUCCESS : APR_EOF;
}

static const char *folder_of(apr_pool_t *p, const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash && slash != file ? apr_pstrmemdup(p, file, (apr_size_t)(slash - file)) : NULL;
}

apr_status_t ta_secret_file_begin(apr_pool_t *p, const char *file, ta_secret_draft *draft)
{
    const char *folder = folder_of(p, file);
    apr_status_t rv = APR_SUCCESS;

    *draft = (ta_secret_draft){
        .pool = p,
        .file = file,
        .name = apr_pstrcat(p, file, ".XXXXXX", NULL),
    };
    if (folder) {
        rv = apr_dir_make_recursive(folder, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE,
                                    p);
    }
    if (rv == APR_SUCCESS) {
        /* mkstemp: mode 0600 from the beginning */
        rv = apr_file_mktemp(&draft->opened, draft->name,
                             APR_READ | APR_WRITE | APR_CREATE | APR_EXCL, p);
    }
    return rv;
}

apr_status_t ta_secret_file_write(ta_secret_draft *draft, const char *secret)
{
    apr_status_t rv = apr_file_write_full(draft->opened, secret, strlen(secret), NULL);

    if (rv == APR_SUCCESS) {
        rv = apr_file_write_full(draft->opened, "\n", 1, NULL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_sync(draft->opened);
    }
    if (rv != APR_SUCCESS) {
        ta_secret_file_discard(draft);
        return rv;
    }
    apr_file_close(draft->opened);
    return APR_SUCCESS;
}

apr_status_t ta_secret_file_finish(const ta_secret_draft *draft)
{
    return apr_file_rename(draft->name, draft->file, draft->pool);
}

void ta_secret_file_discard(ta_secret_draft *draft)
{
    apr_file_close(draft->opened);
    apr_file_remove(draft->name, draft->pool);
}

void ta_secret_file_check(apr_pool_t *p, ta_report *report, const char *what, const char *file)
{
    const char *secret;
    apr_finfo_t info;
    apr_status_t rv = apr_stat(&info, file, APR_FINFO_PROT | APR_FINFO_USER, p);

    if (rv == APR_SUCCESS) {
        rv = ta_secret_file_read(p, file, &secret);
    }
    if (APR_STATUS_IS_EOF(rv)) {
        ta_report_line(report, TA_REPORT_WRONG, what, "%s is empty", file);
        ta_report_advice(report, "Write the secret into its first line.");
    } else if (rv != APR_SUCCESS) {
        ta_report_line(report, TA_REPORT_WRONG, what, "%s cannot be read: %s", file,
                       apr_strerror(rv, apr_palloc(p, 256), 256));
        ta_report_advice(report, APR_STATUS_IS_ENOENT(rv)
                                     ? "Write the secret into it, for root alone (mode 0600); or "
                                       "have Pocket ID make one, with --api-key-file."
                                     : "Run tinyauth-doctor as root.");
    } else if (info.protection & (APR_FPROT_WREAD | APR_FPROT_WWRITE | APR_FPROT_GWRITE)) {
        ta_report_line(report, TA_REPORT_WARNING, what, "others can read or change %s", file);
        ta_report_advice(report, "chmod 0600 %s (httpd reads it as root)", file);
    } else {
        ta_report_line(report, TA_REPORT_GOOD, what, "%s is there, and closed to others", file);
    }
}
