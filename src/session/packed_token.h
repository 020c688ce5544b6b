/*
 * A token among packed values. A JSON web token is base64url, which takes a third more room than
 * the bytes behind it; those are what is kept, for tokens are most of what a login takes.
 */
#ifndef TA_SESSION_PACKED_TOKEN_H
#define TA_SESSION_PACKED_TOKEN_H

#include "session/packed.h"

/** Appends a token; NULL is the empty string. @param tmp scratch */
void ta_packed_token_write(apr_pool_t *tmp, ta_text *out, const char *token);

/** Reads a token, byte for byte as it was written, into p. Never NULL; "" after a failure. */
const char *ta_packed_token_read(apr_pool_t *p, ta_packed_reader *reader);

#endif
