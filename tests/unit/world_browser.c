/*
 * The browsers of the world: cookie jars that obey Set-Cookie as real ones do, requests in the
 * form that the server hands to the flow, and people who follow redirects and links.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_escape.h>
#include <apr_strings.h>

#include "flow/accept.h"
#include "flow/endpoint.h"
#include "flow/own_cookies.h"
#include "util/cookie.h"
#include "util/form.h"
#include "util/url.h"

#define STEPS 12 /* redirects that a person endures */

browser *browser_make(world *w)
{
    browser *b = apr_pcalloc(w->pool, sizeof(*b));

    b->world = w;
    b->jar = apr_array_make(w->pool, 8, sizeof(jar_cookie));
    return b;
}

static ta_url *parse_url(apr_pool_t *p, const char *text)
{
    ta_url *url;

    assert_int_equal(ta_url_parse(p, text, &url), APR_SUCCESS);
    return url;
}

/* The cookie's attributes; __Host- and __Secure- as RFC 6265bis 4.1.3 has them. */
static void check_prefix(const jar_cookie *cookie, const char *attributes, const ta_url *url)
{
    assert_holds(attributes, "; Path=/;");
    assert_holds(attributes, "; HttpOnly");
    assert_holds(attributes, "; SameSite=Lax");
    assert_int_equal(cookie->is_secure, strcmp(url->scheme, "https") == 0);
    if (strncmp(cookie->name, "__Host-", 7) == 0) {
        assert_true(cookie->is_secure && !cookie->is_domain);
    }
    if (strncmp(cookie->name, "__Secure-", 9) == 0) {
        assert_true(cookie->is_secure);
    }
}

static jar_cookie read_cookie(browser *b, const char *header, const ta_url *url)
{
    apr_pool_t *p = b->world->pool;
    const char *attributes = strchr(header, ';');
    const char *equals = strchr(header, '=');
    const char *domain = strstr(header, "; Domain=");
    const char *age = strstr(header, "; Max-Age=");
    jar_cookie cookie = {.host = url->host};

    assert_true(attributes && equals && equals < attributes);
    cookie.name = apr_pstrmemdup(p, header, (apr_size_t)(equals - header));
    cookie.value = apr_pstrmemdup(p, equals + 1, (apr_size_t)(attributes - equals - 1));
    cookie.is_secure = strstr(attributes, "; Secure") != NULL;
    if (domain) {
        cookie.is_domain = 1;
        cookie.host = apr_pstrmemdup(p, domain + 9, strcspn(domain + 9, ";"));
    }
    if (age) {
        apr_int64_t seconds = apr_strtoi64(age + 10, NULL, 10);

        cookie.expires = seconds > 0 ? b->world->now + seconds : -1;
    }
    check_prefix(&cookie, attributes, url);
    return cookie;
}

static void keep_cookie(browser *b, jar_cookie cookie)
{
    world_keep_secret(b->world, cookie.value);
    for (int i = 0; i < b->jar->nelts; i++) {
        jar_cookie *each = &APR_ARRAY_IDX(b->jar, i, jar_cookie);

        if (strcmp(each->name, cookie.name) == 0 && strcmp(each->host, cookie.host) == 0) {
            *each = cookie;
            return;
        }
    }
    APR_ARRAY_PUSH(b->jar, jar_cookie) = cookie;
}

static int is_sent_to(const browser *b, const jar_cookie *cookie, const ta_url *url)
{
    apr_size_t len = strlen(cookie->host), host_len = strlen(url->host);

    if (cookie->expires && cookie->expires <= b->world->now) {
        return 0;
    }
    if (cookie->is_secure && strcmp(url->scheme, "https") != 0) {
        return 0;
    }
    if (strcmp(cookie->host, url->host) == 0) {
        return 1;
    }
    return cookie->is_domain && host_len > len &&
           strcmp(url->host + host_len - len, cookie->host) == 0 &&
           url->host[host_len - len - 1] == '.';
}

/* Our cookies of the Cookie header that this browser sends. */
static apr_array_header_t *sent_cookies(browser *b, apr_pool_t *p, const ta_url *url)
{
    apr_array_header_t *cookies = apr_array_make(p, 8, sizeof(ta_cookie));
    const char *header = b->extra_cookies ? b->extra_cookies : "";
    const char *rest;

    for (int i = 0; i < b->jar->nelts; i++) {
        const jar_cookie *cookie = &APR_ARRAY_IDX(b->jar, i, jar_cookie);

        if (is_sent_to(b, cookie, url)) {
            header =
                apr_pstrcat(p, header, *header ? "; " : "", cookie->name, "=", cookie->value, NULL);
        }
    }
    if (strlen(header) > b->cookie_bytes) {
        b->cookie_bytes = strlen(header);
    }
    ta_cookie_split(p, header, TA_OWN_COOKIES_BASE, cookies, &rest);
    for (int i = 0; i < cookies->nelts; i++) {
        ta_cookie *cookie = &APR_ARRAY_IDX(cookies, i, ta_cookie);

        cookie->value = world_foreign(p, cookie->value);
    }
    return cookies;
}

static ta_form *read_form(apr_pool_t *p, const char *text)
{
    ta_bytes bytes = {(const unsigned char *)text, text ? strlen(text) : 0};
    ta_form *form;

    if (ta_form_parse(p, bytes, &form) != APR_SUCCESS) {
        return NULL;
    }
    for (int i = 0; i < form->fields->nelts; i++) {
        ta_form_field *field = &APR_ARRAY_IDX(form->fields, i, ta_form_field);

        field->value = world_foreign(p, field->value);
    }
    return form;
}

static const char *header_or(const char *sent, const char *usual)
{
    return !sent ? usual : *sent ? sent : NULL;
}

static ta_request *make_request(browser *b, apr_pool_t *p, const visit *v, const ta_url *url)
{
    ta_request *request = apr_pcalloc(p, sizeof(*request));
    char *path = apr_pstrdup(p, url->path);

    request->method = v->method ? v->method : "GET";
    request->scheme = url->scheme;
    request->host = url->host;
    request->origin = url->origin;
    request->server_origin = url->origin;
    request->target = world_foreign(
        p, apr_pstrcat(p, url->path, url->query ? "?" : "", url->query ? url->query : "", NULL));
    if (apr_unescape_url(path, url->path, APR_ESCAPE_STRING, NULL, NULL, 0, NULL) == APR_EINVAL) {
        path = apr_pstrdup(p, url->path);
    }
    request->path = world_foreign(p, path);
    request->query = read_form(p, url->query);
    request->body = v->body ? read_form(p, v->body) : NULL;
    request->cookies = sent_cookies(b, p, url);
    request->accept = header_or(v->accept, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    request->fetch_mode = v->fetch_mode;
    request->fetch_dest = v->fetch_dest;
    request->purpose = v->purpose;
    request->requested_with = v->requested_with;
    request->upgrade = v->upgrade;
    request->id = "request-1";
    request->address = WORLD_CLIENT;
    request->user_agent = world_foreign(p, b->user_agent);
    return request;
}

static ta_env *make_env(browser *b, const visit *v)
{
    world *w = b->world;
    ta_url *url = parse_url(w->pool, v->url);
    world_site *at = world_find_site(w, url->origin);
    ta_env *env = apr_pcalloc(w->pool, sizeof(*env));

    assert_non_null(at);
    if (!w->trust) {
        assert_int_equal(ta_trust_make(w->pool, w->providers, &w->trust), APR_SUCCESS);
    }
    assert_int_equal(apr_pool_create(&env->pool, w->pool), APR_SUCCESS);
    env->log = &w->log;
    env->events = &w->events;
    env->http = &w->http;
    env->store = &w->port;
    env->trust = w->trust;
    env->site = &at->site;
    env->request = make_request(b, env->pool, v, url);
    env->now = w->now;
    return env;
}

/* What httpd does around the application: session, scope, Require. */
static ta_reply *application(const ta_env *env, const world_site *at)
{
    ta_session *session;
    apr_status_t rv = ta_access_find_session(env, &session);
    ta_reply *reply;

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return ta_access_unavailable(env, rv);
    }
    if (rv == APR_NOTFOUND ||
        !ta_scope_allows(&at->scope, ta_record_text(&session->login, TA_RECORD_PROVIDER))) {
        return ta_access_ask(env, &at->scope);
    }
    if (at->denial) {
        return ta_denied_reply(env, session, at->denial);
    }
    reply = ta_reply_make(env, 200);
    reply->content_type = "text/plain";
    reply->body =
        apr_pstrcat(env->pool, "user=", ta_record_text(&session->login, TA_RECORD_USER), NULL);
    return reply;
}

ta_reply *browser_send(browser *b, const visit *v)
{
    ta_env *env = make_env(b, v);
    const world_site *at = world_find_site(b->world, env->request->origin);
    const ta_endpoint *endpoint;
    ta_reply *reply;

    b->env = env;
    b->url = apr_pstrcat(b->world->pool, env->request->origin, env->request->target, NULL);
    endpoint = ta_endpoint_find(env->site, env->request->path, ta_accept_is_login_host(env));
    reply = endpoint ? ta_endpoint_run(env, endpoint) : application(env, at);
    assert_non_null(reply);
    assert_true(reply->status >= 200 && reply->status < 600);
    assert_int_equal(reply->location != NULL, reply->status == 302 || reply->status == 303);
    for (int i = 0; i < reply->cookies->nelts; i++) {
        const char *header = APR_ARRAY_IDX(reply->cookies, i, const char *);

        assert_null(strpbrk(header, "\r\n"));
        keep_cookie(b, read_cookie(b, header, parse_url(env->pool, b->url)));
    }
    return reply;
}

ta_reply *browser_get(browser *b, const char *url)
{
    visit v = {.url = url};

    return browser_send(b, &v);
}

ta_reply *browser_post(browser *b, const char *url, const char *body)
{
    visit v = {.url = url, .method = "POST", .body = body};

    return browser_send(b, &v);
}

const char *browser_resolve(const browser *b, const char *location)
{
    apr_pool_t *p = b->world->pool;
    ta_url *at = parse_url(p, b->url);

    return location[0] == '/' ? apr_pstrcat(p, at->origin, location, NULL) : location;
}

ta_reply *browser_follow(browser *b, const ta_reply *reply)
{
    const char *url;

    assert_non_null(reply->location);
    url = browser_resolve(b, reply->location);
    return browser_get(b, world_find_op(b->world, url) ? world_op_authorize(b->world, url) : url);
}

ta_reply *browser_walk(browser *b, ta_reply *reply)
{
    for (int i = 0; i < STEPS; i++) {
        const char *link = reply->location ? NULL : browser_link(b, reply, "provider=");

        if (!reply->location && !link) {
            return reply;
        }
        reply = link ? browser_get(b, link) : browser_follow(b, reply);
    }
    fail_msg("it goes round in circles");
    return reply;
}

ta_reply *browser_log_in(browser *b, const char *url)
{
    return browser_walk(b, browser_get(b, url));
}

const char *browser_start(browser *b, const char *url)
{
    ta_reply *reply = browser_get(b, url);

    for (int i = 0; i < STEPS; i++) {
        const char *link = reply->location ? NULL : browser_link(b, reply, "provider=");
        const char *next = reply->location ? browser_resolve(b, reply->location) : link;

        assert_non_null(next);
        if (world_find_op(b->world, next)) {
            return world_op_authorize(b->world, next);
        }
        reply = browser_get(b, next);
    }
    fail_msg("no provider in sight");
    return NULL;
}

static const char *unescape(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *copy = apr_pstrmemdup(p, text, len);

    for (char *amp = strstr(copy, "&amp;"); amp; amp = strstr(amp + 1, "&amp;")) {
        memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
    }
    return copy;
}

const char *browser_link(const browser *b, const ta_reply *reply, const char *text)
{
    const char *at = reply->body ? strstr(reply->body, "href=\"") : NULL;

    for (; at; at = strstr(at, "href=\"")) {
        const char *url;

        at += 6;
        url = unescape(b->world->pool, at, strcspn(at, "\""));
        if (strstr(url, text)) {
            return browser_resolve(b, url);
        }
    }
    return NULL;
}

const char *url_parameter(apr_pool_t *p, const char *url, const char *name)
{
    const char *query = strchr(url, '?');
    ta_bytes bytes = {(const unsigned char *)query + 1, query ? strlen(query + 1) : 0};
    ta_form *form;

    if (!query) {
        return NULL;
    }
    assert_int_equal(ta_form_parse(p, bytes, &form), APR_SUCCESS);
    return ta_form_get(form, name);
}

const char *url_with(apr_pool_t *p, const char *url, const char *name, const char *value)
{
    apr_size_t base_len = strcspn(url, "?");
    ta_bytes bytes = {(const unsigned char *)url + base_len + 1,
                      url[base_len] ? strlen(url + base_len + 1) : 0};
    const char *query = "";
    ta_form *form;
    ta_text out;

    ta_text_init(&out, p, TA_FORM_BYTES);
    assert_int_equal(ta_form_parse(p, bytes, &form), APR_SUCCESS);
    for (int i = 0; i < form->fields->nelts; i++) {
        const ta_form_field *field = &APR_ARRAY_IDX(form->fields, i, ta_form_field);

        if (strcmp(field->name, name) != 0) {
            ta_form_append(&out, field->name, field->value);
        }
    }
    ta_form_append(&out, name, value);
    assert_int_equal(ta_text_finish(&out, &query), APR_SUCCESS);
    return apr_pstrcat(p, apr_pstrmemdup(p, url, base_len), *query ? "?" : "", query, NULL);
}

int browser_cookies(const browser *b, const char *text)
{
    int found = 0;

    for (int i = 0; i < b->jar->nelts; i++) {
        const jar_cookie *cookie = &APR_ARRAY_IDX(b->jar, i, jar_cookie);

        found +=
            strstr(cookie->name, text) && (!cookie->expires || cookie->expires > b->world->now);
    }
    return found;
}

jar_cookie *browser_cookie(const browser *b, const char *text)
{
    jar_cookie *found = NULL;
    int count = 0;

    for (int i = 0; i < b->jar->nelts; i++) {
        jar_cookie *cookie = &APR_ARRAY_IDX(b->jar, i, jar_cookie);

        if (!strstr(cookie->name, text) || (cookie->expires && cookie->expires <= b->world->now)) {
            continue;
        }
        if (strcmp(cookie->name, text) == 0) {
            return cookie;
        }
        found = cookie;
        count++;
    }
    assert_true(count <= 1);
    return found;
}

void assert_holds(const char *text, const char *part)
{
    if (!text || !strstr(text, part)) {
        fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "(null)");
    }
}

void assert_lacks(const char *text, const char *part)
{
    if (text && strstr(text, part)) {
        fail_msg("\"%s\" is in \"%s\"", part, text);
    }
}

void assert_refused(const browser *b, const ta_reply *reply, ta_reason reason)
{
    const ta_reason_info *info = ta_reason_info_get(reason);
    const apr_array_header_t *lines = b->world->lines;

    if (!reply->body || !strstr(reply->body, info->code)) {
        fail_msg("%s was expected, got status %d, and the log ends with \"%s\"", info->code,
                 reply->status,
                 lines->nelts ? APR_ARRAY_IDX(lines, lines->nelts - 1, world_line).text : "");
    }
    assert_int_equal(reply->status, info->status);
    assert_null(reply->location);
}

void assert_passed(const ta_reply *reply, const char *user)
{
    assert_int_equal(reply->status, 200);
    assert_non_null(reply->body);
    assert_string_equal(reply->body, apr_pstrcat(reply->cookies->pool, "user=", user, NULL));
}

void assert_leads_to(const ta_reply *reply, int status, const char *location)
{
    assert_non_null(reply->location);
    assert_string_equal(reply->location, location);
    assert_int_equal(reply->status, status);
}
