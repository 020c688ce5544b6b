/*
 * A login that is under way, as the browser keeps it: a sealed cookie for each attempt. The
 * server remembers nothing, so logins that nobody finishes cost nothing. State, nonce and
 * code verifier are derived from the attempt's 256-bit secret.
 */
#ifndef TA_SESSION_ATTEMPT_H
#define TA_SESSION_ATTEMPT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "jose/seal.h"

#define TA_ATTEMPT_SECONDS 3600 /* Pocket ID gives a person an hour, too */
#define TA_ATTEMPT_COUNT   24   /* at most so many at once, the oldest goes */
#define TA_ATTEMPT_BYTES   6144 /* and so many bytes of cookies together */
#define TA_ATTEMPT_TAG_LEN 8    /* characters of the state that name the cookie */

typedef struct ta_attempt {
    unsigned char secret[TA_KEY_LEN];
    apr_int64_t started;      /* seconds since 1970 */
    const char *provider_id;  /* "" where an application's host sends the browser away */
    const char *return_to;    /* checked return address */
    const char *asker_origin; /* the host that sent the browser here to log in, or "" */
    const char *asker_state;  /* its question's state; then return_to is an address there */
} ta_attempt;

/** What is derived from an attempt's secret, each 43 characters of base64url. */
typedef struct ta_attempt_values {
    const char *state;
    const char *nonce;
    const char *code_verifier;
} ta_attempt_values;

/** Begins an attempt. @return APR_SUCCESS, or APR_EGENERAL without randomness */
apr_status_t ta_attempt_start(ta_attempt *attempt, apr_int64_t now);

/** Derives the values. @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails */
apr_status_t ta_attempt_derive(apr_pool_t *p, const ta_attempt *attempt, ta_attempt_values *values);

/**
 * Seals an attempt for its cookie, bound to the host.
 * @param context what it is bound to (the origin)
 * @return the cookie's value, or NULL when it is too long or OpenSSL fails
 */
const char *ta_attempt_seal(apr_pool_t *p, const ta_seal_key *key, const char *context,
                            const ta_attempt *attempt);

/**
 * Opens a cookie's value.
 * @return APR_SUCCESS; APR_EINVAL when it is none of ours for this host; APR_TIMEUP when it
 *         is older than TA_ATTEMPT_SECONDS or from the future, but it is filled in
 */
apr_status_t ta_attempt_open(apr_pool_t *p, const ta_seal_key *key, const char *context,
                             const char *sealed, apr_int64_t now, ta_attempt *attempt);

#endif
