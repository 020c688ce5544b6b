/*
 * The provider says, from server to server, that somebody is logged out.
 */
#ifndef TA_FLOW_BACKCHANNEL_H
#define TA_FLOW_BACKCHANNEL_H

#include "flow/env.h"
#include "flow/reply.h"

/**
 * Answers <path>/backchannel-logout/<id> (OpenID Connect Back-Channel Logout 1.0): 200 when the
 * sessions are gone, also when they were already; 400 with a JSON object for everything else.
 * @param id provider id, the last part of the path
 */
ta_reply *ta_backchannel_handle(const ta_env *env, const char *id);

#endif
