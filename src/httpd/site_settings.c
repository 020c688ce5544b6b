/*
 * Setting what belongs to a server or virtual host: the table, and how each value is read.
 */
#include "httpd/site_settings.h"

#include <apr_strings.h>

#include "httpd/look_files.h"
#include "httpd/regex.h"
#include "httpd/values.h"
#include "oidc/provider.h"
#include "util/url.h"

static const char *set_app_url(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                               const char *value)
{
    ta_url *url;

    if (ta_url_parse(tmp, value, &url) != APR_SUCCESS) {
        return apr_psprintf(p, "must be a URL such as https://tinyauth.example.com, not \"%s\"",
                            value);
    }
    if (strcmp(url->path, "/") != 0 || url->query) {
        return apr_psprintf(p, "must name scheme and host alone: write %s", url->origin);
    }
    config->app_url = apr_pstrdup(p, url->origin);
    return NULL;
}

static const char *set_path(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                            const char *value)
{
    apr_size_t len = strlen(value);
    apr_size_t plain = strspn(value, "/-_.~0123456789abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    (void)tmp;
    if (len < 2 || len > 64 || plain != len || value[0] != '/' || value[len - 1] == '/' ||
        strstr(value, "//") || strstr(value, "/.")) {
        return apr_psprintf(p,
                            "must be a path such as /tinyauth, without a slash at its end, "
                            "not \"%s\"",
                            value);
    }
    config->path = apr_pstrdup(p, value);
    return NULL;
}

static const char *set_auto_redirect(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                     const char *value)
{
    (void)tmp;
    if (!ta_provider_id_is_valid(value)) {
        return apr_psprintf(p, "must be the id of a provider, not \"%s\"", value);
    }
    config->auto_redirect = apr_pstrdup(p, value);
    return NULL;
}

static const char *set_whitelist(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                 const char *value)
{
    (void)tmp;
    /* empty is everyone, as in Tinyauth, and takes back what a server or the environment says */
    config->whitelist = ta_filter_make(p, ta_regex_port_get());
    return ta_filter_add_list(p, config->whitelist, value);
}

static const char *set_title(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                             const char *value)
{
    (void)tmp;
    /* the realm of WWW-Authenticate, too: httpd sends no header with such a value, but 500 */
    for (const char *c = value; *c; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            return "must be one line of text";
        }
    }
    config->title = apr_pstrdup(p, value);
    return NULL;
}

static const char *set_contact(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                               const char *value)
{
    (void)tmp;
    config->contact = apr_pstrdup(p, value);
    return NULL;
}

static const char *known_languages(apr_pool_t *p)
{
    const char *tags = "en";

    for (apr_size_t i = 0; ta_language_at(i); i++) {
        tags = apr_pstrcat(p, tags, ", ", ta_language_tag(ta_language_at(i)), NULL);
    }
    return tags;
}

static const char *set_language(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                const char *value)
{
    const ta_language *language;

    if (ap_cstr_casecmp(value, "auto") == 0) {
        config->language = "auto";
        return NULL;
    }
    if (!ta_language_find(value, strlen(value), &language)) {
        return apr_psprintf(p, "must be auto or one of %s, not \"%s\"", known_languages(tmp),
                            value);
    }
    config->language = ta_language_tag(language);
    return NULL;
}

static const char *set_logo(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                            const char *value)
{
    return ta_look_files_read_picture(p, tmp, value, "logo", &config->logo);
}

static const char *set_background(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                  const char *value)
{
    return ta_look_files_read_picture(p, tmp, value, "background", &config->background);
}

static const char *set_stylesheet(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                  const char *value)
{
    return ta_look_files_read_style(p, tmp, value, &config->stylesheet);
}

static const char *set_template_dir(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                    const char *value)
{
    return ta_look_files_read_pages(p, tmp, value, &config->pages);
}

static const char *set_cookie_domain(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                     const char *value)
{
    const char *domain = *value == '.' ? value + 1 : value;
    const char *origin = ta_url_origin(tmp, "https", domain, 443);

    if (!origin || !strchr(domain, '.') || *domain == '[') {
        return apr_psprintf(p, "must be a domain such as example.com, not \"%s\"", value);
    }
    config->cookie_domain = apr_pstrdup(p, origin + strlen("https://"));
    return NULL;
}

static const char *set_session_expiry(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                      const char *value)
{
    (void)tmp;
    return ta_values_read_seconds(p, value, 1, &config->session_expiry);
}

static const char *set_session_max_lifetime(apr_pool_t *p, apr_pool_t *tmp,
                                            ta_server_config *config, const char *value)
{
    const char *error = ta_values_read_seconds(p, value, 0, &config->session_max_lifetime);

    (void)tmp;
    /* none, as in Tinyauth: nobody lives to see this one */
    if (!error && config->session_max_lifetime == 0) {
        config->session_max_lifetime = APR_INT32_MAX;
    }
    return error;
}

static const char *set_revalidate(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                  const char *value)
{
    (void)tmp;
    return ta_values_read_seconds(p, value, 1, &config->revalidate);
}

static const char *set_session_store(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                     const char *value)
{
    (void)tmp;
    config->session_store = apr_pstrdup(p, value);
    return NULL;
}

static const char *set_audit_log(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                 const char *value)
{
    (void)tmp;
    if (!*value || strcmp(value, "|") == 0) {
        return "must be a file, or \"|\" and a program: write logs/audit.log";
    }
    config->audit_log = apr_pstrdup(p, value);
    return NULL;
}

static const char *set_secret_file(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                   const char *value)
{
    const char *secret;
    const char *error = ta_values_read_secret(p, tmp, value, &secret);

    if (!error && strlen(secret) < 32) {
        return apr_psprintf(p,
                            "names %s, whose first line is shorter than 32 characters: make "
                            "it with \"openssl rand -base64 32\"",
                            value);
    }
    if (!error && ta_secret_derive(secret, strlen(secret), "tinyauth secret file",
                                   config->secret_key.bytes) != APR_SUCCESS) {
        return "cannot be used: OpenSSL derives no key from it";
    }
    config->secret = error ? NULL : secret;
    config->secret_file = ap_server_root_relative(p, value);
    return error;
}

static const char *set_engine(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                              const char *value)
{
    (void)tmp;
    return ta_values_read_flag(p, value, &config->engine);
}

/* Directive, variable where Tinyauth has one, and how it is set. */
static const struct {
    const char *directive;
    const char *variable;
    const char *(*set)(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config, const char *value);
} settings[] = {
    {"TinyauthEngine", NULL, set_engine},
    {"TinyauthAppURL", "TINYAUTH_APPURL", set_app_url},
    {"TinyauthPath", NULL, set_path},
    {"TinyauthAutoRedirect", "TINYAUTH_OAUTH_AUTOREDIRECT", set_auto_redirect},
    {"TinyauthWhitelist", "TINYAUTH_OAUTH_WHITELIST", set_whitelist},
    {"TinyauthTitle", "TINYAUTH_UI_TITLE", set_title},
    {"TinyauthContact", NULL, set_contact},
    {"TinyauthLanguage", NULL, set_language},
    {"TinyauthLogo", NULL, set_logo},
    {"TinyauthBackground", NULL, set_background},
    {"TinyauthStylesheet", NULL, set_stylesheet},
    {"TinyauthTemplateDir", NULL, set_template_dir},
    {"TinyauthCookieDomain", NULL, set_cookie_domain},
    {"TinyauthSessionExpiry", "TINYAUTH_AUTH_SESSIONEXPIRY", set_session_expiry},
    {"TinyauthSessionMaxLifetime", "TINYAUTH_AUTH_SESSIONMAXLIFETIME", set_session_max_lifetime},
    {"TinyauthRevalidate", NULL, set_revalidate},
    {"TinyauthSessionStore", NULL, set_session_store},
    {"TinyauthAuditLog", NULL, set_audit_log},
    {"TinyauthSecretFile", NULL, set_secret_file},
};

#define SETTINGS (sizeof(settings) / sizeof(*settings))

const char *ta_site_settings_apply(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                   const char *directive, const char *value)
{
    for (apr_size_t i = 0; i < SETTINGS; i++) {
        if (ap_cstr_casecmp(settings[i].directive, directive) == 0) {
            return settings[i].set(p, tmp, config, value);
        }
    }
    return "is not a setting of a server";
}

/* Only of those that have a variable: nobody else asks. */
int ta_site_settings_is_made(const ta_server_config *config, const char *directive)
{
    const struct {
        const char *directive;
        int made;
    } made[] = {
        {"TinyauthAppURL", config->app_url != NULL},
        {"TinyauthAutoRedirect", config->auto_redirect != NULL},
        {"TinyauthWhitelist", config->whitelist != NULL},
        {"TinyauthTitle", config->title != NULL},
        {"TinyauthSessionExpiry", config->session_expiry != TA_UNSET},
        {"TinyauthSessionMaxLifetime", config->session_max_lifetime != TA_UNSET},
    };

    for (apr_size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        if (strcmp(made[i].directive, directive) == 0) {
            return made[i].made;
        }
    }
    return 0;
}

const char *ta_site_settings_find_variable(const char *variable)
{
    for (apr_size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].variable && strcmp(settings[i].variable, variable) == 0) {
            return settings[i].directive;
        }
    }
    return NULL;
}

const char *ta_site_settings_variable_at(apr_size_t index)
{
    for (apr_size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].variable && index-- == 0) {
            return settings[i].variable;
        }
    }
    return NULL;
}
