/*
 * Starting up: the store in the parent, connections and caches in each child. A child's
 * pointer to them is written once, before its threads exist, and never changed.
 */
#include "httpd/process.h"

#include <http_core.h>
#include <http_log.h>

#include "flow/counted.h"
#include "httpd/audit_log.h"
#include "httpd/config.h"
#include "httpd/metrics_memory.h"
#include "httpd/module.h"
#include "httpd/request_map.h"
#include "net/curl.h"
#include "ta_version.h"

APLOG_USE_MODULE(tinyauth);

static int is_engine_on_anywhere(server_rec *s)
{
    for (; s; s = s->next) {
        if (ta_config_of_server(s)->site) {
            return 1;
        }
    }
    return 0;
}

static void prepare_hosts(apr_pool_t *p, server_rec *s)
{
    for (; s; s = s->next) {
        ta_server_config *config = ta_config_of_server(s);

        config->hosts = config->site ? ta_request_map_prepare(p, s, config->site) : NULL;
    }
}

static void share(server_rec *s, ta_process *process)
{
    for (; s; s = s->next) {
        ta_config_of_server(s)->process = process;
    }
}

int ta_process_prepare(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const ta_server_config *config = ta_config_of_server(s);
    ta_store_spec spec;
    ta_process *process;
    apr_status_t rv;

    (void)plog;
    if (!is_engine_on_anywhere(s) ||
        ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    process = apr_pcalloc(pconf, sizeof(*process));
    process->kind = ta_store_kind_find(pconf, config->session_store,
                                       config->secret ? &config->secret_key : NULL, &spec);
    rv = process->kind->open(pconf, ptemp, s, &spec, &process->store);
    if (rv == APR_SUCCESS) {
        rv = ta_curl_start();
    }
    if (rv == APR_SUCCESS) {
        rv = ta_metrics_memory_get(s, &process->metrics);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                     "TA0110: the session store, libcurl or the counters cannot be set up: httpd "
                     "does not start without them");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ta_audit_log_open(pconf, s, &process->audit_logs) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ta_audit_log_note_start(ptemp, s, process);
    share(s, process);
    prepare_hosts(pconf, s);
    return OK;
}

/* Every provider of every site, once. */
static apr_array_header_t *collect_providers(apr_pool_t *p, server_rec *s)
{
    apr_array_header_t *all = apr_array_make(p, 4, sizeof(ta_provider *));

    for (; s; s = s->next) {
        const ta_site *site = ta_config_of_server(s)->site;

        for (int i = 0; site && i < site->providers->nelts; i++) {
            ta_provider *provider = APR_ARRAY_IDX(site->providers, i, ta_provider *);
            int known = 0;

            for (int j = 0; j < all->nelts && !known; j++) {
                known = APR_ARRAY_IDX(all, j, ta_provider *) == provider;
            }
            if (!known) {
                APR_ARRAY_PUSH(all, ta_provider *) = provider;
            }
        }
    }
    return all;
}

void ta_process_start_child(apr_pool_t *pchild, server_rec *s)
{
    ta_process *process = ta_config_of_server(s)->process;
    apr_status_t rv = APR_SUCCESS;

    if (!process) {
        return;
    }
    if (process->kind->start_child) {
        rv = process->kind->start_child(pchild, process->store);
    }
    if (rv == APR_SUCCESS) {
        rv = ta_curl_make(pchild, "mod_tinyauth/" TINYAUTH_VERSION, &process->http);
    }
    if (rv == APR_SUCCESS) {
        process->store = ta_counted_wrap_store(pchild, process->store, process->metrics);
        process->http = ta_counted_wrap_http(pchild, process->http, process->metrics);
        rv = ta_trust_make(pchild, collect_providers(pchild, s), &process->trust);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "TA0111: this child cannot be set up: it answers every protected request "
                     "with 500");
        share(s, NULL);
    }
}
