/*
 * Telling an event, and what everybody who listens needs to understand one.
 */
#include "flow/event.h"

#include <string.h>

void ta_event_note(const ta_events *events, ta_event event)
{
    if (events) {
        events->note(events->context, &event);
    }
}

static void note_record(const ta_events *events, const unsigned char *login_key,
                        const ta_record *login, ta_event event)
{
    event.provider = ta_record_text(login, TA_RECORD_PROVIDER);
    event.user = ta_record_text(login, TA_RECORD_USER);
    event.sub = ta_record_text(login, TA_RECORD_SUB);
    event.login_key = login_key;
    ta_event_note(events, event);
}

void ta_event_note_session(const ta_events *events, const ta_session *session, ta_event event)
{
    note_record(events, session->login_key, &session->login, event);
}

void ta_event_note_login(const ta_events *events, const unsigned char *login_key, ta_bytes bytes,
                         ta_event event)
{
    ta_record login;

    if (ta_record_read(bytes, &login) == APR_SUCCESS) {
        note_record(events, login_key, &login, event);
    }
}

const char *ta_event_kind_name(ta_event_kind kind)
{
    static const char *const names[TA_EVENT_KINDS] = {
        [TA_EVENT_LOGIN] = "login",
        [TA_EVENT_LOGIN_REFUSED] = "login-refused",
        [TA_EVENT_DENIED] = "denied",
        [TA_EVENT_LOGOUT] = "logout",
        [TA_EVENT_SESSION_ENDED] = "session-ended",
        [TA_EVENT_CONFIRMED] = "confirmed",
        [TA_EVENT_UNCONFIRMED] = "unconfirmed",
        [TA_EVENT_SENT_AGAIN] = "sent-again",
        [TA_EVENT_KEYS_FETCHED] = "keys-fetched",
        [TA_EVENT_CONFIGURED] = "configuration-loaded",
    };

    return names[kind];
}

const char *ta_event_by_name(ta_ended_by by)
{
    static const char *const names[TA_ENDED_BYS] = {
        [TA_ENDED_BY_USER] = "user",
        [TA_ENDED_BY_BACK_CHANNEL] = "back-channel",
        [TA_ENDED_BY_FRONT_CHANNEL] = "front-channel",
        [TA_ENDED_BY_ADMINISTRATOR] = "administrator",
        [TA_ENDED_BY_PROVIDER] = "provider",
        [TA_ENDED_BY_LOGIN] = "login",
        [TA_ENDED_BY_WHITELIST] = "whitelist",
    };

    return names[by];
}

int ta_event_has_group(const ta_record *record, const char *group)
{
    const char *each = NULL;

    while ((each = ta_record_next(record, TA_RECORD_GROUPS, each)) != NULL) {
        if (strcmp(each, group) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_all_groups(const ta_record *record, const ta_record *of)
{
    const char *each = NULL;

    while ((each = ta_record_next(of, TA_RECORD_GROUPS, each)) != NULL) {
        if (!ta_event_has_group(record, each)) {
            return 0;
        }
    }
    return 1;
}

int ta_event_do_groups_differ(const ta_record *before, const ta_record *after)
{
    const ta_bytes *old = &before->slots[TA_RECORD_GROUPS];
    const ta_bytes *new = &after->slots[TA_RECORD_GROUPS];

    if (old->len == new->len && (!old->len || memcmp(old->data, new->data, old->len) == 0)) {
        return 0;
    }
    /* another order is no other set */
    return !has_all_groups(before, after) || !has_all_groups(after, before);
}
