/*
 * Sealing and opening the cookie of one login attempt, and the values that its secret gives.
 */
#include "session/attempt.h"

#include <string.h>

#include "session/packed.h"
#include "util/base64url.h"
#include "util/secret.h"

#define PLAIN_BYTES 3000 /* sealed and encoded it stays under a browser's 4,096 */
#define CLOCK_STEP  300

apr_status_t ta_attempt_start(ta_attempt *attempt, apr_int64_t now)
{
    attempt->started = now;
    attempt->provider_id = "";
    attempt->return_to = "";
    attempt->asker_origin = "";
    attempt->asker_state = "";
    return ta_secret_random(attempt->secret, sizeof(attempt->secret));
}

static const char *derive(apr_pool_t *p, const ta_attempt *attempt, const char *purpose)
{
    unsigned char bytes[TA_KEY_LEN];

    if (ta_secret_expand(attempt->secret, purpose, bytes) != APR_SUCCESS) {
        return NULL;
    }
    return ta_base64url_encode(p, bytes, sizeof(bytes));
}

apr_status_t ta_attempt_derive(apr_pool_t *p, const ta_attempt *attempt, ta_attempt_values *values)
{
    values->state = derive(p, attempt, "tinyauth state");
    values->nonce = derive(p, attempt, "tinyauth nonce");
    values->code_verifier = derive(p, attempt, "tinyauth code verifier");
    return values->state && values->nonce && values->code_verifier ? APR_SUCCESS : APR_EGENERAL;
}

const char *ta_attempt_seal(apr_pool_t *p, const ta_seal_key *key, const char *context,
                            const ta_attempt *attempt)
{
    ta_bytes plain;
    ta_text out;

    ta_text_init(&out, p, PLAIN_BYTES);
    ta_packed_write_bytes(&out, attempt->secret, sizeof(attempt->secret));
    ta_packed_write_number(&out, (apr_uint64_t)attempt->started, 8);
    ta_packed_write_string(&out, attempt->provider_id);
    ta_packed_write_string(&out, attempt->return_to);
    ta_packed_write_string(&out, attempt->asker_origin);
    ta_packed_write_string(&out, attempt->asker_state);
    if (ta_packed_finish(&out, &plain) != APR_SUCCESS) {
        return NULL;
    }
    return ta_seal_text(p, key, TA_SEAL_ATTEMPT, context, plain);
}

apr_status_t ta_attempt_open(apr_pool_t *p, const ta_seal_key *key, const char *context,
                             const char *sealed, apr_int64_t now, ta_attempt *attempt)
{
    ta_packed_reader reader;
    ta_bytes plain;

    if (ta_seal_open_text(p, key, TA_SEAL_ATTEMPT, context, sealed, &plain) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    ta_packed_read_start(&reader, plain);
    ta_packed_read_bytes(&reader, attempt->secret, sizeof(attempt->secret));
    attempt->started = ta_packed_read_seconds(&reader);
    attempt->provider_id = ta_packed_read_string(&reader);
    attempt->return_to = ta_packed_read_string(&reader);
    attempt->asker_origin = ta_packed_read_string(&reader);
    attempt->asker_state = ta_packed_read_string(&reader);
    if (!ta_packed_read_done(&reader)) {
        return APR_EINVAL;
    }
    if (now - attempt->started > TA_ATTEMPT_SECONDS || attempt->started - now > CLOCK_STEP) {
        return APR_TIMEUP;
    }
    return APR_SUCCESS;
}
