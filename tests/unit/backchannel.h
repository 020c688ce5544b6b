/*
 * Logout tokens of the world's provider, and how they come to us.
 */
#ifndef TA_TESTS_BACKCHANNEL_H
#define TA_TESTS_BACKCHANNEL_H

#include "world.h"

#define BACKCHANNEL        WORLD_APP "/tinyauth/backchannel-logout/" WORLD_ID
#define BACKCHANNEL_EVENT  "http://schemas.openid.net/event/backchannel-logout"
#define BACKCHANNEL_EVENTS "'events':{'" BACKCHANNEL_EVENT "':{}}"
#define BACKCHANNEL_TIMES  "'iat':1800000000,'exp':1800000120"
#define BACKCHANNEL_AUD    "'aud':'client-0'"
#define BACKCHANNEL_ISS    "'iss':'" WORLD_ISSUER "'"
#define BACKCHANNEL_HEAD   "{'alg':'ES256','kid':'first','typ':'logout+jwt'}"

/** A token with this header and payload, both with ' for ", signed with the provider's key. */
const char *backchannel_sign(world *w, const char *header, const char *payload);

/** What the provider sends: everything right, about these ("'sub':'x'"), with this jti. */
const char *backchannel_token(world *w, const char *about, const char *jti);

/** Posts a token, as the provider does; NULL: no token. */
ta_reply *backchannel_post(world *w, const char *token);

/** Somebody with a session: the provider says sub and sid. */
browser *backchannel_log_in(world *w, const char *sub, const char *sid);

/** Whether the session of a browser is there. */
int backchannel_is_logged_in(browser *b);

/** The order was refused: 400, JSON with this reason, nothing ended. */
void backchannel_assert_refused(world *w, const ta_reply *reply, ta_reason reason);

#endif
