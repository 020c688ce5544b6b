/*
 * Whether a session still lives, by the clock that the caller hands in.
 */
#include "session/lifetime.h"

#define CLOCK_STEP 300
#define NOTE_EVERY 60

int ta_lifetime_is_over(const ta_lifetime *lifetime, const ta_record *record, apr_int64_t now)
{
    return now >= record->created + lifetime->absolute || now >= record->last_used + lifetime->idle;
}

int ta_lifetime_is_alive(const ta_lifetime *lifetime, const ta_record *record, apr_int64_t now)
{
    if (record->created > now + CLOCK_STEP || record->last_used > now + CLOCK_STEP) {
        return 0;
    }
    return !ta_lifetime_is_over(lifetime, record, now);
}

apr_int64_t ta_lifetime_expiry(const ta_lifetime *lifetime, const ta_record *record)
{
    apr_int64_t idle_end = record->last_used + lifetime->idle;
    apr_int64_t absolute_end = record->created + lifetime->absolute;

    return idle_end < absolute_end ? idle_end : absolute_end;
}

int ta_lifetime_is_due(const ta_lifetime *lifetime, const ta_record *record, apr_int64_t now)
{
    apr_int64_t every = lifetime->idle / 10 < NOTE_EVERY ? lifetime->idle / 10 : NOTE_EVERY;

    return now - record->last_used >= (every > 0 ? every : 1);
}
