/*
 * Whose cookie is whose. Everything between two semicolons is one pair, quotes or not: a
 * browser never sends a semicolon inside a value. Several Cookie headers come joined by commas,
 * which others' values may hold as well: a comma ends a pair only beside a cookie of ours.
 */
#include "util/cookie.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "util/text.h"

/* A run of bytes inside the header. */
typedef struct span {
    const char *at;
    apr_size_t len;
} span;

/* Without blanks at both ends. Control characters count as blanks, as some readers have it. */
static span trim(span s)
{
    while (s.len && (unsigned char)s.at[0] <= ' ') {
        s.at++;
        s.len--;
    }
    while (s.len && (unsigned char)s.at[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

static span unquote(span s)
{
    if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"') {
        s.at++;
        s.len -= 2;
    }
    return s;
}

/* Whether a name begins so, in any case of letters; then moves it on. */
static int skip_prefix(span *name, const char *prefix, apr_size_t len)
{
    /* most names differ in the first letter */
    if (name->len < len || ((unsigned char)*name->at | 0x20) != ((unsigned char)*prefix | 0x20) ||
        (memcmp(name->at, prefix, len) != 0 && apr_cstr_casecmpn(name->at, prefix, len) != 0)) {
        return 0;
    }
    name->at += len;
    name->len -= len;
    return 1;
}

/* Browsers guard "__Host-" and "__Secure-", but not other spellings of them, and back ends may
 * fold case: all of them are ours to take out. */
static int is_ours(span name, const char *prefix, apr_size_t prefix_len)
{
    if (!skip_prefix(&name, "__Host-", strlen("__Host-"))) {
        skip_prefix(&name, "__Secure-", strlen("__Secure-"));
    }
    return skip_prefix(&name, prefix, prefix_len);
}

static const unsigned char ends_name[256] = {['='] = 1, [';'] = 1, [','] = 1};

/* Whether a cookie of ours begins here, after blanks. */
static int begins_ours(const char *at, const char *end, const char *prefix, apr_size_t prefix_len)
{
    while (at < end && (unsigned char)*at <= ' ') {
        at++;
    }
    if (!is_ours((span){.at = at, .len = (apr_size_t)(end - at)}, prefix, prefix_len)) {
        return 0;
    }
    while (at < end && !ends_name[(unsigned char)*at]) {
        at++;
    }
    return at < end && *at == '=';
}

/* The length of the pair that begins here. @param ours whether it is of a cookie of ours */
static apr_size_t pair_len(const char *at, const char *end, const char *prefix,
                           apr_size_t prefix_len, int ours)
{
    const char *semicolon = memchr(at, ';', (apr_size_t)(end - at));
    const char *stop = semicolon ? semicolon : end;
    const char *comma = memchr(at, ',', (apr_size_t)(stop - at));

    while (comma && !ours && !begins_ours(comma + 1, end, prefix, prefix_len)) {
        comma = memchr(comma + 1, ',', (apr_size_t)(stop - comma) - 1);
    }
    return (apr_size_t)((comma ? comma : stop) - at);
}

static void keep_ours(apr_pool_t *p, apr_array_header_t *ours, span name, span value)
{
    value = unquote(value);
    if (ours->nelts < TA_COOKIE_OURS && value.len <= TA_COOKIE_VALUE_LEN) {
        char *both = apr_palloc(p, name.len + value.len + 2);

        memcpy(both, name.at, name.len);
        both[name.len] = '\0';
        memcpy(both + name.len + 1, value.at, value.len);
        both[name.len + 1 + value.len] = '\0';
        APR_ARRAY_PUSH(ours, ta_cookie) = (ta_cookie){.name = both, .value = both + name.len + 1};
    }
}

/* The others' cookies as they were written, only without blanks before the first one. */
static void keep_other(ta_text *others, span pair)
{
    span bare = trim(pair);

    if (!bare.len) {
        return;
    }
    if (others->len) {
        ta_text_append(others, ";");
    } else {
        pair.len -= (apr_size_t)(bare.at - pair.at);
        pair.at = bare.at;
    }
    ta_text_append_bytes(others, pair.at, pair.len);
}

int ta_cookie_split(apr_pool_t *p, const char *header, const char *prefix, apr_array_header_t *ours,
                    const char **rest)
{
    apr_size_t prefix_len = strlen(prefix);
    const char *end = header + strlen(header);
    const char *at = header;
    ta_text others;
    int found = 0;

    ta_text_init(&others, p, (apr_size_t)(end - header));
    while (at <= end) {
        int ours_begins = begins_ours(at, end, prefix, prefix_len);
        span pair = {.at = at, .len = pair_len(at, end, prefix, prefix_len, ours_begins)};
        const char *equals = memchr(pair.at, '=', pair.len);
        span name = pair;
        span value = {.at = "", .len = 0};

        at += pair.len + 1;
        if (equals) {
            name.len = (apr_size_t)(equals - pair.at);
            value = (span){.at = equals + 1, .len = pair.len - name.len - 1};
        }
        name = trim(name);
        if (ours_begins || is_ours(name, prefix, prefix_len)) {
            keep_ours(p, ours, name, trim(value));
            found++;
        } else {
            keep_other(&others, pair);
        }
    }
    *rest = NULL;
    if (others.len) {
        *rest = found ? others.data : apr_pstrdup(p, header);
    }
    return found;
}

const char *ta_cookie_write(apr_pool_t *p, const char *name, const char *value,
                            const ta_cookie_attributes *attributes)
{
    const char *domain = attributes->domain;
    const char *age =
        attributes->max_age >= 0 ? apr_psprintf(p, "; Max-Age=%d", attributes->max_age) : "";

    return apr_pstrcat(p, name, "=", value, "; Path=/; HttpOnly; SameSite=Lax",
                       attributes->secure ? "; Secure" : "", domain ? "; Domain=" : "",
                       domain ? domain : "", age, NULL);
}
