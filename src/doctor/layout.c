/*
 * From the dump to hosts and clients.
 */
#include "doctor/layout.h"

#include <string.h>

#include <apr_strings.h>

#include "jose/algorithm.h"
#include "util/json.h"
#include "util/text.h"
#include "util/url.h"

#define NO_NAME       "bogus_host_without_reverse_dns" /* httpd's own words */
#define SECTION_BYTES (1024 * 1024) /* of one section: a dump has at most a few of them */

static void add_once(apr_array_header_t *texts, const char *text)
{
    for (int i = 0; i < texts->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(texts, i, const char *), text) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(texts, const char *) = text;
}

static apr_array_header_t *strings_of(apr_pool_t *p, const ta_json *list)
{
    apr_array_header_t *strings = apr_array_make(p, 4, sizeof(const char *));

    for (apr_size_t i = 0; i < ta_json_length(list); i++) {
        const char *text = ta_json_text(ta_json_item(list, i));

        if (text) {
            add_once(strings, text);
        }
    }
    return strings;
}

static ta_token_auth token_auth_of(const char *name)
{
    static const struct {
        const char *name;
        ta_token_auth auth;
    } auths[] = {
        {"basic", TA_TOKEN_AUTH_BASIC},
        {"post", TA_TOKEN_AUTH_POST},
        {"none", TA_TOKEN_AUTH_NONE},
    };

    for (apr_size_t i = 0; name && i < sizeof(auths) / sizeof(*auths); i++) {
        if (strcmp(auths[i].name, name) == 0) {
            return auths[i].auth;
        }
    }
    return TA_TOKEN_AUTH_AUTO;
}

static apr_array_header_t *algorithms_of(apr_pool_t *p, const ta_json *names)
{
    apr_array_header_t *algorithms = apr_array_make(p, 4, sizeof(const ta_algorithm *));

    for (apr_size_t i = 0; i < ta_json_length(names); i++) {
        const char *name = ta_json_text(ta_json_item(names, i));
        const ta_algorithm *algorithm = name ? ta_algorithm_find(name) : NULL;

        if (algorithm) {
            APR_ARRAY_PUSH(algorithms, const ta_algorithm *) = algorithm;
        }
    }
    return algorithms->nelts ? algorithms : NULL;
}

ta_layout *ta_layout_make(apr_pool_t *p)
{
    ta_layout *layout = apr_pcalloc(p, sizeof(*layout));

    layout->groups = apr_array_make(p, 1, sizeof(const char *));
    layout->origins = apr_array_make(p, 4, sizeof(const char *));
    layout->hosts = apr_array_make(p, 1, sizeof(ta_layout_host *));
    layout->clients = apr_array_make(p, 1, sizeof(ta_layout_client *));
    return layout;
}

ta_layout_client *ta_layout_add_client(apr_pool_t *p, ta_layout *layout, const char *where)
{
    ta_layout_client *client = apr_pcalloc(p, sizeof(*client));

    client->where = where;
    client->callbacks = apr_array_make(p, 2, sizeof(const char *));
    client->logout_callbacks = apr_array_make(p, 2, sizeof(const char *));
    APR_ARRAY_PUSH(layout->clients, ta_layout_client *) = client;
    return client;
}

/* The client of a section; a section of the main server comes with each host that inherits it,
 * word for word. Its place alone does not tell: a file may be included by several hosts, each of
 * which defines its own ${CLIENT_ID} before. */
static ta_layout_client *find_client(const ta_layout *layout, const char *section)
{
    for (int i = 0; i < layout->clients->nelts; i++) {
        ta_layout_client *client = APR_ARRAY_IDX(layout->clients, i, ta_layout_client *);

        if (strcmp(client->section, section) == 0) {
            return client;
        }
    }
    return NULL;
}

static const char *text_of(apr_pool_t *p, const ta_json *json)
{
    ta_text text;

    ta_text_init(&text, p, SECTION_BYTES);
    ta_json_append(&text, json);
    return text.data;
}

static const char *read_client(apr_pool_t *p, ta_layout *layout, const ta_json *json,
                               ta_layout_client **result)
{
    const char *where = ta_json_string(json, "where"), *id = ta_json_string(json, "id");
    const char *section = text_of(p, json);
    ta_layout_client *client;

    if (!where || !id || !ta_json_string(json, "client_id")) {
        return "a provider in it has no id, place or client ID";
    }
    *result = client = find_client(layout, section);
    if (client) {
        return NULL;
    }
    *result = client = ta_layout_add_client(p, layout, where);
    client->section = section;
    client->has_secret = ta_json_is_true(json, "has_secret");
    client->secret_file = ta_json_string(json, "secret_file");
    client->provider = (ta_provider){
        .id = id,
        .name = ta_json_string(json, "name"),
        .issuer = ta_json_string(json, "issuer"),
        .client_id = ta_json_string(json, "client_id"),
        .auth_url = ta_json_string(json, "auth_url"),
        .token_url = ta_json_string(json, "token_url"),
        .userinfo_url = ta_json_string(json, "userinfo_url"),
        .jwks_url = ta_json_string(json, "jwks_url"),
        .end_session_url = ta_json_string(json, "end_session_url"),
        .redirect_url = ta_json_string(json, "redirect_url"),
        .scopes = ta_json_string(json, "scopes"),
        .token_auth = token_auth_of(ta_json_string(json, "token_auth")),
        .algorithms = algorithms_of(p, ta_json_get(json, "algorithms")),
        .groups_claim = ta_json_string(json, "groups_claim"),
        .insecure = ta_json_is_true(json, "insecure"),
        .ca_file = ta_json_string(json, "ca_file"),
    };
    return ta_provider_finish(p, &client->provider) == APR_SUCCESS ? NULL : "OpenSSL cannot hash";
}

/* The URLs of a client at one place where logins live. */
static void add_urls(apr_pool_t *p, const ta_layout_host *host, ta_layout_client *client,
                     const char *origin)
{
    const char *callback = client->provider.redirect_url;

    if (!callback) {
        callback = apr_pstrcat(p, origin, "/api/oauth/callback/", client->provider.id, NULL);
    }
    add_once(client->callbacks, callback);
    add_once(client->logout_callbacks, apr_pstrcat(p, origin, host->path, "/signed-out", NULL));
}

static void add_urls_of_host(apr_pool_t *p, const ta_layout_host *host, ta_layout_client *client)
{
    ta_url *url;

    if (host->app_origin) {
        add_urls(p, host, client, host->app_origin);
        return;
    }
    if (!host->origin || ta_url_parse(p, host->origin, &url) != APR_SUCCESS) {
        return;
    }
    add_urls(p, host, client, url->origin);
    for (int i = 0; i < host->aliases->nelts; i++) {
        const char *origin =
            ta_url_origin(p, url->scheme, APR_ARRAY_IDX(host->aliases, i, const char *), url->port);

        if (origin) {
            add_urls(p, host, client, origin);
        }
    }
}

/* Not where httpd made a name up: without ServerName, for an address that has none in DNS. */
static const char *typed_origin(const ta_json *json)
{
    const char *name = ta_json_string(json, "name");

    return name && strcmp(name, NO_NAME) == 0 ? NULL : ta_json_string(json, "origin");
}

static const char *read_host(apr_pool_t *p, ta_layout *layout, const ta_json *json)
{
    ta_layout_host *host = apr_pcalloc(p, sizeof(*host));
    const ta_json *providers = ta_json_get(json, "providers");

    host->place = ta_json_string(json, "place");
    host->origin = typed_origin(json);
    host->aliases = strings_of(p, ta_json_get(json, "aliases"));
    host->app_origin = ta_json_string(json, "app_origin");
    host->path = ta_json_string(json, "path");
    host->cookie_domain = ta_json_string(json, "cookie_domain");
    host->secret_file = ta_json_string(json, "secret_file");
    host->clients = apr_array_make(p, 2, sizeof(ta_layout_client *));
    if (!host->place || !host->path) {
        return "a host in it has no place or path";
    }
    for (apr_size_t i = 0; i < ta_json_length(providers); i++) {
        ta_layout_client *client;
        const char *error = read_client(p, layout, ta_json_item(providers, i), &client);

        if (error) {
            return error;
        }
        APR_ARRAY_PUSH(host->clients, ta_layout_client *) = client;
        add_urls_of_host(p, host, client);
    }
    APR_ARRAY_PUSH(layout->hosts, ta_layout_host *) = host;
    return NULL;
}

/* Which hosts of the dump count. */
typedef struct choice {
    int only_asking;
    int skip_main;
} choice;

static choice choose(const ta_json *hosts)
{
    choice chosen = {0, 0};

    for (apr_size_t i = 0; i < ta_json_length(hosts); i++) {
        const ta_json *host = ta_json_item(hosts, i);

        if (!ta_json_is_true(host, "is_main")) {
            chosen.skip_main = 1;
            chosen.only_asking |= ta_json_is_true(host, "asks_for_login");
        }
    }
    return chosen;
}

static int is_chosen(const choice *chosen, const ta_json *host)
{
    if (chosen->skip_main && ta_json_is_true(host, "is_main")) {
        return 0;
    }
    return !chosen->only_asking || ta_json_is_true(host, "asks_for_login");
}

/* True for the http side of a host that counts by https: it redirects, mostly. */
static int is_plain_twin(const choice *chosen, const ta_json *hosts, const ta_json *host)
{
    const char *origin = ta_json_string(host, "origin"), *name = ta_json_string(host, "name");

    if (!origin || !name || strncmp(origin, "http:", 5) != 0) {
        return 0;
    }
    for (apr_size_t i = 0; i < ta_json_length(hosts); i++) {
        const ta_json *other = ta_json_item(hosts, i);
        const char *other_origin = ta_json_string(other, "origin");
        const char *other_name = ta_json_string(other, "name");

        if (other_origin && other_name && strncmp(other_origin, "https:", 6) == 0 &&
            strcmp(other_name, name) == 0 && is_chosen(chosen, other)) {
            return 1;
        }
    }
    return 0;
}

static int counts(const choice *chosen, const ta_json *hosts, const ta_json *host)
{
    return is_chosen(chosen, host) && !is_plain_twin(chosen, hosts, host);
}

const char *ta_layout_parse(apr_pool_t *p, ta_bytes dump, ta_layout **result)
{
    ta_layout *layout = ta_layout_make(p);
    const ta_json *root, *hosts;
    choice chosen;

    *result = NULL;
    if (ta_json_parse_object(p, dump, &root) != APR_SUCCESS ||
        ta_json_type_of(hosts = ta_json_get(root, "hosts")) != TA_JSON_ARRAY) {
        return "it is no dump of mod_tinyauth";
    }
    layout->store = ta_json_string(root, "store");
    layout->groups = strings_of(p, ta_json_get(root, "groups"));
    chosen = choose(hosts);
    for (apr_size_t i = 0; i < ta_json_length(hosts); i++) {
        const ta_json *host = ta_json_item(hosts, i);
        const char *origin = typed_origin(host);
        const char *error = counts(&chosen, hosts, host) ? read_host(p, layout, host) : NULL;

        if (origin) {
            add_once(layout->origins, origin);
        }
        if (error) {
            return error;
        }
    }
    *result = layout;
    return NULL;
}
