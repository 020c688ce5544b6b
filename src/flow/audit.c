/*
 * Which events are kept, and what is said of them. Never a token, a code, a cookie, or what a
 * provider wrote into an error: names, codes and addresses alone.
 */
#include "flow/audit.h"

#include <string.h>

#include <apr_strings.h>

#include "util/json.h"

/* How much of each value a line takes. The first one that fits is used: escaping may make six
 * bytes of one. */
static const struct measure {
    apr_size_t bytes;
    int groups;
} measures[] = {{256, 20}, {64, 10}, {16, 0}};

#define MEASURES (sizeof(measures) / sizeof(*measures))

/* Keeps whole characters. */
static const char *cut(apr_pool_t *p, const char *text, apr_size_t bytes)
{
    apr_size_t len = strlen(text);

    if (len <= bytes) {
        return text;
    }
    for (len = bytes; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--) {
    }
    return apr_pstrcat(p, apr_pstrmemdup(p, text, len), "\xe2\x80\xa6", NULL);
}

static void add(ta_text *out, const struct measure *measure, const char *name, const char *value)
{
    if (value && *value) {
        ta_text_append_format(out, ",\"%s\":", name);
        ta_json_append_string(out, cut(out->pool, value, measure->bytes));
    }
}

/* The groups of one record that the other has not. */
static void add_groups(ta_text *out, const struct measure *measure, const char *name,
                       const ta_record *of, const ta_record *without)
{
    const char *group = NULL;
    int count = 0;

    ta_text_append_format(out, ",\"%s\":[", name);
    while ((group = ta_record_next(of, TA_RECORD_GROUPS, group)) != NULL) {
        if (!ta_event_has_group(without, group) && count < measure->groups) {
            ta_text_append(out, count++ ? "," : "");
            ta_json_append_string(out, cut(out->pool, group, measure->bytes));
        }
    }
    ta_text_append(out, "]");
}

/* RFC 3339, in UTC, with milliseconds. */
static void add_time(ta_text *out, apr_time_t when)
{
    apr_time_exp_t at;

    apr_time_exp_gmt(&at, when);
    ta_text_append_format(out, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                          at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min,
                          at.tm_sec, at.tm_usec / 1000);
}

static const char *name_of(const ta_event *event)
{
    return event->kind == TA_EVENT_CONFIRMED ? "groups-changed" : ta_event_kind_name(event->kind);
}

int ta_audit_is_kept(const ta_event *event)
{
    switch (event->kind) {
    case TA_EVENT_LOGIN:
    case TA_EVENT_LOGIN_REFUSED:
    case TA_EVENT_DENIED:
    case TA_EVENT_LOGOUT:
    case TA_EVENT_SESSION_ENDED:
    case TA_EVENT_CONFIGURED:
        return 1;
    case TA_EVENT_CONFIRMED:
        return ta_event_do_groups_differ(event->before, event->after);
    default:
        return 0;
    }
}

const char *ta_audit_handle(apr_pool_t *p, const unsigned char *login_key)
{
    static const char digits[] = "0123456789abcdef";
    char *handle = apr_palloc(p, TA_AUDIT_HANDLE_LEN + 1);

#pragma GCC unroll 8
    for (int i = 0; i < TA_AUDIT_HANDLE_LEN; i += 2) {
        handle[i] = digits[login_key[i / 2] >> 4];
        handle[i + 1] = digits[login_key[i / 2] & 0xf];
    }
    handle[TA_AUDIT_HANDLE_LEN] = '\0';
    return handle;
}

static apr_status_t write_line(apr_pool_t *p, const ta_event *event, const ta_audit_place *place,
                               const struct measure *measure, const char **line)
{
    ta_text out;

    ta_text_init(&out, p, TA_AUDIT_LINE_BYTES);
    add_time(&out, place->when);
    add(&out, measure, "event", name_of(event));
    add(&out, measure, "request", place->request);
    add(&out, measure, "client", place->client);
    add(&out, measure, "host", place->host);
    add(&out, measure, "path", event->kind == TA_EVENT_DENIED ? place->path : NULL);
    add(&out, measure, "provider", event->provider);
    add(&out, measure, "user", event->user);
    add(&out, measure, "sub", event->sub);
    add(&out, measure, "session", event->login_key ? ta_audit_handle(p, event->login_key) : NULL);
    add(&out, measure, "reason", event->reason ? ta_reason_info_get(event->reason)->code : NULL);
    if (event->kind == TA_EVENT_LOGOUT || event->kind == TA_EVENT_SESSION_ENDED) {
        add(&out, measure, "by", ta_event_by_name(event->by));
    }
    if (event->kind == TA_EVENT_CONFIRMED) {
        add_groups(&out, measure, "added", event->after, event->before);
        add_groups(&out, measure, "removed", event->before, event->after);
    }
    ta_text_append(&out, "}\n");
    return ta_text_finish(&out, line);
}

const char *ta_audit_write(apr_pool_t *p, const ta_event *event, const ta_audit_place *place)
{
    const char *line = "";
    apr_status_t rv = APR_ENOSPC;

    for (apr_size_t i = 0; i < MEASURES && rv != APR_SUCCESS; i++) {
        rv = write_line(p, event, place, &measures[i], &line);
    }
    return line;
}
