/*
 * Staying true: after TinyauthRevalidate seconds the provider is asked again who a session's
 * user is. A definite no ends the session; not to know keeps it, up to its own limits.
 */
#ifndef TA_FLOW_RENEW_H
#define TA_FLOW_RENEW_H

#include "flow/env.h"
#include "session/session.h"

typedef enum ta_renewal {
    TA_RENEWAL_KEPT,  /* the session counts; session holds what is known now */
    TA_RENEWAL_ENDED, /* the provider said no: nobody is signed in */
    TA_RENEWAL_LOGIN  /* no token is left to ask with: a navigation has to pass by the provider */
} ta_renewal;

/**
 * Asks the provider when that is due. Of any number of requests exactly one asks; the others
 * go on with what is known.
 * @param session as ta_access_find_session found it; changed where something new was learnt
 */
ta_renewal ta_renew_session(const ta_env *env, ta_session *session);

/** True when no token is left to ask with, and nobody has confirmed the session for so long that
 *  it is nobody's until its browser has passed by the provider. Asks nobody. */
int ta_renew_is_overdue(const ta_env *env, ta_session *session);

#endif
