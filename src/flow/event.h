/*
 * What happened, told once where it was decided. Whoever listens counts it, writes it into the
 * audit log, and notes it for the access log; the flow knows nothing of that.
 */
#ifndef TA_FLOW_EVENT_H
#define TA_FLOW_EVENT_H

#include "session/session.h"
#include "util/fault.h"

typedef enum ta_event_kind {
    TA_EVENT_LOGIN,
    TA_EVENT_LOGIN_REFUSED, /* also one that could not even begin */
    TA_EVENT_DENIED,        /* signed in, but no Require let this user in */
    TA_EVENT_LOGOUT,
    TA_EVENT_SESSION_ENDED, /* before its time, and not because somebody logged out */
    TA_EVENT_CONFIRMED,     /* the provider said again who this is */
    TA_EVENT_UNCONFIRMED,   /* it could not say; the session goes on */
    TA_EVENT_SENT_AGAIN,    /* no token is left to ask with: the browser passes by the provider */
    TA_EVENT_KEYS_FETCHED,  /* the provider's key set is here, and can be used */
    TA_EVENT_CONFIGURED,    /* httpd has read its configuration */
    TA_EVENT_KINDS
} ta_event_kind;

typedef enum ta_ended_by {
    TA_ENDED_BY_USER, /* asked for it here */
    TA_ENDED_BY_BACK_CHANNEL,
    TA_ENDED_BY_FRONT_CHANNEL,
    TA_ENDED_BY_ADMINISTRATOR,
    TA_ENDED_BY_PROVIDER,  /* said no when it was asked again */
    TA_ENDED_BY_LOGIN,     /* a new login in the same browser took its place */
    TA_ENDED_BY_WHITELIST, /* the user's e-mail is not on it any more */
    TA_ENDED_BYS
} ta_ended_by;

typedef struct ta_event {
    ta_event_kind kind;
    ta_reason reason;     /* of a refusal, or of a session's end; else NONE */
    const char *provider; /* id; NULL: none, or not known */
    const char *user;     /* NULL: not known */
    const char *sub;
    const unsigned char *login_key; /* of the session, TA_STORE_KEY_LEN bytes; NULL: none */
    ta_ended_by by;                 /* of a logout or a session's end */
    const ta_record *before;        /* of a confirmation: the login's record before it … */
    const ta_record *after;         /* … and after it */
} ta_event;

/* Who listens. Everything an event points to is valid during the call only. */
typedef struct ta_events {
    void (*note)(void *context, const ta_event *event);
    void *context;
} ta_events;

/** Tells an event. @param events NULL: nobody listens */
void ta_event_note(const ta_events *events, ta_event event);

/** The same, about the user of a session: provider, user, sub and login_key are filled in. */
void ta_event_note_session(const ta_events *events, const ta_session *session, ta_event event);

/** The same, about a login's record in the store. @param bytes not a record: nothing is told */
void ta_event_note_login(const ta_events *events, const unsigned char *login_key, ta_bytes bytes,
                         ta_event event);

/** "login-refused" */
const char *ta_event_kind_name(ta_event_kind kind);

/** "back-channel" */
const char *ta_event_by_name(ta_ended_by by);

/** True when a user is in another set of groups in one record than in the other. */
int ta_event_do_groups_differ(const ta_record *before, const ta_record *after);

/** True when a login's record has a group. */
int ta_event_has_group(const ta_record *record, const char *group);

#endif
