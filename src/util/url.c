/*
 * Which texts are URLs here, and what their origin is. The rule for every byte is in one
 * table; hosts are held against it before anything else is made of them.
 */
#include "util/url.h"

#include <arpa/inet.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#define URL_BYTES  8192
#define HOST_BYTES 253 /* RFC 1035 section 2.3.4, as text */

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* RFC 3986 section 2.3 */
static const char unreserved[] = ALPHANUMERIC "-._~";

/* Names and IPv4 addresses; no '%', which browsers would decode first. */
static const char in_host[] = ALPHANUMERIC "-._";

/* Not here, and so refused: controls, blanks, '"', '<', '>', '\', '#', and what is not ASCII.
 * Browsers send []^`{|} and a lone '%' in queries as they are, so those pass. */
static const char in_url[] = ALPHANUMERIC "-._~%!$&'()*+,;=:@/?[]^`{|}";

static int is_all_of(const char *text, const char *set)
{
    return text[strspn(text, set)] == '\0';
}

static unsigned short default_port(const char *scheme)
{
    return strcmp(scheme, "https") == 0 ? 443 : 80;
}

/* "[::1]" of "::1" or "[::1]", in the one way of writing it; NULL when it is no address. */
static const char *normalise_ipv6(apr_pool_t *p, const char *host)
{
    apr_size_t len = strlen(host);
    int has_brackets = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (has_brackets) {
        host = apr_pstrmemdup(p, host + 1, len - 2);
    }
    if (inet_pton(AF_INET6, host, &address) != 1 ||
        !inet_ntop(AF_INET6, &address, text, sizeof(text))) {
        return NULL;
    }
    return apr_pstrcat(p, "[", text, "]", NULL);
}

/* Browsers take a host whose last label is a number for an IPv4 address, in notations such as
 * 0x7f.1 or 2130706433: only the plain one is left. */
static int is_number(const char *label)
{
    if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
        return label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
    }
    return label[strspn(label, "0123456789")] == '\0';
}

/* Not tolower, which a locale may change. */
static void make_lower(char *text)
{
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z') {
            *text = (char)(*text - 'A' + 'a');
        }
    }
}

/* The host in its one way of writing, or NULL when it is none. */
static const char *normalise_host(apr_pool_t *p, const char *host)
{
    apr_size_t len = strlen(host);
    const char *last;
    char *name;
    struct in_addr address;

    if (strchr(host, ':')) {
        return normalise_ipv6(p, host);
    }
    if (len && host[len - 1] == '.') {
        len--;
    }
    name = apr_pstrmemdup(p, host, len);
    if (!len || len > HOST_BYTES || !is_all_of(name, in_host) || name[0] == '.' ||
        name[len - 1] == '.' || strstr(name, "..")) {
        return NULL;
    }
    last = strrchr(name, '.');
    if (is_number(last ? last + 1 : name) && inet_pton(AF_INET, name, &address) != 1) {
        return NULL;
    }
    make_lower(name);
    return name;
}

static const char *join_origin(apr_pool_t *p, const char *scheme, const char *host,
                               unsigned short port)
{
    return port == default_port(scheme) ? apr_pstrcat(p, scheme, "://", host, NULL)
                                        : apr_psprintf(p, "%s://%s:%u", scheme, host, port);
}

/* 1 to 65535 without leading zeros, or 0. */
static unsigned short read_port(const char *text)
{
    apr_size_t len = strlen(text);
    unsigned port = 0;

    if (len > 5 || text[0] == '0' || strspn(text, "0123456789") != len) {
        return 0;
    }
    for (apr_size_t i = 0; i < len; i++) {
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port <= 65535 ? (unsigned short)port : 0;
}

/* "host", "host:port", "[::1]", "[::1]:port". User information fails at the host's table. */
static apr_status_t parse_authority(apr_pool_t *p, char *authority, ta_url *url)
{
    char *bracket = strchr(authority, ']');
    char *colon = strchr(bracket ? bracket : authority, ':');

    url->port = default_port(url->scheme);
    if (colon) {
        *colon = '\0';
        url->port = read_port(colon + 1);
    }
    url->host = normalise_host(p, authority);
    return url->host && url->port ? APR_SUCCESS : APR_EINVAL;
}

/* What follows "scheme://", or NULL. */
static const char *skip_scheme(const char *text, const char **scheme)
{
    static const char *const schemes[] = {"http", "https"};

    for (apr_size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        apr_size_t len = strlen(schemes[i]);

        if (apr_cstr_casecmpn(text, schemes[i], len) == 0 && strncmp(text + len, "://", 3) == 0) {
            *scheme = schemes[i];
            return text + len + 3;
        }
    }
    return NULL;
}

apr_status_t ta_url_parse(apr_pool_t *p, const char *text, ta_url **result)
{
    ta_url *url = apr_pcalloc(p, sizeof(*url));
    const char *rest;
    apr_size_t len;

    *result = NULL;
    if (!text || strlen(text) > URL_BYTES || !is_all_of(text, in_url)) {
        return APR_EINVAL;
    }
    rest = skip_scheme(text, &url->scheme);
    if (!rest) {
        return APR_EINVAL;
    }
    len = strcspn(rest, "/?");
    if (parse_authority(p, apr_pstrmemdup(p, rest, len), url) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    rest += len;
    len = strcspn(rest, "?");
    url->text = apr_pstrdup(p, text);
    url->origin = join_origin(p, url->scheme, url->host, url->port);
    url->path = len ? apr_pstrmemdup(p, rest, len) : "/";
    url->query = rest[len] ? apr_pstrdup(p, rest + len + 1) : NULL;
    *result = url;
    return APR_SUCCESS;
}

const char *ta_url_origin(apr_pool_t *p, const char *scheme, const char *host, unsigned short port)
{
    const char *normal = host ? normalise_host(p, host) : NULL;

    return normal && port ? join_origin(p, scheme, normal, port) : NULL;
}

int ta_url_host_is_loopback(const char *host)
{
    static const char suffix[] = ".localhost";
    apr_size_t len = strlen(host);
    struct in_addr address;

    /* the whole of it must be an address: 127.evil.example is a name like others */
    if (inet_pton(AF_INET, host, &address) == 1) {
        return ntohl(address.s_addr) >> 24 == 127;
    }
    /* RFC 6761 section 6.3: localhost and names below it */
    return strcmp(host, "[::1]") == 0 || strcmp(host, suffix + 1) == 0 ||
           (len > strlen(suffix) && strcmp(host + len - strlen(suffix), suffix) == 0);
}

const char *ta_url_encode(apr_pool_t *p, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *result = apr_palloc(p, strlen(text) * 3 + 1);
    char *to = result;

    for (; *text; text++) {
        if (strchr(unreserved, *text)) {
            *to++ = *text;
        } else {
            *to++ = '%';
            *to++ = digits[(unsigned char)*text >> 4];
            *to++ = digits[*text & 0xf];
        }
    }
    *to = '\0';
    return result;
}

const char *ta_url_add_query(apr_pool_t *p, const char *url, const char *query)
{
    return apr_pstrcat(p, url, strchr(url, '?') ? "&" : "?", query, NULL);
}
