/*
 * mod_tinyauth: log in with Pocket ID, or any other OpenID provider.
 *
 * This file is the table of contents. A request meets the hooks in this order:
 *
 *     cleanse        post_read_request   what only we may say is taken out of the request
 *     own URLs       translate_name …    login, callback, logout and the other pages of ours
 *     authenticate   check_authn …       the session sets the user, or a login is asked for
 *     require        authz providers     Require oauth-group and its like
 *     identity       fixups …            headers and variables for the application
 *     notes          log_transaction     what LogFormat may say of it
 *
 * What they decide is decided below src/httpd, in src/flow, which knows no httpd.
 */
#include "httpd/module.h"

#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>

#include "httpd/admin.h"
#include "httpd/authenticate.h"
#include "httpd/cleanse.h"
#include "httpd/config.h"
#include "httpd/directives.h"
#include "httpd/dump.h"
#include "httpd/event_sink.h"
#include "httpd/identity.h"
#include "httpd/metrics_page.h"
#include "httpd/own_urls.h"
#include "httpd/process.h"
#include "httpd/require.h"
#include "httpd/session_bridge.h"
#include "httpd/setup.h"

/* these map URLs too; ours are found before */
static const char *const url_mappers[] = {
    "mod_proxy.c", "mod_alias.c", "mod_rewrite.c", "mod_userdir.c", "mod_vhost_alias.c", NULL,
};

/* and these answer; ours are answered before */
static const char *const caches[] = {"mod_cache.c", NULL};

static void register_hooks(apr_pool_t *p)
{
    /* start */
    ap_hook_pre_config(ta_setup_begin, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(ta_setup_finish, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(ta_dump_write, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(ta_process_prepare, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(ta_process_start_child, NULL, NULL, APR_HOOK_MIDDLE);

    /* each request */
    ap_hook_post_read_request(ta_cleanse_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(ta_own_urls_translate, NULL, url_mappers, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(ta_own_urls_map, NULL, url_mappers, APR_HOOK_REALLY_FIRST);
    ap_hook_header_parser(ta_own_urls_part, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access_ex(ta_own_urls_allow, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_force_authn(ta_authenticate_wants_user, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_authn(ta_authenticate_user, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(ta_authenticate_check_denial, NULL, NULL, APR_HOOK_REALLY_FIRST,
                        AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_note_auth_failure(ta_authenticate_note_failure, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(ta_identity_set, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_filter(ta_identity_settle, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(ta_own_urls_handle, NULL, caches, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(ta_admin_handle, NULL, caches, APR_HOOK_REALLY_FIRST);

    ap_hook_handler(ta_metrics_page_handle, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(ta_event_sink_set_notes, NULL, NULL, APR_HOOK_FIRST);

    ta_require_register(p);
    ta_identity_register();
    ta_metrics_page_register();
    ta_session_bridge_register();
}

AP_DECLARE_MODULE(tinyauth) = {
    STANDARD20_MODULE_STUFF,
    .create_dir_config = ta_config_create_directory,
    .merge_dir_config = ta_config_merge_directory,
    .create_server_config = ta_config_create_server,
    .merge_server_config = ta_config_merge_server,
    .cmds = ta_directives,
    .register_hooks = register_hooks,
    .flags = AP_MODULE_FLAG_NONE,
};
