/*
 * The way back from the provider: everything is checked before anything is believed.
 */
#ifndef TA_FLOW_CALLBACK_H
#define TA_FLOW_CALLBACK_H

#include "flow/env.h"
#include "flow/reply.h"

/** Answers /api/oauth/callback/<id>. */
ta_reply *ta_callback_handle(const ta_env *env);

#endif
