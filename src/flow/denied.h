/*
 * Somebody is logged in but not let in: the unauthorized page, and what it may say.
 */
#ifndef TA_FLOW_DENIED_H
#define TA_FLOW_DENIED_H

#include "flow/env.h"
#include "flow/reply.h"
#include "session/session.h"

typedef struct ta_denial {
    ta_reason reason;
    apr_array_header_t *groups; /* of const char*: any of these would do; NULL: not known */
    int is_explained;           /* this user may know how it was decided */
    apr_array_header_t *lines;  /* of const char*: the Require lines that said no; NULL: none */
} ta_denial;

/** The answer to a request whose user Require refused: to the unauthorized page, the page at
 *  once, or problem+json. Logs the denial. */
ta_reply *ta_denied_reply(const ta_env *env, const ta_session *session, const ta_denial *denial);

/** Answers <path>/unauthorized. What it says comes sealed from ta_denied_reply. */
ta_reply *ta_denied_show(const ta_env *env);

#endif
