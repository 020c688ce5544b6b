/*
 * The flow's reply as httpd's answer.
 */
#ifndef TA_HTTPD_REPLY_MAP_H
#define TA_HTTPD_REPLY_MAP_H

#include <httpd.h>

#include "flow/reply.h"

/** Sends a reply. @param realm for WWW-Authenticate */
void ta_reply_map_send(request_rec *r, const ta_reply *reply, const char *realm);

/** Sets WWW-Authenticate: Tinyauth realm="…". */
void ta_reply_map_challenge(request_rec *r, const char *realm);

/** Sends a reply's cookies with whatever the answer is. */
void ta_reply_map_set_cookies(request_rec *r, const ta_reply *reply);

#endif
