/*
 * Session records as the store gives them back, with a right checksum, so that the fuzzer gets
 * behind it: what is read is, byte for byte, what would be written.
 */
#include "fuzz.h"

#include <string.h>

#include "session/lifetime.h"
#include "session/record.h"
#include "session/session.h"

static void look_at(apr_pool_t *p, const ta_record *record, ta_bytes bytes)
{
    const ta_lifetime lifetime = {.idle = 3600, .absolute = 86400};
    ta_session session = {.login = *record, .login_bytes = bytes};
    ta_bytes again;
    ta_tokens tokens;
    apr_int64_t given;

    for (int slot = 0; slot < TA_RECORD_SLOTS; slot++) {
        const char *cursor = NULL;

        FUZZ_HOLDS(strlen(ta_record_text(record, (ta_record_slot)slot)) <= record->slots[slot].len);
        while ((cursor = ta_record_next(record, (ta_record_slot)slot, cursor)) != NULL) {
            FUZZ_HOLDS((const unsigned char *)cursor < bytes.data + bytes.len);
        }
    }
    if (ta_lifetime_is_alive(&lifetime, record, WORLD_NOW)) {
        (void)ta_lifetime_is_due(&lifetime, record, WORLD_NOW);
        FUZZ_HOLDS(ta_lifetime_expiry(&lifetime, record) <= record->created + lifetime.absolute);
    }
    FUZZ_HOLDS(ta_session_open_tokens(p, &session, &tokens, &given) != APR_SUCCESS);
    if (bytes.len <= TA_STORE_RECORD_BYTES) {
        FUZZ_HOLDS(ta_record_write(p, record, &again) == APR_SUCCESS);
        FUZZ_HOLDS(again.len == bytes.len && memcmp(again.data, bytes.data, again.len) == 0);
    }
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_bytes bytes = fuzz_checked_record(p, input);
    ta_record record;

    if (ta_record_read(bytes, &record) == APR_SUCCESS) {
        look_at(p, &record, bytes);
    }
}
