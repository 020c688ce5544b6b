/*
 * Headers and variables with the user's identity. They are set in fixups, after everything
 * that could refuse, on every pass: an internal redirect may lead into a scope that wants none.
 * Once more just before the handler, for mod_dir makes an index of the request later in fixups,
 * and no pass comes after that. And when the body has been read, for some handlers make headers
 * of trailers only then.
 */
/* before APR: its rings need offsetof, or make one of their own that clang does not like */
#include <stddef.h>

#include "httpd/identity.h"

#include <http_config.h>
#include <util_filter.h>

#include "httpd/cleanse.h"
#include "flow/own_cookies.h"
#include "httpd/config.h"
#include "httpd/context.h"
#include "httpd/module.h"

#define WATCH_BODY      "mod_tinyauth-trailers"
#define VARIABLE_PREFIX "TINYAUTH_"

const ta_identity_header ta_identity_headers[TA_IDENTITY_HEADERS] = {
    {"Remote-User", "TINYAUTH_USER", TA_RECORD_HEADER_USER},
    {"Remote-Name", "TINYAUTH_NAME", TA_RECORD_HEADER_NAME},
    {"Remote-Email", "TINYAUTH_EMAIL", TA_RECORD_HEADER_EMAIL},
    {"Remote-Groups", "TINYAUTH_GROUPS", TA_RECORD_HEADER_GROUPS},
    {"Remote-Sub", "TINYAUTH_SUB", TA_RECORD_HEADER_SUB},
};

/* An internal redirect leaves the variables of the place before, with this in front. */
#define OF_BEFORE "REDIRECT_"

static int is_of_before(const char *name)
{
    const char *rest = name;

    while (strncmp(rest, OF_BEFORE, sizeof(OF_BEFORE) - 1) == 0) {
        rest += sizeof(OF_BEFORE) - 1;
    }
    return rest != name && strncmp(rest, VARIABLE_PREFIX, sizeof(VARIABLE_PREFIX) - 1) == 0;
}

/* What the place before was told is none of this one's business. */
static void remove_values_of_before(request_rec *r)
{
    const apr_array_header_t *all = apr_table_elts(r->subprocess_env);
    apr_array_header_t *names = apr_array_make(r->pool, 8, sizeof(const char *));

    for (int i = 0; i < all->nelts; i++) {
        const char *name = APR_ARRAY_IDX(all, i, apr_table_entry_t).key;

        if (name && is_of_before(name)) {
            APR_ARRAY_PUSH(names, const char *) = name;
        }
    }
    for (int i = 0; i < names->nelts; i++) {
        apr_table_unset(r->subprocess_env, APR_ARRAY_IDX(names, i, const char *));
    }
}

/* Behind an internal redirect, or in a part of a page that is. */
static int is_redirected(const request_rec *r)
{
    for (; !r->prev; r = r->main) {
        if (!r->main) {
            return 0;
        }
    }
    return 1;
}

static void remove_values(request_rec *r)
{
    /* in every spelling once more: MergeTrailers may have added some since the request began */
    ta_cleanse_identity_headers(r);
    if (is_redirected(r)) {
        remove_values_of_before(r);
    }
    if (!ta_cleanse_may_hold_ours(r->subprocess_env)) {
        return;
    }
    for (int i = 0; i < TA_IDENTITY_HEADERS; i++) {
        apr_table_unset(r->subprocess_env, ta_identity_headers[i].variable);
    }
    apr_table_unset(r->subprocess_env, "TINYAUTH_EMAIL_VERIFIED");
    apr_table_unset(r->subprocess_env, "TINYAUTH_PROVIDER");
}

/* Behind remove_values: nothing of these names is there. */
static void set_values(request_rec *r, const ta_record *record)
{
    for (int i = 0; i < TA_IDENTITY_HEADERS; i++) {
        const ta_identity_header *each = &ta_identity_headers[i];
        const char *value = (const char *)record->slots[each->slot].data;

        if (record->slots[each->slot].len) {
            apr_table_addn(r->headers_in, each->header, value);
            apr_table_addn(r->subprocess_env, each->variable, value);
        }
    }
    if (record->slots[TA_RECORD_EMAIL].len) {
        apr_table_addn(r->subprocess_env, "TINYAUTH_EMAIL_VERIFIED",
                       record->flags & TA_RECORD_EMAIL_VERIFIED ? "true" : "false");
    }
    apr_table_addn(r->subprocess_env, "TINYAUTH_PROVIDER",
                   ta_record_text(record, TA_RECORD_PROVIDER));
}

/* No shared cache may give one user's page to another, whatever the application says; nor a
 * page of everybody's into which a part of a user's is included, nor that part, which httpd's
 * cache keeps by itself. So it is the session's cookie that decides, on every pass. */
static void mark_private(request_rec *r, ta_context *context)
{
    const char *marked;

    if (!context->session &&
        !ta_own_cookies_get(&context->env, ta_own_cookies_session_name(&context->env), 0)) {
        return;
    }
    marked = apr_table_get(r->err_headers_out, "Cache-Control");
    if (!marked) {
        apr_table_addn(r->err_headers_out, "Cache-Control", "private");
    } else if (!strstr(marked, "private")) {
        apr_table_mergen(r->err_headers_out, "Cache-Control", "private");
    }
}

/* Another AuthType let this request in, maybe somebody else: an internal redirect led there. */
static int is_of_other_auth_type(const request_rec *r)
{
    return r->ap_auth_type && r->ap_auth_type != ta_context_auth_type;
}

/* Whether the application is told, by the configuration of a place. */
static inline int is_wanted(const request_rec *r, const ta_context *context,
                            const ap_conf_vector_t *scope)
{
    const ta_directory_config *directory = ap_get_module_config(scope, &tinyauth_module);

    return context->is_authenticated && directory->headers != 0 && !is_of_other_auth_type(r) &&
           ta_scope_allows(&directory->scope,
                           ta_record_text(&context->session->login, TA_RECORD_PROVIDER));
}

static void set_identity(request_rec *r, const ta_context *context)
{
    remove_values(r);
    if (is_wanted(r, context, r->per_dir_config)) {
        set_values(r, &context->session->login);
    }
}

int ta_identity_set(request_rec *r)
{
    ta_context *context = ta_context_get(r);

    if (context) {
        mark_private(r, context);
        set_identity(r, context);
        if (ta_context_is_first(r)) {
            context->identity_scope = r->per_dir_config;
        } else {
            /* the context is the first request's; this place is free in all others */
            ap_set_module_config(r->request_config, &tinyauth_module, r->per_dir_config);
        }
    }
    return DECLINED;
}

/* mod_dir gave the request the configuration of the index that it found. Where that wants the
 * same, what RequestHeader made of it stays. */
static void set_where_it_ended(request_rec *r, const ta_context *context)
{
    const ap_conf_vector_t *scope = context->identity_scope;

    if (r->per_dir_config == scope) {
        return;
    }
    if (!ta_context_is_first(r)) {
        scope = ap_get_module_config(r->request_config, &tinyauth_module);
    }
    if (scope && is_wanted(r, context, scope) != is_wanted(r, context, r->per_dir_config)) {
        set_identity(r, context);
    }
}

/* The headers of a request before its body is read, fixups and RequestHeader over. */
typedef struct kept_headers {
    const request_rec *r;
    const char *values[TA_IDENTITY_HEADERS]; /* NULL: there is none */
} kept_headers;

static kept_headers *keep_headers(request_rec *r)
{
    kept_headers *kept = apr_palloc(r->pool, sizeof(*kept));

    kept->r = r;
    for (int i = 0; i < TA_IDENTITY_HEADERS; i++) {
        kept->values[i] = apr_table_getm(r->pool, r->headers_in, ta_identity_headers[i].header);
    }
    return kept;
}

static void restore_headers(request_rec *r, const kept_headers *kept)
{
    /* an internal redirect takes the filter along, and has one of its own */
    if (kept->r != r) {
        return;
    }
    ta_cleanse_identity_headers(r);
    for (int i = 0; i < TA_IDENTITY_HEADERS; i++) {
        if (kept->values[i]) {
            apr_table_setn(r->headers_in, ta_identity_headers[i].header, kept->values[i]);
        }
    }
}

/* The trailers came just before the end of the body, into the headers where MergeTrailers is on. */
static apr_status_t watch_body(ap_filter_t *f, apr_bucket_brigade *brigade, ap_input_mode_t mode,
                               apr_read_type_e block, apr_off_t bytes)
{
    apr_status_t rv = ap_get_brigade(f->next, brigade, mode, block, bytes);

    if (rv == APR_SUCCESS && brigade && !APR_BRIGADE_EMPTY(brigade) &&
        APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(brigade))) {
        restore_headers(f->r, f->ctx);
    }
    return rv;
}

void ta_identity_settle(request_rec *r)
{
    const ta_context *context = ta_context_get(r);

    if (!context) {
        return;
    }
    set_where_it_ended(r, context);
    /* only a body in chunks has trailers */
    if (!r->main && apr_table_get(r->headers_in, "Transfer-Encoding")) {
        ap_add_input_filter(WATCH_BODY, keep_headers(r), r, r->connection);
    }
}

void ta_identity_register(void)
{
    /* nearer to the handler than the filter that reads trailers */
    ap_register_input_filter(WATCH_BODY, watch_body, NULL, AP_FTYPE_CONTENT_SET);
}
