/*
 * The provider says, by a frame in the browser, that somebody is logged out.
 */
#ifndef TA_FLOW_FRONTCHANNEL_H
#define TA_FLOW_FRONTCHANNEL_H

#include "flow/env.h"
#include "flow/reply.h"

/**
 * Answers <path>/frontchannel-logout/<id> (OpenID Connect Front-Channel Logout 1.0). With iss and
 * sid, the session of that sid ends, whatever cookies came along; without both, the session of
 * the request's own cookie. 200 also when there was none; 400 for a foreign iss, or one without
 * the other.
 * @param id provider id, the last part of the path
 */
ta_reply *ta_frontchannel_handle(const ta_env *env, const char *id);

#endif
