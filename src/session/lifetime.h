/*
 * How long a session lives: so long since its last use, and never longer than so long since
 * the login.
 */
#ifndef TA_SESSION_LIFETIME_H
#define TA_SESSION_LIFETIME_H

#include "session/record.h"

typedef struct ta_lifetime {
    apr_int64_t idle;     /* seconds without use */
    apr_int64_t absolute; /* seconds from the login */
} ta_lifetime;

/** True while the session lives. A session from the future (the clock was set back by more
 *  than five minutes) does not: its age is not known. */
int ta_lifetime_is_alive(const ta_lifetime *lifetime, const ta_record *record, apr_int64_t now);

/** True when one of the limits is reached, which a host with longer ones may see otherwise. */
int ta_lifetime_is_over(const ta_lifetime *lifetime, const ta_record *record, apr_int64_t now);

/** When the store may forget the record, seconds since 1970. */
apr_int64_t ta_lifetime_expiry(const ta_lifetime *lifetime, const ta_record *record);

/** True when the last use is due to be noted: once a minute, or more often where the idle
 *  limit is so short that a minute matters. */
int ta_lifetime_is_due(const ta_lifetime *lifetime, const ta_record *record, apr_int64_t now);

#endif
