/*
 * Return addresses. Everything that a browser could read differently from us is refused
 * before its host is even looked at.
 */
#include "flow/return_address.h"

#include <string.h>

#include <apr_escape.h>
#include <apr_cstr.h>
#include <apr_strings.h>

#include "flow/endpoint.h"
#include "flow/own_cookies.h"
#include "util/text.h"
#include "util/url.h"

/* Browsers drop tabs and newlines, take a backslash for a slash, and decode what is not
 * ASCII in ways of their own. */
static int has_only_plain_characters(const char *address)
{
    for (const unsigned char *c = (const unsigned char *)address; *c; c++) {
        if (*c <= 0x20 || *c >= 0x7f || *c == '\\' || *c == '#') {
            return 0;
        }
    }
    return 1;
}

/* "." and ".." in any spelling: who resolves them sees another path than was checked. */
static int is_dot_segment(const char *segment, apr_size_t len)
{
    apr_size_t dots = 0;

    while (len) {
        apr_size_t step = *segment == '.' ? 1 : 0;

        if (!step && len >= 3 && apr_cstr_casecmpn(segment, "%2e", 3) == 0) {
            step = 3;
        }
        if (!step) {
            return 0;
        }
        segment += step;
        len -= step;
        dots++;
    }
    return dots == 1 || dots == 2;
}

/* Our own pages, however they are spelt: the way back must not lead round in a circle. */
static int is_our_page(const ta_env *env, const char *path, apr_size_t path_len)
{
    const char *raw = apr_pstrmemdup(env->pool, path, path_len);
    const char *decoded = apr_punescape_url(env->pool, raw, NULL, NULL, 0);

    return !decoded || ta_endpoint_is_ours(env->site, decoded);
}

static int is_path_safe(const ta_env *env, const char *path)
{
    apr_size_t path_len = strcspn(path, "?");
    const char *segment = path + 1;

    if (path[0] != '/' || path[1] == '/') {
        return 0;
    }
    while (segment <= path + path_len) {
        apr_size_t len = strcspn(segment, "/?");

        if (is_dot_segment(segment, len)) {
            return 0;
        }
        segment += len + 1;
    }
    return !is_our_page(env, path, path_len);
}

/* The session cookie goes to the host, so a login there is of use. */
static int is_reached_by_cookie(const ta_env *env, const ta_url *url)
{
    return strcmp(url->scheme, env->request->scheme) == 0 &&
           ta_site_domain_covers(ta_own_cookies_domain(env), url->host);
}

const char *ta_return_address_check(const ta_env *env, const char *address)
{
    const char *target;
    ta_url *url;

    if (!address || strlen(address) > TA_RETURN_ADDRESS_BYTES ||
        !has_only_plain_characters(address)) {
        return NULL;
    }
    if (address[0] == '/') {
        return is_path_safe(env, address) ? address : NULL;
    }
    if (ta_url_parse(env->pool, address, &url) != APR_SUCCESS) {
        return NULL;
    }
    target = url->query ? apr_pstrcat(env->pool, url->path, "?", url->query, NULL) : url->path;
    if (!is_path_safe(env, target)) {
        return NULL;
    }
    if (strcmp(url->origin, env->request->origin) == 0) {
        return target;
    }
    return is_reached_by_cookie(env, url) ? apr_pstrcat(env->pool, url->origin, target, NULL)
                                          : NULL;
}

const char *ta_return_address_or_root(const ta_env *env, const char *address)
{
    const char *safe = ta_return_address_check(env, address);

    return safe ? safe : "/";
}

/* In a query browsers leave some of what is refused above as it is. Encoded it means the same, and
 * nobody can read it differently. */
static const char *encode_query(const ta_env *env, const char *target)
{
    const char *query = strchr(target, '?');
    const char *encoded;
    ta_text out;

    if (!query || has_only_plain_characters(query)) {
        return target;
    }
    ta_text_init(&out, env->pool, 3 * strlen(target));
    ta_text_append_bytes(&out, target, (apr_size_t)(query - target));
    for (; *query; query++) {
        unsigned char c = (unsigned char)*query;

        ta_text_append_format(&out, c == '\\' || c > 0x7f ? "%%%02X" : "%c", c);
    }
    return ta_text_finish(&out, &encoded) == APR_SUCCESS ? encoded : target;
}

const char *ta_return_address_of_request(const ta_env *env)
{
    const char *target = encode_query(env, env->request->target);

    if (strlen(target) > TA_RETURN_ADDRESS_BYTES) {
        target = apr_pstrmemdup(env->pool, target, strcspn(target, "?"));
    }
    return ta_return_address_or_root(env, target);
}
