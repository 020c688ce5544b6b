/*
 * mod_session's store: where an administrator writes "Session On" beside AuthType Tinyauth,
 * other modules find the login's session there and may keep entries of their own in it.
 */
#ifndef TA_HTTPD_SESSION_BRIDGE_H
#define TA_HTTPD_SESSION_BRIDGE_H

/** Registers session_load and session_save, where mod_session is loaded. */
void ta_session_bridge_register(void);

#endif
