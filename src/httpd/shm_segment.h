/*
 * The life of a shared table in httpd: made at start, found again after every graceful restart
 * and every reload of the module, moved where its size was changed; and where it has a file,
 * taken from there after a stop or a crash.
 *
 * The file that it lies in stays open in the parent, whatever modules come and go, and each child
 * inherits it. So a child of an old generation can still map what the parent makes later.
 */
#ifndef TA_HTTPD_SHM_SEGMENT_H
#define TA_HTTPD_SHM_SEGMENT_H

#include <httpd.h>

#include "session/shared_table.h"

typedef struct ta_shm_spec {
    apr_size_t size;
    const char *file; /* full path; NULL: in memory only */
} ta_shm_spec;

/**
 * Reads the arguments of a shared table: "64M", "64M,file=/path".
 * @param arguments as they were written; NULL or "": the default size
 * @return NULL, or what is wrong and what to write
 */
const char *ta_shm_segment_parse(apr_pool_t *p, const char *arguments, ta_shm_spec *spec);

/** Whether a table's file can be used, without making it. @return as above */
const char *ta_shm_segment_check(apr_pool_t *p, const ta_shm_spec *spec);

/**
 * Opens a table in the parent. A failure is logged.
 * @param pconf the table is this process's until this pool is cleared
 * @param name  tells tables apart: the same name is the same table after a graceful restart
 */
apr_status_t ta_shm_segment_open(apr_pool_t *pconf, server_rec *s, const char *name,
                                 const ta_shm_spec *spec, ta_shared_table **table);

#endif
