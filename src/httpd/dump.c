/*
 * Writing down what is in force: every host with an engine, its providers, and which groups the
 * configuration asks for.
 */
#include "httpd/dump.h"

#include <http_core.h>

#include <apr_strings.h>

#include "httpd/config.h"
#include "httpd/config_walk.h"
#include "httpd/module.h"
#include "ta_version.h"
#include "util/json.h"
#include "util/url.h"

#define DUMP_BYTES (16 * 1024 * 1024)

int ta_dump_is_wanted(void)
{
    return ap_exists_config_define("TINYAUTH_DUMP");
}

/* A member of an object, with a comma before all but the first. */
static void name_member(ta_text *text, const char *name)
{
    if (text->len && text->data[text->len - 1] != '{') {
        ta_text_append(text, ",");
    }
    ta_json_append_string(text, name);
    ta_text_append(text, ":");
}

static void write_string(ta_text *text, const char *name, const char *value)
{
    name_member(text, name);
    ta_json_append_string(text, value);
}

static void write_flag(ta_text *text, const char *name, int value)
{
    name_member(text, name);
    ta_text_append(text, value ? "true" : "false");
}

static void write_strings(ta_text *text, const char *name, const apr_array_header_t *values)
{
    name_member(text, name);
    ta_text_append(text, "[");
    for (int i = 0; values && i < values->nelts; i++) {
        ta_text_append(text, i ? "," : NULL);
        ta_json_append_string(text, APR_ARRAY_IDX(values, i, const char *));
    }
    ta_text_append(text, "]");
}

static void write_algorithms(ta_text *text, const ta_provider *provider)
{
    apr_array_header_t *names = apr_array_make(text->pool, 4, sizeof(const char *));

    for (int i = 0; provider->algorithms && i < provider->algorithms->nelts; i++) {
        APR_ARRAY_PUSH(names, const char *) =
            APR_ARRAY_IDX(provider->algorithms, i, const ta_algorithm *)->name;
    }
    write_strings(text, "algorithms", names);
}

static void write_section(ta_text *text, const ta_section *section)
{
    static const char *const token_auths[] = {
        [TA_TOKEN_AUTH_AUTO] = "auto",
        [TA_TOKEN_AUTH_BASIC] = "basic",
        [TA_TOKEN_AUTH_POST] = "post",
        [TA_TOKEN_AUTH_NONE] = "none",
    };
    const ta_provider *provider = &section->provider;

    ta_text_append(text, "{");
    write_string(text, "id", provider->id);
    write_string(text, "where", section->where);
    write_string(text, "name", provider->name);
    write_string(text, "issuer", provider->issuer);
    write_string(text, "client_id", provider->client_id);
    write_flag(text, "has_secret", provider->client_secret != NULL);
    write_string(text, "secret_file", section->secret_file);
    write_string(text, "auth_url", provider->auth_url);
    write_string(text, "token_url", provider->token_url);
    write_string(text, "userinfo_url", provider->userinfo_url);
    write_string(text, "jwks_url", provider->jwks_url);
    write_string(text, "end_session_url", provider->end_session_url);
    write_string(text, "redirect_url", provider->redirect_url);
    write_string(text, "scopes", provider->scopes);
    write_string(text, "token_auth", token_auths[provider->token_auth]);
    write_string(text, "groups_claim", provider->groups_claim);
    write_algorithms(text, provider);
    write_flag(text, "insecure", provider->insecure);
    write_string(text, "ca_file", provider->ca_file);
    ta_text_append(text, "}");
}

/* Scheme and host as browsers write them. Only mod_ssl knows for certain, and not before the
 * server runs; what it decides by is looked at here. Where ServerName has a scheme, something
 * else listens for browsers, and the port here is not theirs. */
static const char *origin_of(apr_pool_t *p, server_rec *s)
{
    apr_port_t listening = s->addrs && !s->server_scheme ? s->addrs->host_port : 0;
    apr_port_t port = s->port ? s->port : listening;
    const char *engine = ta_config_walk_find(p, s, "SSLEngine");
    const char *scheme = s->server_scheme;

    if (!scheme) {
        scheme = port == 443 || (engine && ap_cstr_casecmp(engine, "on") == 0) ? "https" : "http";
    }
    return ta_url_origin(p, scheme, s->server_hostname,
                         port                           ? port
                         : strcmp(scheme, "https") == 0 ? 443
                                                        : 80);
}

static void write_host(ta_text *text, server_rec *s)
{
    const ta_server_config *config = ta_config_of_server(s);

    ta_text_append(text, "{");
    write_string(text, "place",
                 s->defn_name ? apr_psprintf(text->pool, "%s:%u", s->defn_name, s->defn_line_number)
                              : "the main server");
    write_flag(text, "is_main", !s->is_virtual);
    write_flag(text, "asks_for_login", ta_config_walk_asks(text->pool, s));
    write_string(text, "name", s->server_hostname);
    write_strings(text, "aliases", s->names);
    write_string(text, "origin", origin_of(text->pool, s));
    write_string(text, "app_origin", config->site->app_origin);
    write_string(text, "path", config->site->path);
    write_string(text, "cookie_domain", config->site->cookie_domain);
    write_string(text, "secret_file", config->secret_file);
    name_member(text, "providers");
    ta_text_append(text, "[");
    for (int i = 0; i < config->sections->nelts; i++) {
        ta_text_append(text, i ? "," : NULL);
        write_section(text, APR_ARRAY_IDX(config->sections, i, ta_section *));
    }
    ta_text_append(text, "]}");
}

static void write_all(ta_text *text, server_rec *main_server)
{
    const char *store = ta_config_of_server(main_server)->session_store;
    int count = 0;

    ta_text_append(text, "{");
    write_string(text, "version", TINYAUTH_VERSION);
    write_string(text, "store", store ? store : "shm");
    write_strings(text, "groups", ta_config_walk_groups(text->pool));
    name_member(text, "hosts");
    ta_text_append(text, "[");
    for (server_rec *s = main_server; s; s = s->next) {
        if (ta_config_of_server(s)->site) {
            ta_text_append(text, count++ ? "," : NULL);
            write_host(text, s);
        }
    }
    ta_text_append(text, "]}\n");
}

void ta_dump_write(apr_pool_t *pconf, server_rec *s)
{
    apr_file_t *output;
    const char *dump;
    ta_text text;

    if (!ta_dump_is_wanted() || apr_file_open_stdout(&output, pconf) != APR_SUCCESS) {
        return;
    }
    ta_text_init(&text, pconf, DUMP_BYTES);
    write_all(&text, s);
    if (ta_text_finish(&text, &dump) == APR_SUCCESS) {
        apr_file_puts(dump, output);
    }
}
