/*
 * Logging out: here first, then at the provider.
 */
#ifndef TA_FLOW_LOGOUT_H
#define TA_FLOW_LOGOUT_H

#include "flow/env.h"
#include "flow/reply.h"

/** Answers <path>/logout: GET asks, POST with the token of that page does it. */
ta_reply *ta_logout_handle(const ta_env *env);

/** Answers <path>/signed-out; needs no login, and does not mind what state comes back. */
ta_reply *ta_logout_show_signed_out(const ta_env *env);

#endif
