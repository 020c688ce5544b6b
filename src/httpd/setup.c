/*
 * Checking the configuration as a whole, and making a ta_site of each server's settings.
 */
#include "httpd/setup.h"

#include <http_core.h>
#include <http_log.h>

#include <apr_strings.h>

#include "httpd/config.h"
#include "httpd/config_walk.h"
#include "httpd/environment.h"
#include "httpd/module.h"
#include "httpd/site_settings.h"
#include "httpd/store_kind.h"
#include "util/url.h"

APLOG_USE_MODULE(tinyauth);

#define KEY_NAME             "mod_tinyauth key"
#define DEFAULT_EXPIRY       86400
#define DEFAULT_MAX_LIFETIME 604800
#define DEFAULT_REVALIDATE   300

int ta_setup_may_warn(void)
{
    return ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST ||
           ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG;
}

int ta_setup_begin(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog, (void)ptemp;
    return ta_store_kind_prepare(pconf) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int refuse(const server_rec *s, const char *where, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s, "TA0130: %s: %s", where, what);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* "/etc/apache2/sites/x.conf:12" of a server. */
static const char *place_of_server(apr_pool_t *p, const server_rec *s)
{
    return s->defn_name ? apr_psprintf(p, "%s:%u", s->defn_name, s->defn_line_number)
                        : "the main server";
}

/* Where the main server got a setting from: a directive, else the environment. */
static const char *place_of(apr_pool_t *p, const server_rec *s, const char *directive)
{
    const char *place = s->defn_name ? place_of_server(p, s) : ta_config_walk_place(p, directive);
    const char *variable;

    for (apr_size_t i = 0; !place && (variable = ta_site_settings_variable_at(i)) != NULL; i++) {
        if (strcmp(ta_site_settings_find_variable(variable), directive) == 0) {
            place = apr_pstrcat(p, "environment variable ", variable, NULL);
        }
    }
    return place ? place : place_of_server(p, s);
}

/* The key that seals what goes through browsers: out of TinyauthSecretFile, else made once
 * and kept in the process pool, so that every reload finds the same. */
static apr_status_t get_key(const server_rec *s, const ta_server_config *config, ta_seal_key *key)
{
    apr_pool_t *process = s->process->pool;
    void *kept = NULL;

    if (config->secret) {
        *key = config->secret_key;
        return APR_SUCCESS;
    }
    apr_pool_userdata_get(&kept, KEY_NAME, process);
    if (!kept) {
        kept = apr_palloc(process, sizeof(*key));
        if (ta_secret_random(kept, sizeof(*key)) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
        /* _set copies the name; _setn would point into a module that a reload unloads */
        apr_pool_userdata_set(kept, KEY_NAME, NULL, process);
    }
    memcpy(key, kept, sizeof(*key));
    return APR_SUCCESS;
}

static int compare_sections(const void *a, const void *b)
{
    return strcmp((*(ta_section *const *)a)->provider.id, (*(ta_section *const *)b)->provider.id);
}

/* A message about a provider begins with a directive. Where there is none in any file, the
 * reader looks for the variable. */
static const char *place_of_fault(apr_pool_t *p, const ta_section *section, const char *error)
{
    apr_size_t prefix = strlen("Tinyauth"), len = strcspn(error, " ");
    char *name;

    if (strcmp(section->where, TA_ENVIRONMENT) != 0 || len <= prefix) {
        return apr_psprintf(p, "%s: provider \"%s\"", section->where, section->provider.id);
    }
    name = apr_psprintf(p, TA_ENVIRONMENT_PROVIDER "%s_%.*s", section->provider.id,
                        (int)(len - prefix), error + prefix);
    ap_str_toupper(name);
    return apr_pstrcat(p, "environment variable ", name, NULL);
}

/* Makes the providers whole, and refuses those that are not. */
static const char *finish_sections(apr_pool_t *p, const ta_server_config *config,
                                   const char **where)
{
    qsort(config->sections->elts, (size_t)config->sections->nelts, sizeof(ta_section *),
          compare_sections);
    for (int i = 0; i < config->sections->nelts; i++) {
        ta_section *section = APR_ARRAY_IDX(config->sections, i, ta_section *);
        const char *error;

        *where = section->where;
        if (ta_provider_finish(p, &section->provider) != APR_SUCCESS) {
            return "OpenSSL cannot hash";
        }
        error = ta_provider_check(p, &section->provider);
        if (error) {
            *where = place_of_fault(p, section, error);
            return error;
        }
    }
    return NULL;
}

/* Where logins live: TinyauthAppURL, else the host of a TinyauthRedirectURL. */
static const char *find_app_origin(apr_pool_t *p, const ta_server_config *config, ta_site *site,
                                   const char **where)
{
    site->app_origin = config->app_url;
    for (int i = 0; i < config->sections->nelts; i++) {
        ta_section *section = APR_ARRAY_IDX(config->sections, i, ta_section *);
        ta_url *url;

        if (!section->provider.redirect_url ||
            ta_url_parse(p, section->provider.redirect_url, &url) != APR_SUCCESS) {
            continue;
        }
        *where = section->where;
        if (site->app_origin && strcmp(site->app_origin, url->origin) != 0) {
            return apr_psprintf(p,
                                "provider \"%s\" has TinyauthRedirectURL on %s, but logins live "
                                "on %s: write the same scheme and host for both",
                                section->provider.id, url->origin, site->app_origin);
        }
        site->app_origin = url->origin;
    }
    return NULL;
}

static const char *check_cookie_domain(apr_pool_t *p, const ta_site *site)
{
    ta_url *url;

    if (!site->cookie_domain || !site->app_origin ||
        (ta_url_parse(p, site->app_origin, &url) == APR_SUCCESS &&
         ta_site_domain_covers(site->cookie_domain, url->host))) {
        return NULL;
    }
    return apr_psprintf(p,
                        "TinyauthCookieDomain %s does not cover the login host %s: write a domain "
                        "that both hosts are in, or leave it out (one login works for all hosts "
                        "without it)",
                        site->cookie_domain, site->app_origin);
}

static const char *check_site(apr_pool_t *p, const server_rec *s, const ta_site *site,
                              const char **where)
{
    if (!site->providers->nelts) {
        *where = place_of(p, s, "TinyauthEngine");
        return "TinyauthEngine is On, but no provider is described: write a <TinyauthProvider> "
               "section";
    }
    if (site->auto_redirect && !ta_site_find_provider(site, site->auto_redirect)) {
        *where = place_of(p, s, "TinyauthAutoRedirect");
        return apr_psprintf(p,
                            "TinyauthAutoRedirect names provider \"%s\", which is not described "
                            "here: write <TinyauthProvider %s>, or another id",
                            site->auto_redirect, site->auto_redirect);
    }
    *where = place_of(p, s, "TinyauthCookieDomain");
    return check_cookie_domain(p, site);
}

/* Whom people may ask: TinyauthContact, else ServerAdmin where somebody wrote it. */
static const char *find_contact(const server_rec *s, const ta_server_config *config)
{
    const char *admin = s->server_admin;

    if (config->contact) {
        return *config->contact ? config->contact : NULL;
    }
    return admin && strcmp(admin, DEFAULT_ADMIN) != 0 && strcmp(admin, "webmaster@localhost") != 0
               ? admin
               : NULL;
}

static void add_asset(apr_array_header_t *assets, const ta_asset *asset)
{
    if (asset) {
        APR_ARRAY_PUSH(assets, const ta_asset *) = asset;
    }
}

/* How the pages look, and the files that they show. */
static void set_look(apr_pool_t *p, const ta_server_config *config, ta_site *site)
{
    const char *language = config->language ? config->language : "auto";

    site->has_language = ta_language_find(language, strlen(language), &site->language);
    site->look.pages = config->pages;
    site->look.logo = config->logo;
    site->look.background = config->background;
    site->look.stylesheet = config->stylesheet;
    site->assets = apr_array_make(p, 4, sizeof(ta_asset *));
    add_asset(site->assets, config->logo);
    add_asset(site->assets, config->background);
    add_asset(site->assets, config->stylesheet);
    for (int i = 0; i < site->providers->nelts; i++) {
        const ta_provider *provider = APR_ARRAY_IDX(site->providers, i, const ta_provider *);

        add_asset(site->assets, provider->icon);
        site->look.has_icons |= provider->icon != NULL;
    }
}

static ta_site *make_site(apr_pool_t *p, const server_rec *s, const ta_server_config *config)
{
    ta_site *site = apr_pcalloc(p, sizeof(*site));

    site->providers = apr_array_make(p, config->sections->nelts, sizeof(ta_provider *));
    for (int i = 0; i < config->sections->nelts; i++) {
        APR_ARRAY_PUSH(site->providers, ta_provider *) =
            &APR_ARRAY_IDX(config->sections, i, ta_section *)->provider;
    }
    site->path = config->path ? config->path : "/tinyauth";
    site->auto_redirect = config->auto_redirect;
    site->whitelist =
        config->whitelist && config->whitelist->items->nelts ? config->whitelist : NULL;
    site->title = config->title ? config->title : "Tinyauth";
    site->cookie_domain = config->cookie_domain;
    site->contact = find_contact(s, config);
    set_look(p, config, site);
    site->lifetime.idle =
        config->session_expiry == TA_UNSET ? DEFAULT_EXPIRY : config->session_expiry;
    site->lifetime.absolute = config->session_max_lifetime == TA_UNSET
                                  ? DEFAULT_MAX_LIFETIME
                                  : config->session_max_lifetime;
    site->revalidate = config->revalidate == TA_UNSET ? DEFAULT_REVALIDATE : config->revalidate;
    return site;
}

/* What to register at the provider; not for httpd -t, which says only what is wrong. */
static void tell_addresses(const server_rec *s, const ta_site *site, const ta_provider *provider)
{
    const char *id = provider->id;
    const char *origin = site->app_origin ? site->app_origin : "https://(this host)";

    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, s,
                 "TA0504: to register at provider \"%s\": callback %s%s%s, after logout "
                 "%s%s/signed-out, back-channel logout %s%s/backchannel-logout/%s, front-channel "
                 "logout %s%s/frontchannel-logout/%s",
                 id, provider->redirect_url ? provider->redirect_url : origin,
                 provider->redirect_url ? "" : "/api/oauth/callback/",
                 provider->redirect_url ? "" : id, origin, site->path, origin, site->path, id,
                 origin, site->path, id);
}

static void advise(const server_rec *s, const ta_server_config *config)
{
    for (int i = 0; i < config->sections->nelts; i++) {
        const ta_section *section = APR_ARRAY_IDX(config->sections, i, ta_section *);

        tell_addresses(s, config->site, &section->provider);
        if (!section->provider.issuer) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE | APLOG_STARTUP, 0, s,
                         "TA0131: %s: provider \"%s\" has no TinyauthIssuer: the login works, but "
                         "no ID token is verified and logging out does not reach the provider. "
                         "Write TinyauthIssuer with the provider's URL",
                         section->where, section->provider.id);
        }
        if (section->provider.insecure) {
            ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                         "TA0132: %s: provider \"%s\" has TinyauthInsecure On: anybody between "
                         "this server and the provider can log in as anybody. Write "
                         "TinyauthCACertificateFile instead",
                         section->where, section->provider.id);
        }
    }
}

/* A site on plain http has cookies that anybody on the way can read. */
static void warn_plain_http(const server_rec *s, const ta_site *site, const char *where)
{
    ta_url *url;

    if (site->app_origin &&
        ta_url_parse(s->process->pconf, site->app_origin, &url) == APR_SUCCESS &&
        strcmp(url->scheme, "http") == 0 && !ta_url_host_is_loopback(url->host)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "TA0133: %s: logins live on %s, which is not encrypted: anybody on the way "
                     "can take over a session. Write an https URL",
                     where, site->app_origin);
    }
}

static int finish_server(apr_pool_t *p, server_rec *s)
{
    ta_server_config *config = ta_config_of_server(s);
    const char *where = place_of_server(p, s);
    const char *error;
    ta_site *site;

    config->site = NULL;
    if (config->engine == 0 || (config->engine == TA_UNSET && !config->sections->nelts)) {
        return OK;
    }
    error = finish_sections(p, config, &where);
    if (error) {
        return refuse(s, where, error);
    }
    site = make_site(p, s, config);
    error = find_app_origin(p, config, site, &where);
    if (!error) {
        error = check_site(p, s, site, &where);
    }
    if (error) {
        return refuse(s, where, error);
    }
    if (get_key(s, config, &site->key) != APR_SUCCESS) {
        return refuse(s, where, "OpenSSL gives no random bytes");
    }
    if (ta_setup_may_warn()) {
        warn_plain_http(s, site, place_of(p, s, "TinyauthAppURL"));
    }
    config->site = site;
    return OK;
}

/* The environment describes the main server; virtual hosts have merged its settings before,
 * so what it adds is handed on to them. A host without a directive of ours shares the main
 * server's settings, and gets its own here. */
static void hand_on(apr_pool_t *p, server_rec *main_server)
{
    ta_server_config *base = ta_config_of_server(main_server);

    for (server_rec *s = main_server->next; s; s = s->next) {
        ap_set_module_config(s->module_config, &tinyauth_module,
                             ta_config_merge_server(p, base, ta_config_of_server(s)));
    }
}

/* A login that reaches another host finds the other's pages under its own TinyauthPath. */
static int check_paths(apr_pool_t *p, server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const ta_site *site = ta_config_of_server(s)->site;
        ta_url *login;

        if (!site || !site->app_origin ||
            ta_url_parse(p, site->app_origin, &login) != APR_SUCCESS) {
            continue;
        }
        for (server_rec *other = main_server; other; other = other->next) {
            const ta_site *there = ta_config_of_server(other)->site;

            if (there && other->server_hostname &&
                ap_cstr_casecmp(other->server_hostname, login->host) == 0 &&
                strcmp(there->path, site->path) != 0) {
                return refuse(s, place_of_server(p, s),
                              apr_psprintf(p,
                                           "TinyauthPath is %s here and %s on %s, where logins "
                                           "live: write the same for both",
                                           site->path, there->path, login->host));
            }
        }
    }
    return OK;
}

static int is_named(const server_rec *s, const char *host)
{
    for (int i = 0; s->names && i < s->names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(s->names, i, const char *);

        if (name && ap_cstr_casecmp(name, host) == 0) {
            return 1;
        }
    }
    return s->server_hostname && ap_cstr_casecmp(s->server_hostname, host) == 0;
}

/* Whether logins of a host end in its cookie domain: on one of the servers that have the login
 * host's name. (Another one may only redirect to https.) Also where none is on this machine. */
static int has_domain_at_login(server_rec *main_server, const ta_site *site, const char *login_host)
{
    int is_here = 0;

    for (server_rec *s = main_server; s; s = s->next) {
        const ta_site *there = ta_config_of_server(s)->site;

        if (there && is_named(s, login_host)) {
            is_here = 1;
            if (there->cookie_domain && strcmp(there->cookie_domain, site->cookie_domain) == 0) {
                return 1;
            }
        }
    }
    return !is_here;
}

/* Within its cookie domain a host expects the login host's cookie, and never gets it where that has
 * another domain, or none. */
static int check_cookie_domains(apr_pool_t *p, server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const ta_site *site = ta_config_of_server(s)->site;
        char *name = s->server_hostname ? apr_pstrdup(p, s->server_hostname) : NULL;
        ta_url *login;

        if (!site || !site->app_origin || !name ||
            ta_url_parse(p, site->app_origin, &login) != APR_SUCCESS) {
            continue;
        }
        ap_str_tolower(name);
        if (ta_site_domain_covers(site->cookie_domain, name) &&
            !has_domain_at_login(main_server, site, login->host)) {
            return refuse(s, place_of_server(p, s),
                          apr_psprintf(p,
                                       "TinyauthCookieDomain is %s here, but not on %s, where "
                                       "logins live: write the same for both, or leave it out",
                                       site->cookie_domain, login->host));
        }
    }
    return OK;
}

/* Only where a site needs a store must there be one. */
static const char *check_store(apr_pool_t *p, server_rec *main_server)
{
    const ta_server_config *config = ta_config_of_server(main_server);
    ta_store_spec *spec = apr_palloc(p, sizeof(*spec)); /* what is wrong may point into it */
    const ta_store_kind *kind = ta_store_kind_find(
        p, config->session_store, config->secret ? &config->secret_key : NULL, spec);

    for (server_rec *s = main_server; s; s = s->next) {
        if (ta_config_of_server(s)->site) {
            return kind->check(p, spec);
        }
    }
    return NULL;
}

int ta_setup_finish(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    ta_server_config *config = ta_config_of_server(s);
    int may_warn = ta_setup_may_warn();
    const char *error = ta_environment_apply(pconf, ptemp, config, may_warn);
    int rv;

    (void)plog;
    if (error) {
        return refuse(s, "the environment", error);
    }
    if (!config->pages) {
        /* once for all hosts: hand_on gives them to those that have none */
        config->pages = ta_page_make_set(pconf, NULL, &error);
    }
    hand_on(pconf, s);
    for (server_rec *each = s; each; each = each->next) {
        rv = finish_server(pconf, each);
        if (rv != OK) {
            return rv;
        }
        if (may_warn && ta_config_of_server(each)->site) {
            advise(each, ta_config_of_server(each));
        }
    }
    error = check_store(pconf, s);
    if (error) {
        return refuse(s, place_of(pconf, s, "TinyauthSessionStore"),
                      apr_pstrcat(ptemp, "TinyauthSessionStore ", error, NULL));
    }
    rv = check_paths(pconf, s);
    if (rv == OK) {
        rv = check_cookie_domains(pconf, s);
    }
    return rv == OK ? ta_config_walk(ptemp, s) : rv;
}
