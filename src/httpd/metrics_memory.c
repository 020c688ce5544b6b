/*
 * The segment hangs in the pool of the process, which lives until httpd ends: a reload, and the
 * unloading of the module with it, leave it alone. Nothing in it points anywhere.
 */
#include "httpd/metrics_memory.h"

#include <apr_shm.h>

#include "httpd/config.h"

#define SEGMENT_NAME "mod_tinyauth metrics"

static apr_status_t make_segment(apr_pool_t *process, apr_shm_t **segment)
{
    apr_status_t rv = apr_shm_create(segment, ta_metrics_size(), NULL, process);

    if (rv == APR_SUCCESS) {
        ta_metrics_start(apr_shm_baseaddr_get(*segment));
        /* _set copies the name; _setn would point into a module that a reload unloads */
        rv = apr_pool_userdata_set(*segment, SEGMENT_NAME, NULL, process);
    }
    return rv;
}

apr_status_t ta_metrics_memory_get(server_rec *s, ta_metrics **metrics)
{
    apr_pool_t *process = s->process->pool;
    apr_status_t rv = APR_SUCCESS;
    apr_shm_t *segment;
    void *kept = NULL;

    apr_pool_userdata_get(&kept, SEGMENT_NAME, process);
    segment = kept;
    if (segment && !ta_metrics_fits(apr_shm_baseaddr_get(segment), apr_shm_size_get(segment))) {
        /* another version of the module made it; children of before keep their own mapping */
        apr_shm_destroy(segment);
        segment = NULL;
    }
    if (!segment) {
        rv = make_segment(process, &segment);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *metrics = apr_shm_baseaddr_get(segment);
    for (; s; s = s->next) {
        const ta_site *site = ta_config_of_server(s)->site;

        for (int i = 0; site && i < site->providers->nelts; i++) {
            ta_metrics_add_provider(*metrics, APR_ARRAY_IDX(site->providers, i, ta_provider *)->id);
        }
    }
    return APR_SUCCESS;
}
