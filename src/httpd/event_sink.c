/*
 * One event, three readers. The notes are set when the request is over, just before it is
 * logged: what they say is known then, and nobody waits for them.
 */
#include "httpd/event_sink.h"

#include <apr_strings.h>

#include "flow/audit.h"
#include "httpd/audit_log.h"
#include "httpd/cleanse.h"
#include "httpd/config.h"
#include "httpd/context.h"
#include "httpd/process.h"

/* Whether an event decides what becomes of its request. The provider may well not answer, and
 * the request is let in all the same; and an administrator's request is about somebody else. */
static int is_decisive(const ta_event *event)
{
    if (event->kind == TA_EVENT_SESSION_ENDED && event->by == TA_ENDED_BY_ADMINISTRATOR) {
        return 0;
    }
    return event->kind == TA_EVENT_LOGIN || event->kind == TA_EVENT_LOGIN_REFUSED ||
           event->kind == TA_EVENT_DENIED || event->kind == TA_EVENT_LOGOUT ||
           event->kind == TA_EVENT_SESSION_ENDED;
}

/* An event is valid while it is told; what is kept of it is the request's. */
static void keep(request_rec *r, const ta_event *event, ta_event *kept)
{
    *kept = (ta_event){
        .kind = event->kind,
        .reason = event->reason,
        .provider = apr_pstrdup(r->pool, event->provider),
        .user = apr_pstrdup(r->pool, event->user),
        .sub = apr_pstrdup(r->pool, event->sub),
        .login_key =
            event->login_key ? apr_pmemdup(r->pool, event->login_key, TA_STORE_KEY_LEN) : NULL,
    };
}

static void note(void *listener, const ta_event *event)
{
    request_rec *r = listener;
    ta_context *context = ta_context_get(r);
    const ta_process *process = ta_config_of_server(r->server)->process;
    const ta_audit_place place = {
        .when = apr_time_now(),
        .request = context->request.id,
        .client = r->useragent_ip,
        .host = context->request.host,
        .path = context->request.path,
    };

    ta_metrics_count_event(process->metrics, event, apr_time_sec(place.when));
    ta_audit_log_note(r, process, event, &place);
    if (is_decisive(event)) {
        keep(r, event, &context->noted);
    }
}

void ta_event_sink_fill(request_rec *r, ta_events *events)
{
    events->note = note;
    events->context = r;
}

typedef void (*note_setter)(apr_table_t *notes, const char *name, const char *value);

static void set_notes(request_rec *r, const ta_event *event, ta_reason reason)
{
    const char *const notes[][2] = {
        {"tinyauth-user", event->user},
        {"tinyauth-sub", event->sub},
        {"tinyauth-provider", event->provider},
        {"tinyauth-session", event->login_key ? ta_audit_handle(r->pool, event->login_key) : NULL},
        {"tinyauth-reason", reason ? ta_reason_info_get(reason)->code : NULL},
    };
    /* where there are none, none has to be looked for */
    note_setter set = ta_cleanse_may_hold_ours(r->notes) ? apr_table_setn : apr_table_addn;

    for (apr_size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
        if (notes[i][1] && *notes[i][1]) {
            set(r->notes, notes[i][0], notes[i][1]);
        }
    }
}

int ta_event_sink_set_notes(request_rec *r)
{
    const ta_context *context = ta_context_get(r);
    ta_event about;
    ta_reason reason;

    if (!context) {
        return DECLINED;
    }
    about = context->noted;
    if (context->session && context->is_authenticated) {
        const ta_record *login = &context->session->login;

        about.user = ta_record_text(login, TA_RECORD_USER);
        about.sub = ta_record_text(login, TA_RECORD_SUB);
        about.provider = ta_record_text(login, TA_RECORD_PROVIDER);
        about.login_key = context->session->login_key;
    }
    reason = context->reply && context->reply->reason ? context->reply->reason : about.reason;
    /* CustomLog looks at the last of a chain of internal redirects */
    for (; r; r = r->next) {
        set_notes(r, &about, reason);
    }
    return DECLINED;
}
