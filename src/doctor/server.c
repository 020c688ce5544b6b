/*
 * Running httpd's configuration test. What it writes as an error goes to a file of ours, so
 * that neither of its two outputs can block the other.
 */
#include "doctor/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "util/text.h"

#define DUMP_BYTES (16 * 1024 * 1024)
#define SAID_BYTES 65536

const char *ta_server_find(void)
{
    /* Debian's apache2ctl reads its envvars; Fedora's apachectl takes no arguments any more */
    static const char *const programs[] = {
        "/usr/sbin/apache2ctl",         "/usr/sbin/httpd",
        "/usr/sbin/apachectl",          "/usr/sbin/apache2",
        "/usr/local/apache2/bin/httpd",
    };

    for (apr_size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        if (access(programs[i], X_OK) == 0) {
            return programs[i];
        }
    }
    return NULL;
}

/* All that can be read from a file, as far as the limit goes. */
static apr_status_t read_all(apr_pool_t *p, apr_file_t *file, apr_size_t limit, ta_bytes *all)
{
    char *buffer = apr_palloc(p, 8192);
    const char *bytes;
    apr_status_t rv;
    ta_text text;

    ta_text_init(&text, p, limit);
    do {
        apr_size_t len = 8192;

        rv = apr_file_read(file, buffer, &len);
        if (rv == APR_SUCCESS) {
            ta_text_append_bytes(&text, buffer, len);
        }
    } while (rv == APR_SUCCESS && !text.overflowed);
    if (!APR_STATUS_IS_EOF(rv) || ta_text_finish(&text, &bytes) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    all->data = (const unsigned char *)bytes;
    all->len = text.len;
    return APR_SUCCESS;
}

static const char *const *arguments(apr_pool_t *p, const char *command)
{
    static const char *const ours[] = {"-t", "-D", "TINYAUTH_DUMP"};
    char **words;
    const char **all;
    int count = 0;

    if (apr_tokenize_to_argv(command, &words, p) != APR_SUCCESS || !words[0]) {
        return NULL;
    }
    while (words[count]) {
        count++;
    }
    all = apr_pcalloc(p, sizeof(*all) * ((apr_size_t)count + 4));
    memcpy(all, words, sizeof(*all) * (apr_size_t)count);
    memcpy(all + count, ours, sizeof(ours));
    return all;
}

static apr_status_t start(apr_pool_t *p, const char *const *args, apr_file_t *errors,
                          apr_proc_t *process)
{
    apr_procattr_t *attributes;
    apr_status_t rv = apr_procattr_create(&attributes, p);

    if (rv == APR_SUCCESS) {
        rv = apr_procattr_io_set(attributes, APR_NO_PIPE, APR_FULL_BLOCK, APR_NO_PIPE);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_child_err_set(attributes, errors, NULL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_cmdtype_set(attributes, APR_PROGRAM_PATH);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_error_check_set(attributes, 1);
    }
    return rv == APR_SUCCESS ? apr_proc_create(process, args[0], args, NULL, attributes, p) : rv;
}

/* A file that is gone when it is closed. */
static apr_status_t make_scratch(apr_pool_t *p, apr_file_t **file)
{
    const char *folder;
    apr_status_t rv = apr_temp_dir_get(&folder, p);

    return rv == APR_SUCCESS
               ? apr_file_mktemp(file, apr_pstrcat(p, folder, "/tinyauth-doctor.XXXXXX", NULL), 0,
                                 p)
               : rv;
}

const char *ta_server_ask(apr_pool_t *p, const char *command, ta_bytes *dump, const char **said)
{
    const char *const *args = arguments(p, command);
    ta_bytes errors = {NULL, 0};
    apr_off_t beginning = 0;
    apr_exit_why_e why;
    apr_file_t *scratch;
    apr_proc_t process;
    int code;
    apr_status_t rv;

    *said = "";
    if (!args || make_scratch(p, &scratch) != APR_SUCCESS) {
        return apr_psprintf(p, "%s: the command cannot be read, or no file can be made", command);
    }
    rv = start(p, args, scratch, &process);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "%s cannot be run: %s", args[0],
                            apr_strerror(rv, apr_palloc(p, 256), 256));
    }
    rv = read_all(p, process.out, DUMP_BYTES, dump);
    apr_proc_wait(&process, &code, &why, APR_WAIT);
    if (apr_file_seek(scratch, APR_SET, &beginning) == APR_SUCCESS &&
        read_all(p, scratch, SAID_BYTES, &errors) == APR_SUCCESS && errors.data) {
        *said = (const char *)errors.data;
    }
    if (!APR_PROC_CHECK_EXIT(why) || code != 0) {
        if (!**said && rv == APR_SUCCESS && dump->data) {
            *said = (const char *)dump->data;
        }
        return apr_psprintf(p, "%s does not accept its configuration", args[0]);
    }
    return rv == APR_SUCCESS && dump->len
               ? NULL
               : apr_psprintf(p, "%s wrote no dump: mod_tinyauth is not loaded, or another version",
                              args[0]);
}
