/*
 * Where a login may lead: the one function that decides whether a return address is safe.
 */
#ifndef TA_FLOW_RETURN_ADDRESS_H
#define TA_FLOW_RETURN_ADDRESS_H

#include "flow/env.h"

#define TA_RETURN_ADDRESS_BYTES 1500 /* it travels in a cookie */

/**
 * Whether a browser may be sent to an address that anybody may have written.
 * Safe is a path on this host ("/…", the second character neither '/' nor '\'), or an http(s)
 * URL whose origin is this one, or that the session cookie reaches; without blanks, control
 * characters, backslashes, non-ASCII bytes, dot segments, and not one of our own pages.
 * @param env     whose request and site decide what "this host" is
 * @param address the address; NULL is not safe
 * @return the address in the form to send (a path for this host), or NULL when it is not safe
 */
const char *ta_return_address_check(const ta_env *env, const char *address);

/** The same, or "/" where it is not safe. */
const char *ta_return_address_or_root(const ta_env *env, const char *address);

/** The address of the request itself, for the way back: with its query encoded where that is
 *  needed, without it where it is too long, and "/" where even that does not help. */
const char *ta_return_address_of_request(const ta_env *env);

#endif
