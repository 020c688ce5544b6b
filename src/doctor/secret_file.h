/*
 * Files with a secret in their first line: reading them as httpd does, judging who else can,
 * and writing one so that nobody else ever could.
 */
#ifndef TA_DOCTOR_SECRET_FILE_H
#define TA_DOCTOR_SECRET_FILE_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "doctor/report.h"

/**
 * The first line that is not blank, without blanks around it.
 * @return APR_SUCCESS; APR_ENOENT and the like from the system; APR_EOF where there is no line
 */
apr_status_t ta_secret_file_read(apr_pool_t *p, const char *file, const char **secret);

/**
 * Writes a secret into a file that its owner alone can read, in one step: a reader finds the
 * old secret or the new one. The folder is made, for its owner alone, where it is missing.
 */
apr_status_t ta_secret_file_write(apr_pool_t *p, const char *file, const char *secret);

/** Reports whether a file is there and who can read it. @param what "client secret" */
void ta_secret_file_check(apr_pool_t *p, ta_report *report, const char *what, const char *file);

#endif
