/*
 * The configuration as a program reads it: "apachectl -t -D TINYAUTH_DUMP" writes it as JSON to
 * standard output, for tinyauth-doctor. Names of files with secrets are in it, no secret is.
 */
#ifndef TA_HTTPD_DUMP_H
#define TA_HTTPD_DUMP_H

#include <httpd.h>

/** True where the dump was asked for. A secret file that does not exist yet is no error then:
 *  tinyauth-doctor is about to write it. */
int ta_dump_is_wanted(void);

/** test_config: writes the dump where it was asked for. */
void ta_dump_write(apr_pool_t *pconf, server_rec *s);

#endif
