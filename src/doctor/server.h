/*
 * Asking the web server itself what is in force.
 */
#ifndef TA_DOCTOR_SERVER_H
#define TA_DOCTOR_SERVER_H

#include <apr_pools.h>

#include "util/bytes.h"

/** The first control program of httpd that is installed: apache2ctl, httpd or apachectl.
 *  @return its path, or NULL */
const char *ta_server_find(void);

/**
 * Runs "COMMAND -t -D TINYAUTH_DUMP".
 * @param command program and its arguments, as a shell would split them
 * @param dump    set to what it wrote to standard output
 * @param said    set to what it wrote to standard error: its warnings, or why it refuses; where
 *                it refuses and wrote nothing there, to what it wrote to standard output
 * @return NULL, or a sentence about what is wrong
 */
const char *ta_server_ask(apr_pool_t *p, const char *command, ta_bytes *dump, const char **said);

#endif
