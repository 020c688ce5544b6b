/*
 * Replies: redirects, pages and problem documents, each made in one place so that none lacks
 * its headers or its way out.
 */
#include "flow/reply.h"

#include <string.h>

#include <apr_strings.h>

#include "util/cookie.h"
#include "util/json.h"
#include "util/text.h"

#define PROBLEM_BYTES 8192

ta_reply *ta_reply_make(const ta_env *env, int status)
{
    ta_reply *reply = apr_pcalloc(env->pool, sizeof(*reply));

    reply->status = status;
    reply->cookies = apr_array_make(env->pool, 2, sizeof(const char *));
    return reply;
}

ta_reply *ta_reply_redirect(const ta_env *env, int status, const char *location)
{
    ta_reply *reply = ta_reply_make(env, status);

    reply->location = location;
    return reply;
}

const ta_language *ta_reply_language(const ta_env *env)
{
    return env->site->has_language ? env->site->language
                                   : ta_language_choose(env->request->accept_language);
}

void ta_reply_explain(const ta_env *env, ta_values *values, ta_reason reason)
{
    const ta_reason_info *info = ta_reason_info_get(reason);
    const ta_language *language = ta_reply_language(env);

    ta_values_set(values, "reason", info->code);
    ta_values_set(values, "reason_title", ta_language_text(language, info->title));
    ta_values_set(values, "reason_advice", ta_language_text(language, info->advice));
}

const char *ta_reply_asset_url(const ta_env *env, const ta_asset *asset)
{
    return asset ? apr_pstrcat(env->pool, env->site->path, "/assets/", asset->name, NULL) : NULL;
}

ta_reply *ta_reply_asset(const ta_env *env, const ta_asset *asset)
{
    ta_reply *reply = ta_reply_make(env, 200);

    reply->asset = asset;
    reply->content_type = asset->type;
    /* a picture can be opened by itself, and SVG can hold scripts */
    reply->policy = "default-src 'none'; sandbox";
    return reply;
}

/* Whom to ask: an e-mail address or a URL is a link. */
static void set_contact(const ta_env *env, ta_values *values)
{
    const char *contact = env->site->contact;

    ta_values_set(values, "contact", contact);
    if (contact) {
        ta_values_set_url(values, "contact_url",
                          strchr(contact, '@') && !strchr(contact, '/')
                              ? apr_pstrcat(env->pool, "mailto:", contact, NULL)
                              : contact);
    }
}

static void set_common(const ta_env *env, ta_values *values)
{
    const ta_language *language = ta_reply_language(env);
    const ta_look *look = &env->site->look;

    ta_values_set(values, "language", ta_language_tag(language));
    ta_values_set(values, "direction", ta_language_direction(language));
    ta_values_set(values, "title", env->site->title);
    ta_values_set(values, "request_id", env->request->id);
    ta_values_set_url(values, "logo_url", ta_reply_asset_url(env, look->logo));
    ta_values_set_url(values, "background_url", ta_reply_asset_url(env, look->background));
    ta_values_set_url(values, "stylesheet_url", ta_reply_asset_url(env, look->stylesheet));
    set_contact(env, values);
}

ta_reply *ta_reply_page(const ta_env *env, int status, ta_page_id page, ta_values *values,
                        const char *form_origins)
{
    const ta_language *language = ta_reply_language(env);
    const ta_look *look = &env->site->look;
    ta_reply *reply = ta_reply_make(env, status);
    apr_status_t rv;

    set_common(env, values);
    reply->content_type = "text/html; charset=utf-8";
    reply->language = ta_language_tag(language);
    rv = ta_page_render(env->pool, look, language, page, values, &reply->body);
    if (rv != APR_SUCCESS && look->pages && look->pages->has_files) {
        static const ta_look built_in;

        ta_log_write(env->log, TA_LOG_ERROR, rv,
                     "TA0202: a page cannot be made with the files of TinyauthTemplateDir, and is "
                     "shown as it is built in [request %s]",
                     env->request->id);
        look = &built_in;
        rv = ta_page_render(env->pool, look, language, page, values, &reply->body);
    }
    reply->policy = ta_page_policy(env->pool, look, form_origins);
    if (rv != APR_SUCCESS) {
        ta_log_write(env->log, TA_LOG_ERROR, rv, "TA0001: a page grew beyond its limit");
        reply->content_type = "text/plain; charset=utf-8";
        reply->language = "en";
        reply->body = "This page cannot be shown.\n";
    }
    return reply;
}

static void append_member(ta_text *out, const char *name, const char *value)
{
    if (value) {
        ta_text_append(out, ",");
        ta_json_append_string(out, name);
        ta_text_append(out, ":");
        ta_json_append_string(out, value);
    }
}

static void append_list(ta_text *out, const char *name, const apr_array_header_t *list)
{
    if (list) {
        ta_text_append_format(out, ",\"%s\":[", name);
        for (int i = 0; i < list->nelts; i++) {
            ta_text_append(out, i ? "," : "");
            ta_json_append_string(out, APR_ARRAY_IDX(list, i, const char *));
        }
        ta_text_append(out, "]");
    }
}

ta_reply *ta_reply_problem(const ta_env *env, const ta_fault *fault,
                           const ta_problem_member *members)
{
    const ta_reason_info *info = ta_reason_info_get(fault->reason);
    ta_reply *reply = ta_reply_make(env, info->status);
    ta_text out;

    /* RFC 9457 section 3; reason, quoted, request_id and members are extensions of ours */
    ta_text_init(&out, env->pool, PROBLEM_BYTES);
    ta_text_append_format(&out, "{\"type\":\"about:blank\",\"status\":%d", info->status);
    append_member(&out, "title", info->title);
    append_member(&out, "detail", info->advice);
    append_member(&out, "reason", info->code);
    append_member(&out, "quoted", fault->quoted);
    for (; members && members->name; members++) {
        append_member(&out, members->name, members->text);
        append_list(&out, members->name, members->list);
    }
    append_member(&out, "request_id", env->request->id);
    ta_text_append(&out, "}\n");
    reply->content_type = "application/problem+json";
    reply->language = "en";
    reply->challenge = info->status == 401;
    reply->reason = fault->reason;
    if (ta_text_finish(&out, &reply->body) != APR_SUCCESS) {
        reply->body = "{\"type\":\"about:blank\"}\n";
    }
    return reply;
}

ta_reply *ta_reply_refuse(const ta_env *env, const ta_fault *fault, const char *retry)
{
    const ta_reason_info *info = ta_reason_info_get(fault->reason);
    ta_values *values;
    ta_reply *reply;

    if (!ta_request_accepts_html(env->request)) {
        const ta_problem_member members[] = {{"retry", retry, NULL}, {NULL, NULL, NULL}};

        return ta_reply_problem(env, fault, members);
    }
    values = ta_values_make(env->pool);
    ta_reply_explain(env, values, fault->reason);
    ta_values_set(values, "quoted", fault->quoted);
    ta_values_set_url(values, "retry_url", retry);
    ta_values_set_url(values, "home_url", retry && strcmp(retry, "/") == 0 ? NULL : "/");
    reply = ta_reply_page(env, info->status, TA_PAGE_ERROR, values, NULL);
    reply->reason = fault->reason;
    return reply;
}

ta_reply *ta_reply_refuse_and_log(const ta_env *env, const ta_fault *fault, const char *retry)
{
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS, "TA0200: %s %s is refused: %s [request %s]",
                 ta_fault_quote(env->pool, env->request->method),
                 ta_fault_quote(env->pool, env->request->path),
                 ta_reason_info_get(fault->reason)->code, env->request->id);
    return ta_reply_refuse(env, fault, retry);
}

void ta_reply_set_cookie(const ta_env *env, ta_reply *reply, const char *name, const char *value,
                         int max_age, const char *domain)
{
    ta_cookie_attributes attributes = {
        .domain = domain,
        .secure = strcmp(env->request->scheme, "https") == 0,
        .max_age = value ? max_age : 0,
    };

    APR_ARRAY_PUSH(reply->cookies, const char *) =
        ta_cookie_write(env->pool, name, value ? value : "", &attributes);
}
