/*
 * Files with a secret in their first line: reading them as httpd does, judging who else can,
 * and writing one so that nobody else ever could.
 */
#ifndef TA_DOCTOR_SECRET_FILE_H
#define TA_DOCTOR_SECRET_FILE_H

#include <apr_errno.h>
#include <apr_file_io.h>
#include <apr_pools.h>

#include "doctor/report.h"

/**
 * The first line that is not blank, without blanks around it.
 * @return APR_SUCCESS; APR_ENOENT and the like from the system; APR_EOF where there is no line
 */
apr_status_t ta_secret_file_read(apr_pool_t *p, const char *file, const char **secret);

/* A secret on its way into a file: so far beside it, under a name of its own. */
typedef struct ta_secret_draft {
    apr_pool_t *pool;
    const char *file;
    char *name; /* of the draft, beside the file */
    apr_file_t *opened;
} ta_secret_draft;

/**
 * Makes room for a secret before there is one: a secret that cannot be written is lost. The folder
 * is made, for its owner alone, where it is missing.
 */
apr_status_t ta_secret_file_begin(apr_pool_t *p, const char *file, ta_secret_draft *draft);

/** Writes a secret that its owner alone can read into the draft. The draft goes when it fails. */
apr_status_t ta_secret_file_write(ta_secret_draft *draft, const char *secret);

/** Puts the draft in the file's place, in one step: a reader finds the old secret or the new one.
 *  The draft stays when it fails. */
apr_status_t ta_secret_file_finish(const ta_secret_draft *draft);

/** Takes the draft away. */
void ta_secret_file_discard(ta_secret_draft *draft);

/** Reports whether a file is there and who can read it. @param what "client secret" */
void ta_secret_file_check(apr_pool_t *p, ta_report *report, const char *what, const char *file);

#endif
