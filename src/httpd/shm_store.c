/*
 * The kind of store "shm": its arguments, and its port on a shared table.
 */
#include "httpd/shm_store.h"

#include <apr_strings.h>

#include "httpd/log_sink.h"
#include "httpd/shm_provider.h"
#include "httpd/shm_segment.h"
#include "session/shared_store.h"

static const char *check(apr_pool_t *p, const ta_store_spec *written)
{
    ta_shm_spec spec;
    const char *error = ta_shm_segment_parse(p, written->arguments, &spec);

    return error ? error : ta_shm_segment_check(p, &spec);
}

static apr_status_t open_store(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s,
                               const ta_store_spec *written, ta_store **result)
{
    ta_shared_store *store = apr_pcalloc(pconf, sizeof(*store));
    ta_shm_spec spec;
    apr_status_t rv;

    (void)ptemp;
    /* check has seen that they are good */
    if (ta_shm_segment_parse(pconf, written->arguments, &spec)) {
        return APR_EINVAL;
    }
    rv = ta_shm_segment_open(pconf, s, "sessions", &spec, &store->table);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    store->log = ta_log_sink_make_for_server(pconf, s);
    ta_shared_store_init(store);
    *result = &store->port;
    return APR_SUCCESS;
}

const ta_store_kind ta_shm_store_kind = {
    .name = "shm",
    .prepare = ta_shm_provider_register,
    .check = check,
    .open = open_store,
};
