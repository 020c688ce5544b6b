/*
 * The question and the ticket by which a login reaches another host, as sealed bytes.
 */
#include "session/handover.h"

#include "session/packed.h"
#include "util/secret.h"

#define PLAIN_BYTES 4096
#define CLOCK_STEP  300

static int is_in_time(apr_int64_t from, apr_int64_t now, apr_int64_t seconds)
{
    return now - from <= seconds && from - now <= CLOCK_STEP;
}

const char *ta_handover_seal(apr_pool_t *p, const ta_seal_key *key, const ta_handover *handover)
{
    ta_bytes plain;
    ta_text out;

    ta_text_init(&out, p, PLAIN_BYTES);
    ta_packed_write_number(&out, (apr_uint64_t)handover->asked, 8);
    ta_packed_write_string(&out, handover->origin);
    ta_packed_write_string(&out, handover->return_to);
    ta_packed_write_string(&out, handover->state);
    ta_packed_write_string(&out, handover->providers);
    if (ta_packed_finish(&out, &plain) != APR_SUCCESS) {
        return NULL;
    }
    return ta_seal_text(p, key, TA_SEAL_HANDOVER, "", plain);
}

apr_status_t ta_handover_open(apr_pool_t *p, const ta_seal_key *key, const char *sealed,
                              apr_int64_t now, ta_handover *handover)
{
    ta_packed_reader reader;
    ta_bytes plain;

    if (ta_seal_open_text(p, key, TA_SEAL_HANDOVER, "", sealed, &plain) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    ta_packed_read_start(&reader, plain);
    handover->asked = ta_packed_read_seconds(&reader);
    handover->origin = ta_packed_read_string(&reader);
    handover->return_to = ta_packed_read_string(&reader);
    handover->state = ta_packed_read_string(&reader);
    handover->providers = ta_packed_read_string(&reader);
    if (!ta_packed_read_done(&reader)) {
        return APR_EINVAL;
    }
    return is_in_time(handover->asked, now, TA_ATTEMPT_SECONDS) ? APR_SUCCESS : APR_TIMEUP;
}

const char *ta_ticket_seal(apr_pool_t *p, const ta_seal_key *key, ta_ticket *ticket)
{
    ta_bytes plain;
    ta_text out;

    if (ta_secret_random(ticket->id, sizeof(ticket->id)) != APR_SUCCESS) {
        return NULL;
    }
    ta_text_init(&out, p, PLAIN_BYTES);
    ta_packed_write_number(&out, (apr_uint64_t)ticket->issued, 8);
    ta_packed_write_string(&out, ticket->origin);
    ta_packed_write_string(&out, ticket->state);
    ta_packed_write_bytes(&out, ticket->id, sizeof(ticket->id));
    ta_packed_write_bytes(&out, ticket->login_key, sizeof(ticket->login_key));
    ta_packed_write_bytes(&out, ticket->tokens_key.bytes, sizeof(ticket->tokens_key.bytes));
    if (ta_packed_finish(&out, &plain) != APR_SUCCESS) {
        return NULL;
    }
    return ta_seal_text(p, key, TA_SEAL_TICKET, "", plain);
}

apr_status_t ta_ticket_open(apr_pool_t *p, const ta_seal_key *key, const char *sealed,
                            apr_int64_t now, ta_ticket *ticket)
{
    ta_packed_reader reader;
    ta_bytes plain;

    if (ta_seal_open_text(p, key, TA_SEAL_TICKET, "", sealed, &plain) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    ta_packed_read_start(&reader, plain);
    ticket->issued = ta_packed_read_seconds(&reader);
    ticket->origin = ta_packed_read_string(&reader);
    ticket->state = ta_packed_read_string(&reader);
    ta_packed_read_bytes(&reader, ticket->id, sizeof(ticket->id));
    ta_packed_read_bytes(&reader, ticket->login_key, sizeof(ticket->login_key));
    ta_packed_read_bytes(&reader, ticket->tokens_key.bytes, sizeof(ticket->tokens_key.bytes));
    if (!ta_packed_read_done(&reader)) {
        return APR_EINVAL;
    }
    return is_in_time(ticket->issued, now, TA_TICKET_SECONDS) ? APR_SUCCESS : APR_TIMEUP;
}
