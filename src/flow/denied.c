/*
 * The unauthorized page. Its words travel to it sealed, so that nobody can make this server
 * show words of their own.
 */
#include "flow/denied.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/login.h"
#include "flow/return_address.h"
#include "session/packed.h"

#define SEALED_BYTES  3000
#define GROUPS_SHOWN  20
#define LINES_SHOWN   20
#define OWN_SHOWN     100
#define OWN_BYTES     2000 /* of one's own groups together */
#define SHOWN_SECONDS 3600
#define MORE          "\xe2\x80\xa6" /* the last of a list that is longer */

/* What the page says. */
struct notice {
    ta_reason reason;
    apr_int64_t when;
    const char *user;
    const char *name; /* as people write it; "" where it is not known */
    const char *email;
    const char *resource; /* checked return address */
    const char *back;     /* where the browser came from, checked; "" where that is nowhere else */
    const char *request;  /* id of the one that was denied: that is the one in the log */
    apr_array_header_t *groups; /* that would do */
    int is_explained;           /* the two below are shown */
    apr_array_header_t *own_groups;
    apr_array_header_t *lines; /* that said no */
};

static void write_list(ta_text *out, const apr_array_header_t *list)
{
    ta_packed_write_number(out, (apr_uint64_t)list->nelts, 1);
    for (int i = 0; i < list->nelts; i++) {
        ta_packed_write_string(out, APR_ARRAY_IDX(list, i, const char *));
    }
}

static apr_array_header_t *read_list(const ta_env *env, ta_packed_reader *reader)
{
    int count = (int)ta_packed_read_number(reader, 1);
    apr_array_header_t *list = apr_array_make(env->pool, count, sizeof(const char *));

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(list, const char *) = ta_packed_read_string(reader);
    }
    return list;
}

static const char *seal_notice(const ta_env *env, const struct notice *notice)
{
    ta_bytes plain;
    ta_text out;

    ta_text_init(&out, env->pool, SEALED_BYTES);
    ta_packed_write_number(&out, (apr_uint64_t)notice->reason, 2);
    ta_packed_write_number(&out, (apr_uint64_t)notice->when, 8);
    ta_packed_write_string(&out, notice->user);
    ta_packed_write_string(&out, notice->name);
    ta_packed_write_string(&out, notice->email);
    ta_packed_write_string(&out, notice->resource);
    ta_packed_write_string(&out, notice->back);
    ta_packed_write_string(&out, notice->request);
    write_list(&out, notice->groups);
    ta_packed_write_number(&out, (apr_uint64_t)notice->is_explained, 1);
    write_list(&out, notice->own_groups);
    write_list(&out, notice->lines);
    if (ta_packed_finish(&out, &plain) != APR_SUCCESS) {
        return NULL;
    }
    return ta_seal_text(env->pool, &env->site->key, TA_SEAL_DENIAL, env->request->origin, plain);
}

static int open_notice(const ta_env *env, struct notice *notice)
{
    ta_packed_reader reader;
    ta_bytes plain;

    if (ta_seal_open_text(env->pool, &env->site->key, TA_SEAL_DENIAL, env->request->origin,
                          ta_form_get(env->request->query, "d"), &plain) != APR_SUCCESS) {
        return 0;
    }
    ta_packed_read_start(&reader, plain);
    notice->reason = (ta_reason)ta_packed_read_number(&reader, 2);
    notice->when = ta_packed_read_seconds(&reader);
    notice->user = ta_packed_read_string(&reader);
    notice->name = ta_packed_read_string(&reader);
    notice->email = ta_packed_read_string(&reader);
    notice->resource = ta_packed_read_string(&reader);
    notice->back = ta_packed_read_string(&reader);
    notice->request = ta_packed_read_string(&reader);
    notice->groups = read_list(env, &reader);
    notice->is_explained = (int)ta_packed_read_number(&reader, 1);
    notice->own_groups = read_list(env, &reader);
    notice->lines = read_list(env, &reader);
    return ta_packed_read_done(&reader) && notice->reason < TA_REASON_COUNT &&
           env->now - notice->when <= SHOWN_SECONDS;
}

static void set_list(ta_values *values, const char *name, const apr_array_header_t *list)
{
    for (int i = 0; i < list->nelts; i++) {
        ta_values_set(ta_values_add_item(values, name), "name",
                      APR_ARRAY_IDX(list, i, const char *));
    }
}

/* The page on this host where the browser comes from, else "/"; "" where that is what is denied. */
static const char *back_address(const ta_env *env, const char *resource)
{
    const char *referer = env->request->referer;
    apr_size_t len = strlen(env->request->origin);
    const char *back = "/";

    if (referer && strncmp(referer, env->request->origin, len) == 0 && referer[len] == '/') {
        back = ta_return_address_or_root(env, referer + len);
    }
    return strcmp(back, resource) == 0 ? "" : back;
}

/* What a program hears instead of the page. */
static ta_reply *describe(const ta_env *env, const struct notice *notice)
{
    ta_fault fault = {.reason = notice->reason};
    const ta_problem_member members[] = {
        {.name = "user", .text = notice->user},
        {.name = "resource",
         .text = apr_pstrcat(env->pool, env->request->origin, notice->resource, NULL)},
        {.name = "denied_by", .list = notice->is_explained ? notice->lines : NULL},
        {.name = "groups", .list = notice->is_explained ? notice->own_groups : NULL},
        {.name = NULL},
    };

    return ta_reply_problem(env, &fault, members);
}

static ta_reply *show_notice(const ta_env *env, const struct notice *notice)
{
    ta_values *values = ta_values_make(env->pool);
    ta_reply *reply;

    if (!ta_request_accepts_html(env->request)) {
        return describe(env, notice);
    }
    ta_values_set(values, "user", notice->user);
    ta_values_set(values, "name", strcmp(notice->name, notice->user) ? notice->name : NULL);
    ta_values_set(values, "email", strcmp(notice->email, notice->user) ? notice->email : NULL);
    ta_values_set(values, "resource",
                  apr_pstrcat(env->pool, env->request->origin, notice->resource, NULL));
    ta_reply_explain(env, values, notice->reason);
    set_list(values, "groups", notice->groups);
    if (notice->is_explained) {
        ta_values_set(values, "explained", "yes");
        set_list(values, "own_groups", notice->own_groups);
        set_list(values, "lines", notice->lines);
    }
    ta_values_set_url(values, "switch_url", ta_login_switch_url(env, notice->resource));
    ta_values_set_url(values, "back_url", notice->back);
    ta_values_set_url(values, "logout_url",
                      apr_pstrcat(env->pool, env->site->path, "/logout", NULL));
    reply = ta_reply_page(env, 403, TA_PAGE_UNAUTHORIZED, values, NULL);
    reply->reason = notice->reason;
    return reply;
}

/* The first few of a list, and whether there are more; an empty one where there is none. */
static apr_array_header_t *first_of(const ta_env *env, const apr_array_header_t *list, int most)
{
    apr_array_header_t *first = apr_array_make(env->pool, most, sizeof(const char *));

    for (int i = 0; list && i < list->nelts && i <= most; i++) {
        APR_ARRAY_PUSH(first, const char *) =
            i < most ? APR_ARRAY_IDX(list, i, const char *) : MORE;
    }
    return first;
}

/* Nearly all: who looks for one among them should find it. */
static apr_array_header_t *groups_of(const ta_env *env, const ta_session *session)
{
    apr_array_header_t *groups = apr_array_make(env->pool, 4, sizeof(const char *));
    const char *each = NULL;
    apr_size_t bytes = 0;

    while ((each = ta_record_next(&session->login, TA_RECORD_GROUPS, each)) != NULL) {
        bytes += strlen(each);
        if (groups->nelts == OWN_SHOWN || bytes > OWN_BYTES) {
            APR_ARRAY_PUSH(groups, const char *) = MORE;
            break;
        }
        APR_ARRAY_PUSH(groups, const char *) = each;
    }
    return groups;
}

static void fill_notice(const ta_env *env, const ta_session *session, const ta_denial *denial,
                        struct notice *notice)
{
    notice->reason = denial->reason;
    notice->when = env->now;
    notice->user = ta_record_text(&session->login, TA_RECORD_USER);
    notice->name = ta_record_text(&session->login, TA_RECORD_NAME);
    notice->email = ta_record_text(&session->login, TA_RECORD_EMAIL);
    notice->resource = ta_return_address_of_request(env);
    notice->back = back_address(env, notice->resource);
    notice->request = env->request->id;
    notice->groups = first_of(env, denial->groups, GROUPS_SHOWN);
    notice->is_explained = denial->is_explained;
    notice->own_groups = denial->is_explained ? groups_of(env, session) : first_of(env, NULL, 0);
    notice->lines = first_of(env, denial->lines, LINES_SHOWN);
}

static const char *join_quoted(const ta_env *env, const apr_array_header_t *groups)
{
    const char *joined = "";

    for (int i = 0; i < groups->nelts && i < GROUPS_SHOWN; i++) {
        joined = apr_pstrcat(env->pool, joined, i ? ", " : "", "\"",
                             ta_fault_quote(env->pool, APR_ARRAY_IDX(groups, i, const char *)),
                             "\"", NULL);
    }
    return groups->nelts > GROUPS_SHOWN ? apr_pstrcat(env->pool, joined, " ...", NULL) : joined;
}

ta_reply *ta_denied_reply(const ta_env *env, const ta_session *session, const ta_denial *denial)
{
    const char *sealed;
    struct notice notice;
    ta_reply *reply;

    fill_notice(env, session, denial, &notice);
    ta_event_note_session(env->events, session,
                          (ta_event){.kind = TA_EVENT_DENIED, .reason = denial->reason});
    ta_log_write(env->log, TA_LOG_WARNING, APR_SUCCESS,
                 "TA0050: user \"%s\" is not let in to %s: %s%s%s [request %s]",
                 ta_fault_quote(env->pool, notice.user),
                 ta_fault_quote(env->pool, env->request->path),
                 ta_reason_info_get(denial->reason)->code,
                 notice.groups->nelts ? ", needs one of the groups " : "",
                 join_quoted(env, notice.groups), env->request->id);
    if (!ta_request_accepts_html(env->request)) {
        return describe(env, &notice);
    }
    sealed = ta_request_is_navigation(env->request) ? seal_notice(env, &notice) : NULL;
    if (!sealed) {
        return show_notice(env, &notice);
    }
    reply = ta_reply_redirect(
        env, 302, apr_pstrcat(env->pool, env->site->path, "/unauthorized?d=", sealed, NULL));
    reply->reason = denial->reason;
    return reply;
}

ta_reply *ta_denied_show(const ta_env *env)
{
    ta_request request = *env->request;
    ta_env about = *env;
    struct notice notice;

    if (!open_notice(env, &notice)) {
        ta_fault fault = {.reason = TA_REASON_NOT_ALLOWED};

        return ta_reply_refuse_and_log(env, &fault, NULL);
    }
    request.id = notice.request;
    about.request = &request;
    return show_notice(&about, &notice);
}
