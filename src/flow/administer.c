/*
 * Looking after sessions. Nothing on the page or in the JSON would let anybody in: sessions have
 * handles there, and the forms' token is good for the administrator's own session alone.
 */
#include "flow/administer.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "flow/access.h"
#include "flow/end_logins.h"
#include "session/session_list.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/text.h"

#define PAGE_ROWS   50
#define JSON_ROWS   500
#define JSON_BYTES  (8 * 1024 * 1024)
#define URL_BYTES   1024
#define QUERY_BYTES 200

static int wants_json(const ta_request *request)
{
    return !ta_request_accepts_html(request) && request->accept &&
           strstr(request->accept, "application/json");
}

/* What the token is bound to: the session, or else the name. */
static apr_status_t read_binding(const ta_env *env, const ta_administrator *administrator,
                                 unsigned char binding[TA_STORE_KEY_LEN])
{
    const char *name;

    if (administrator->session) {
        memcpy(binding, administrator->session->login_key, TA_STORE_KEY_LEN);
        return APR_SUCCESS;
    }
    name = apr_pstrcat(env->pool, "administrator ", administrator->user, NULL);
    return ta_secret_sha256(name, strlen(name), binding);
}

static const char *make_token(const ta_env *env, const ta_administrator *administrator)
{
    unsigned char binding[TA_STORE_KEY_LEN];
    ta_bytes plain = {binding, sizeof(binding)};

    return read_binding(env, administrator, binding) == APR_SUCCESS
               ? ta_seal_text(env->pool, &env->site->key, TA_SEAL_ADMIN, env->request->origin,
                              plain)
               : NULL;
}

static int is_token(const ta_env *env, const ta_administrator *administrator)
{
    unsigned char binding[TA_STORE_KEY_LEN];
    ta_bytes plain;

    return read_binding(env, administrator, binding) == APR_SUCCESS &&
           ta_seal_open_text(env->pool, &env->site->key, TA_SEAL_ADMIN, env->request->origin,
                             ta_form_get(env->request->body, "token"), &plain) == APR_SUCCESS &&
           ta_secret_equal_bytes(plain.data, plain.len, binding, sizeof(binding));
}

static int counts_here(void *context, const ta_record *record)
{
    return ta_access_check_login(context, record, NULL) == APR_SUCCESS;
}

static const char *searched_text(const ta_env *env)
{
    const char *text = ta_form_get(env->request->query, "q");

    return text && *text && strlen(text) <= QUERY_BYTES ? text : NULL;
}

/* ?after= is "seconds.handle" of the last row before; anything else begins at the first. */
static void read_position(const ta_env *env, ta_session_query *query)
{
    const char *after = ta_form_get(env->request->query, "after");
    char *end;

    if (after) {
        query->after_created = apr_strtoi64(after, &end, 10);
        if (*end == '.' && strlen(end + 1) == TA_SESSION_LIST_HANDLE) {
            query->after_handle = end + 1;
        }
    }
}

/* Where this page is. Slashes in a row at its beginning would name another host. */
static const char *own_path(const ta_env *env)
{
    const char *rest = env->request->target + strspn(env->request->target, "/\\");

    return apr_pstrcat(env->pool, "/", apr_pstrmemdup(env->pool, rest, strcspn(rest, "?")), NULL);
}

/* This page's own address, with the search, and perhaps further on. */
static const char *address(const ta_env *env, const ta_session_row *after)
{
    const char *path = own_path(env);
    const char *query;
    ta_text out;

    ta_text_init(&out, env->pool, URL_BYTES);
    ta_form_append(&out, "q", searched_text(env));
    if (after) {
        ta_form_append(
            &out, "after",
            apr_psprintf(env->pool, "%" APR_INT64_T_FMT ".%s", after->created, after->handle));
    }
    if (ta_text_finish(&out, &query) != APR_SUCCESS || !*query) {
        return path;
    }
    return apr_pstrcat(env->pool, path, "?", query, NULL);
}

static const char *show_time(const ta_env *env, apr_int64_t seconds)
{
    apr_time_exp_t at;

    if (apr_time_exp_gmt(&at, apr_time_from_sec(seconds)) != APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(env->pool, "%04d-%02d-%02d %02d:%02d UTC", at.tm_year + 1900, at.tm_mon + 1,
                        at.tm_mday, at.tm_hour, at.tm_min);
}

static const char *own_handle(const ta_env *env, const ta_administrator *administrator)
{
    char *handle = apr_palloc(env->pool, TA_SESSION_LIST_HANDLE + 1);

    return administrator->session &&
                   ta_session_list_handle(administrator->session->login_key, handle) == APR_SUCCESS
               ? handle
               : "";
}

static void add_row(const ta_env *env, ta_values *values, const ta_session_row *row,
                    const char *own)
{
    ta_values *item = ta_values_add_item(values, "sessions");

    ta_values_set(item, "handle", row->handle);
    ta_values_set(item, "user", row->user);
    ta_values_set(item, "name", row->name);
    ta_values_set(item, "email", row->email);
    ta_values_set(item, "own", strcmp(row->handle, own) == 0 ? "yes" : NULL);
    ta_values_set(item, "provider", row->provider);
    ta_values_set(item, "address", row->address);
    ta_values_set(item, "browser", row->browser);
    ta_values_set(item, "created", show_time(env, row->created));
    ta_values_set(item, "last_used", show_time(env, row->last_used));
    for (const char *group = row->groups; *group; group += strlen(group) + 1) {
        ta_values_set(ta_values_add_item(item, "groups"), "name", group);
    }
}

static ta_reply *show_page(const ta_env *env, const ta_administrator *administrator,
                           const ta_session_page *page)
{
    ta_values *values = ta_values_make(env->pool);
    const char *own = own_handle(env, administrator);

    ta_values_set(values, "unlisted", page ? NULL : "yes");
    for (int i = 0; page && i < page->count; i++) {
        add_row(env, values, page->rows[i], own);
    }
    if (page) {
        ta_values_set(values, "total", apr_psprintf(env->pool, "%" APR_INT64_T_FMT, page->total));
        ta_values_set(values, "query", searched_text(env));
        ta_values_set(values, "token", make_token(env, administrator));
        ta_values_set_url(values, "action", address(env, NULL));
        ta_values_set_url(values, "first_url", own_path(env));
        ta_values_set_url(values, "next_url",
                          page->has_more ? address(env, page->rows[page->count - 1]) : NULL);
    }
    return ta_reply_page(env, 200, TA_PAGE_SESSIONS, values, NULL);
}

static void append_member(ta_text *out, const char *name, const char *value)
{
    ta_text_append_format(out, ",\"%s\":", name);
    ta_json_append_string(out, *value ? value : NULL);
}

static void append_row(ta_text *out, const ta_session_row *row, int is_own)
{
    const char *between = "";

    ta_text_append_format(out, "{\"handle\":\"%s\"", row->handle);
    append_member(out, "user", row->user);
    append_member(out, "name", row->name);
    append_member(out, "email", row->email);
    append_member(out, "sub", row->sub);
    append_member(out, "provider", row->provider);
    append_member(out, "address", row->address);
    append_member(out, "browser", row->browser);
    ta_text_append(out, ",\"groups\":[");
    for (const char *group = row->groups; *group; group += strlen(group) + 1) {
        ta_text_append(out, between);
        ta_json_append_string(out, group);
        between = ",";
    }
    ta_text_append_format(
        out, "],\"own\":%s,\"created\":%" APR_INT64_T_FMT ",\"last_used\":%" APR_INT64_T_FMT "}",
        is_own ? "true" : "false", row->created, row->last_used);
}

static ta_reply *send_json(const ta_env *env, const ta_text *out)
{
    ta_fault fault = {.reason = TA_REASON_INTERNAL};
    ta_reply *reply = ta_reply_make(env, 200);

    reply->content_type = "application/json";
    return ta_text_finish(out, &reply->body) == APR_SUCCESS ? reply
                                                            : ta_reply_problem(env, &fault, NULL);
}

static ta_reply *show_json(const ta_env *env, const ta_administrator *administrator,
                           const ta_session_page *page)
{
    const char *own = own_handle(env, administrator);
    ta_text out;

    ta_text_init(&out, env->pool, JSON_BYTES);
    ta_text_append_format(&out, "{\"listable\":%s,\"sessions\":[", page ? "true" : "false");
    for (int i = 0; page && i < page->count; i++) {
        ta_text_append(&out, i ? "," : "");
        append_row(&out, page->rows[i], strcmp(page->rows[i]->handle, own) == 0);
    }
    ta_text_append(&out, "]");
    if (page) {
        ta_text_append_format(&out, ",\"total\":%" APR_INT64_T_FMT ",\"next\":", page->total);
        ta_json_append_string(&out,
                              page->has_more ? address(env, page->rows[page->count - 1]) : NULL);
        ta_text_append(&out, ",\"token\":");
        ta_json_append_string(&out, make_token(env, administrator));
    }
    ta_text_append(&out, "}\n");
    return send_json(env, &out);
}

static ta_reply *show(const ta_env *env, const ta_administrator *administrator)
{
    int is_json = wants_json(env->request);
    ta_session_query query = {
        .text = searched_text(env),
        .limit = is_json ? JSON_ROWS : PAGE_ROWS,
        .counts = counts_here,
        .context = (void *)env,
    };
    ta_session_page page, *listed = NULL;
    apr_status_t rv;

    if (env->store->iterate) {
        read_position(env, &query);
        rv = ta_session_list_read(env->pool, env->store, &query, &page);
        if (rv != APR_SUCCESS) {
            return ta_access_unavailable(env, rv);
        }
        listed = &page;
    }
    return is_json ? show_json(env, administrator, listed) : show_page(env, administrator, listed);
}

static apr_status_t end_user(const ta_env *env, const ta_record *record, const ta_event *event,
                             int *count)
{
    ta_event of_user = *event;
    ta_store_ending ending = {.is_guess = 0};

    of_user.provider = ta_record_text(record, TA_RECORD_PROVIDER);
    of_user.user = ta_record_text(record, TA_RECORD_USER);
    of_user.sub = ta_record_text(record, TA_RECORD_SUB);
    memcpy(ending.subject, record->subject_index, sizeof(ending.subject));
    return ta_end_logins(env, &ending, &of_user, count);
}

static apr_status_t end_one(const ta_env *env, const unsigned char *key, const ta_record *record,
                            const ta_event *event, int *count)
{
    ta_session session = {.login = *record};
    apr_status_t rv = env->store->remove(env->store->context, env->pool, key);

    if (rv == APR_SUCCESS) {
        *count = 1;
        memcpy(session.login_key, key, sizeof(session.login_key));
        ta_event_note_session(env->events, &session, *event);
    }
    return rv;
}

/* Ends what the form names. what is for the log: whose session. */
static apr_status_t end(const ta_env *env, int *count, const char **what)
{
    ta_session_query query = {.counts = counts_here, .context = (void *)env};
    const ta_form *form = env->request->body;
    const char *user_of = ta_form_get(form, "end_user");
    const char *handle = user_of ? user_of : ta_form_get(form, "end");
    const char *all = ta_form_get(form, "end_all");
    unsigned char key[TA_STORE_KEY_LEN];
    ta_record record;
    const ta_event event = {.kind = TA_EVENT_SESSION_ENDED, .by = TA_ENDED_BY_ADMINISTRATOR};
    ta_end_logins_listener listener = {.env = env, .event = &event};
    apr_status_t rv;

    *count = 0;
    *what = "everybody";
    if (all && strcmp(all, "yes") == 0) {
        query.ended = ta_end_logins_note;
        query.ended_context = &listener;
        return ta_session_list_end_all(env->pool, env->store, &query, count);
    }
    *what = "nobody";
    if (!handle) {
        return APR_SUCCESS;
    }
    rv = ta_session_list_find(env->pool, env->store, &query, handle, key, &record);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
    }
    *what = apr_psprintf(env->pool, "user \"%s\"",
                         ta_fault_quote(env->pool, ta_record_text(&record, TA_RECORD_USER)));
    return user_of ? end_user(env, &record, &event, count)
                   : end_one(env, key, &record, &event, count);
}

static ta_reply *refuse_token(const ta_env *env, const ta_administrator *administrator)
{
    ta_fault fault = {.reason = TA_REASON_LOGOUT_TOKEN};

    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0511: an order of administrator \"%s\" was refused: %s: the form's token is "
                 "not of this session [request %s]",
                 ta_fault_quote(env->pool, administrator->user),
                 ta_reason_info_get(fault.reason)->code, env->request->id);
    return ta_reply_refuse(env, &fault, address(env, NULL));
}

static ta_reply *obey(const ta_env *env, const ta_administrator *administrator)
{
    const char *what;
    ta_text out;
    apr_status_t rv;
    int count;

    if (!is_token(env, administrator)) {
        return refuse_token(env, administrator);
    }
    rv = end(env, &count, &what);
    if (rv != APR_SUCCESS) {
        return ta_access_unavailable(env, rv);
    }
    ta_log_write(env->log, TA_LOG_INFO, APR_SUCCESS,
                 "TA0510: administrator \"%s\" ended %s sessions of %s [request %s]",
                 ta_fault_quote(env->pool, administrator->user),
                 count < 0 ? "all" : apr_itoa(env->pool, count), what, env->request->id);
    if (!wants_json(env->request)) {
        return ta_reply_redirect(env, 303, address(env, NULL));
    }
    ta_text_init(&out, env->pool, URL_BYTES);
    ta_text_append_format(&out, "{\"ended\":%d}\n", count);
    return send_json(env, &out);
}

ta_reply *ta_administer_handle(const ta_env *env, const ta_administrator *administrator)
{
    ta_fault fault = {.reason = TA_REASON_METHOD};
    ta_reply *reply;

    if (ta_request_is_get(env->request)) {
        return show(env, administrator);
    }
    if (strcmp(env->request->method, "POST") == 0) {
        return env->store->iterate ? obey(env, administrator) : show(env, administrator);
    }
    reply = ta_reply_refuse(env, &fault, NULL);
    reply->allow = "GET, HEAD, POST";
    return reply;
}
