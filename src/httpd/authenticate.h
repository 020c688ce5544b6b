/*
 * Who is it, and may they pass: httpd's authentication hooks.
 */
#ifndef TA_HTTPD_AUTHENTICATE_H
#define TA_HTTPD_AUTHENTICATE_H

#include <httpd.h>

/** check_authn: sets the user from the session, or answers for who has none. */
int ta_authenticate_user(request_rec *r);

/** force_authn: yes where there is a session, so that optional login has an identity. */
int ta_authenticate_wants_user(request_rec *r);

/** check_authz, before all others: answers for a signed-in user whom Require refuses. */
int ta_authenticate_check_denial(request_rec *r);

/** note_auth_failure: WWW-Authenticate for a 401 that httpd itself makes. */
int ta_authenticate_note_failure(request_rec *r, const char *type);

/** True where httpd lets everybody pass: nobody is logged in, or nobody had to be. */
int ta_authenticate_is_open(request_rec *r);

#endif
