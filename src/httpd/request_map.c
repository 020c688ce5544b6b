/*
 * Reading a request: scheme and port are httpd's own idea (mod_ssl, or ServerName https://…),
 * the host is the browser's where it is one of the server's names, and no X-Forwarded-* is
 * ever looked at.
 */
#include "httpd/request_map.h"

#include <stddef.h>
#include <strings.h>

#include <ap_listen.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include <apr_strings.h>

#include "flow/env.h"
#include "flow/own_cookies.h"
#include "httpd/config.h"
#include "util/url.h"

#define ID_LEN    10                 /* letters of 6 bits */
#define ID_FACTOR 0x9e3779b97f4a7c15 /* 2^64 divided by the golden ratio */

static int is_among(const apr_array_header_t *names, const char *host, int wild)
{
    for (int i = 0; names && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        if (name && (wild ? !ap_strcasecmp_match(host, name) : !ap_cstr_casecmp(host, name))) {
            return 1;
        }
    }
    return 0;
}

/* ServerName and ServerAlias. */
static int is_name_of_server(const server_rec *s, const char *host)
{
    return (s->server_hostname && ap_cstr_casecmp(s->server_hostname, host) == 0) ||
           is_among(s->names, host, 0);
}

/* The headers that the flow asks about, as they were sent. */
typedef struct sent_headers {
    const char *accept, *accept_language, *host, *purpose, *referer, *fetch_dest, *fetch_mode,
        *sec_purpose, *upgrade, *user_agent, *requested_with;
} sent_headers;

typedef struct wanted {
    const char *name; /* NULL behind the last one */
    apr_size_t at;    /* in sent_headers */
} wanted;

/* By the first letter, in either case. Nearly all that a browser sends is so told apart from
 * what is wanted, in one walk for all of them. */
static const wanted *const wanted_by_letter[32] = {
    ['A' & 31] = (const wanted[]){{"Accept", offsetof(sent_headers, accept)},
                                  {"Accept-Language", offsetof(sent_headers, accept_language)},
                                  {NULL, 0}},
    ['H' & 31] = (const wanted[]){{"Host", offsetof(sent_headers, host)}, {NULL, 0}},
    ['P' & 31] = (const wanted[]){{"Purpose", offsetof(sent_headers, purpose)}, {NULL, 0}},
    ['R' & 31] = (const wanted[]){{"Referer", offsetof(sent_headers, referer)}, {NULL, 0}},
    ['S' & 31] = (const wanted[]){{"Sec-Fetch-Dest", offsetof(sent_headers, fetch_dest)},
                                  {"Sec-Fetch-Mode", offsetof(sent_headers, fetch_mode)},
                                  {"Sec-Purpose", offsetof(sent_headers, sec_purpose)},
                                  {NULL, 0}},
    ['U' & 31] = (const wanted[]){{"User-Agent", offsetof(sent_headers, user_agent)},
                                  {"Upgrade", offsetof(sent_headers, upgrade)},
                                  {NULL, 0}},
    ['X' & 31] =
        (const wanted[]){{"X-Requested-With", offsetof(sent_headers, requested_with)}, {NULL, 0}},
};

/* Of headers that were sent twice the first counts, as for apr_table_get. */
static void find_headers(const apr_table_t *table, sent_headers *sent)
{
    const apr_array_header_t *all = apr_table_elts(table);

    const apr_table_entry_t *header = (const apr_table_entry_t *)all->elts;

    for (const apr_table_entry_t *end = header + all->nelts; header < end; header++) {
        const wanted *each = header->key ? wanted_by_letter[*header->key & 31] : NULL;

        for (; each && each->name; each++) {
            const char **value = (const char **)((char *)sent + each->at);

            if (!*value && strcasecmp(header->key, each->name) == 0) {
                *value = header->val;
                break;
            }
        }
    }
}

/* "host." is the same host; httpd takes the dot off, but browsers keep the cookies apart. */
static int has_trailing_dot(const char *host)
{
    const char *colon = host ? strchr(host, ':') : NULL;
    const char *end = colon || !host ? colon : host + strlen(host);

    return end && end - host > 1 && end[-1] == '.';
}

/* The port that browsers use: what ServerName says, else where the connection came in; and
 * the scheme's own where ServerName has a scheme (TLS ends elsewhere). */
static apr_port_t port_of(request_rec *r)
{
    if (r->server->port) {
        return r->server->port;
    }
    if (r->server->server_scheme) {
        return ap_default_port(r);
    }
    return r->connection->local_addr->port;
}

/* One name of a server at one port and scheme. */
typedef struct known_host {
    const char *name;
    apr_port_t port;
    ta_request request; /* only what follows from these */
} known_host;

struct ta_known_hosts {
    apr_array_header_t *hosts; /* of known_host */
};

/* What follows from the origin by a server's name; 0 where there is none. */
static int describe_host(apr_pool_t *p, const server_rec *s, const ta_site *site, known_host *host)
{
    const char *scheme = host->request.scheme;
    const ta_env env = {.pool = p, .site = site, .request = &host->request};
    ta_url *url;

    if (ta_url_parse(p, ta_url_origin(p, scheme, host->name, host->port), &url) != APR_SUCCESS) {
        return 0;
    }
    host->request.origin = url->origin;
    host->request.host = url->host;
    host->request.server_origin = ta_url_origin(p, scheme, s->server_hostname, host->port);
    /* where these are there already, they are taken for the answer */
    host->request.session_cookie = host->request.audience = NULL;
    host->request.session_cookie = ta_own_cookies_session_name(&env);
    host->request.audience = ta_own_cookies_audience(&env);
    return 1;
}

static void add_names(apr_pool_t *p, const server_rec *s, const ta_site *site, apr_port_t port,
                      struct ta_known_hosts *known)
{
    static const char *const schemes[] = {"http", "https"};

    for (int i = 0; i < 2; i++) {
        known_host host = {.name = s->server_hostname, .port = port};

        host.request.scheme = schemes[i];
        if (describe_host(p, s, site, &host)) {
            APR_ARRAY_PUSH(known->hosts, known_host) = host;
        }
        for (int j = 0; s->names && j < s->names->nelts; j++) {
            host.name = APR_ARRAY_IDX(s->names, j, const char *);
            if (host.name && describe_host(p, s, site, &host)) {
                APR_ARRAY_PUSH(known->hosts, known_host) = host;
            }
        }
    }
}

const struct ta_known_hosts *ta_request_map_prepare(apr_pool_t *p, const server_rec *s,
                                                    const ta_site *site)
{
    struct ta_known_hosts *known = apr_palloc(p, sizeof(*known));

    known->hosts = apr_array_make(p, 4, sizeof(known_host));
    if (s->port) {
        add_names(p, s, site, s->port, known);
        return known;
    }
    if (s->server_scheme) {
        add_names(p, s, site, strcmp(s->server_scheme, "https") == 0 ? 443 : 80, known);
    }
    for (const ap_listen_rec *listener = ap_listeners; listener; listener = listener->next) {
        add_names(p, s, site, listener->bind_addr->port, known);
    }
    return known;
}

static const known_host *find_known_host(request_rec *r, const char *scheme, apr_port_t port)
{
    const struct ta_known_hosts *known = ta_config_of_server(r->server)->hosts;

    for (int i = 0; known && i < known->hosts->nelts; i++) {
        const known_host *host = &APR_ARRAY_IDX(known->hosts, i, known_host);

        if (host->port == port && strcmp(host->request.scheme, scheme) == 0 &&
            (strcmp(host->name, r->hostname) == 0 ||
             ap_cstr_casecmp(host->name, r->hostname) == 0)) {
            return host;
        }
    }
    return NULL;
}

/* Where the browser used no name that is known: a wildcard's, none at all, or somebody else's. */
static void fill_other_origin(request_rec *r, apr_port_t port, const char *sent_host,
                              ta_request *request)
{
    const char *host = r->hostname;
    const char *origin = NULL;
    ta_url *url;

    request->server_origin =
        ta_url_origin(r->pool, request->scheme, r->server->server_hostname, port);
    request->is_wild_host =
        host && !is_name_of_server(r->server, host) && is_among(r->server->wild_names, host, 1);
    if (host && (request->is_wild_host || is_name_of_server(r->server, host))) {
        origin = ta_url_origin(r->pool, request->scheme, host, port);
        request->is_other_host = has_trailing_dot(sent_host);
    }
    if (!origin) {
        request->is_other_host = host != NULL;
        origin = request->server_origin;
    }
    if (!origin || ta_url_parse(r->pool, origin, &url) != APR_SUCCESS) {
        request->origin = apr_pstrcat(r->pool, request->scheme, "://localhost", NULL);
        request->host = "localhost";
        return;
    }
    request->origin = url->origin;
    request->host = url->host;
}

static void fill_origin(request_rec *r, const char *sent_host, ta_request *request)
{
    const char *scheme = ap_http_scheme(r);
    apr_port_t port = port_of(r);
    const known_host *host = r->hostname ? find_known_host(r, scheme, port) : NULL;

    if (host) {
        *request = host->request;
        request->is_other_host = has_trailing_dot(sent_host);
        return;
    }
    request->scheme = scheme;
    fill_other_origin(r, port, sent_host, request);
}

/* No other request has the same microsecond and connection; the factor makes them look so. */
static const char *make_id(request_rec *r)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    apr_uint64_t sum = (apr_uint64_t)r->request_time * ID_FACTOR;
    char *id = apr_palloc(r->pool, ID_LEN + 1);

    sum = (sum + (apr_uint64_t)r->connection->id) * ID_FACTOR;
    sum = (sum + (apr_uint64_t)r->connection->keepalives) * ID_FACTOR;
    /* the high bits are those that depend on all of them */
    for (int i = 0; i < ID_LEN; i++, sum <<= 6) {
        id[i] = letters[sum >> 58];
    }
    id[ID_LEN] = '\0';
    return id;
}

const char *ta_request_map_id(request_rec *r)
{
    const char *id = apr_table_get(r->subprocess_env, "UNIQUE_ID");

    if (!id) {
        id = r->log_id;
    }
    return id ? id : make_id(r);
}

/* The path and query of the request line, also where that was a whole URL. */
static const char *target_of(request_rec *r)
{
    const char *target = r->unparsed_uri ? r->unparsed_uri : "/";

    if (*target != '/') {
        target = apr_uri_unparse(r->pool, &r->parsed_uri, APR_URI_UNP_OMITSITEPART);
    }
    return target && *target == '/' ? target : "/";
}

void ta_request_map_fill(request_rec *r, apr_array_header_t *cookies, ta_request *request)
{
    sent_headers sent = {0};

    find_headers(r->headers_in, &sent);
    fill_origin(r, sent.host, request);
    request->method = r->header_only ? "HEAD" : r->method;
    request->target = target_of(r);
    request->path = r->uri ? r->uri : "/";
    request->cookies = cookies;
    request->accept = sent.accept;
    request->accept_language = sent.accept_language;
    request->referer = sent.referer;
    request->fetch_mode = sent.fetch_mode;
    request->fetch_dest = sent.fetch_dest;
    request->purpose = sent.sec_purpose ? sent.sec_purpose : sent.purpose;
    request->requested_with = sent.requested_with;
    request->upgrade = sent.upgrade;
    request->user_agent = sent.user_agent;
    request->id = "-"; /* mod_unique_id has not run yet */
}

void ta_request_map_read_query(request_rec *r, ta_request *request)
{
    ta_bytes query = {(const unsigned char *)r->args, r->args ? strlen(r->args) : 0};
    ta_form *form = NULL;

    if (ta_form_parse(r->pool, query, &form) == APR_SUCCESS) {
        request->query = form;
    }
}

static int is_form(request_rec *r)
{
    static const char type[] = "application/x-www-form-urlencoded";
    const char *sent = apr_table_get(r->headers_in, "Content-Type");
    apr_size_t len = sizeof(type) - 1;

    return sent && ap_cstr_casecmpn(sent, type, len) == 0 &&
           (sent[len] == '\0' || sent[len] == ';' || sent[len] == ' ');
}

int ta_request_map_read_form(request_rec *r, ta_form **form)
{
    char *body = apr_palloc(r->pool, TA_FORM_BYTES + 1);
    apr_size_t len = 0;
    ta_bytes bytes;
    long got = 1;
    int rv;

    *form = NULL;
    if (!is_form(r)) {
        return OK;
    }
    rv = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK);
    if (rv != OK || !ap_should_client_block(r)) {
        return rv;
    }
    while (len <= TA_FORM_BYTES && got > 0) {
        got = ap_get_client_block(r, body + len, TA_FORM_BYTES + 1 - len);
        len += got > 0 ? (apr_size_t)got : 0;
    }
    if (got < 0) {
        return HTTP_BAD_REQUEST;
    }
    if (len > TA_FORM_BYTES) {
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    bytes = (ta_bytes){(const unsigned char *)body, len};
    (void)ta_form_parse(r->pool, bytes, form);
    return OK;
}
