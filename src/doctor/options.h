/*
 * The command line of tinyauth-doctor.
 */
#ifndef TA_DOCTOR_OPTIONS_H
#define TA_DOCTOR_OPTIONS_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef struct ta_options {
    const char *url;      /* of a provider; NULL: the server's configuration is looked at */
    const char *server;   /* command that is asked for its configuration, or NULL */
    const char *dump;     /* file with a dump instead, or NULL */
    const char *provider; /* id of the only provider that counts, or NULL */
    const char *client_id;
    const char *secret_file;
    const char *ca_file;
    apr_array_header_t *callbacks;        /* of const char* */
    apr_array_header_t *logout_callbacks; /* of const char* */
    const char *api_key_file;
    const char *name;
    apr_array_header_t *groups; /* of const char* */
    int unrestricted;
    int dry_run;
    int yes;
    int help;
    int version;
} ta_options;

/** Reads the command line.
 *  @return NULL, or a sentence about what is wrong */
const char *ta_options_read(apr_pool_t *p, int argc, const char *const *argv, ta_options **options);

/** What --help says. */
const char *ta_options_usage(apr_pool_t *p);

#endif
