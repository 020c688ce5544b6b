/*
 * The bridge to mod_session. What it sees is who the user is, and what other modules put
 * there; never a token. Its functions are referenced weakly: without mod_session they are
 * NULL, and nothing is registered.
 */
#include "httpd/session_bridge.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <mod_session.h>

#include <apr_strings.h>

#include "httpd/context.h"
#include "httpd/identity.h"
#include "session/lifetime.h"
#include "util/form.h"

#define ENTRY_PREFIX  "tinyauth-"
#define ENTRIES_BYTES 8192

extern __typeof(ap_hook_session_load) ap_hook_session_load __attribute__((weak));
extern __typeof(ap_hook_session_save) ap_hook_session_save __attribute__((weak));

/* Who the user is, as entries; made anew each time, so that nobody can write them. */
static void add_identity(const ta_record *record, apr_table_t *table)
{
    static const struct {
        const char *entry;
        ta_record_slot slot;
    } entries[] = {
        {ENTRY_PREFIX "user", TA_RECORD_USER},   {ENTRY_PREFIX "name", TA_RECORD_NAME},
        {ENTRY_PREFIX "email", TA_RECORD_EMAIL}, {ENTRY_PREFIX "groups", TA_RECORD_HEADER_GROUPS},
        {ENTRY_PREFIX "sub", TA_RECORD_SUB},
    };

    for (apr_size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        const char *value = ta_record_text(record, entries[i].slot);

        if (*value) {
            apr_table_addn(table, entries[i].entry, value);
        }
    }
}

static apr_status_t load_session(request_rec *r, session_rec **result)
{
    ta_context *context = ta_context_is_auth_type_ours(r) ? ta_context_get(r) : NULL;
    const ta_record *record;
    session_rec *session;

    if (!context) {
        return DECLINED;
    }
    *result = NULL;
    if (ta_context_find_session(context) != APR_SUCCESS) {
        return OK;
    }
    record = &context->session->login;
    session = apr_pcalloc(r->pool, sizeof(*session));
    session->pool = r->pool;
    session->entries = apr_table_make(r->pool, 8);
    add_identity(record, session->entries);
    /* mod_session reads these itself; ours, as a table, need not be written and read again */
    session->encoded = record->slots[TA_RECORD_ENTRIES].len
                           ? apr_pstrdup(r->pool, ta_record_text(record, TA_RECORD_ENTRIES))
                           : NULL;
    *result = session;
    return OK;
}

/* What other modules keep: everything but our own entries. */
static int append_entry(void *context, const char *name, const char *value)
{
    if (ap_cstr_casecmpn(name, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) != 0) {
        ta_form_append(context, name, value);
    }
    return 1;
}

static apr_status_t save_session(request_rec *r, session_rec *session)
{
    ta_context *context = ta_context_is_auth_type_ours(r) ? ta_context_get(r) : NULL;
    const ta_env *env = context ? &context->env : NULL;
    const char *entries;
    ta_record changed;
    apr_status_t rv;
    ta_bytes bytes;
    ta_text out;

    if (!context) {
        return DECLINED;
    }
    /* nothing is stored for somebody who is not signed in */
    if (ta_context_find_session(context) != APR_SUCCESS) {
        return OK;
    }
    ta_text_init(&out, r->pool, ENTRIES_BYTES);
    apr_table_do(append_entry, &out, session->entries, NULL);
    if (ta_text_finish(&out, &entries) != APR_SUCCESS) {
        return APR_ENOSPC;
    }
    changed = context->session->login;
    if (strcmp(entries, ta_record_text(&changed, TA_RECORD_ENTRIES)) == 0) {
        return OK;
    }
    ta_record_set_text(&changed, TA_RECORD_ENTRIES, entries);
    if (ta_record_write(r->pool, &changed, &bytes) != APR_SUCCESS) {
        return APR_ENOSPC;
    }
    rv = env->store->replace(env->store->context, r->pool, context->session->login_key,
                             context->session->login_bytes, bytes,
                             ta_lifetime_expiry(&env->site->lifetime, &changed));
    if (rv == APR_SUCCESS) {
        context->session->login_bytes = bytes;
        context->session->login = changed;
    }
    return rv;
}

void ta_session_bridge_register(void)
{
    if (ap_hook_session_load && ap_hook_session_save) {
        ap_hook_session_load(load_session, NULL, NULL, APR_HOOK_FIRST);
        ap_hook_session_save(save_session, NULL, NULL, APR_HOOK_FIRST);
    }
}
