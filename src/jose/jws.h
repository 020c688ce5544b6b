/*
 * A signed token in compact form (RFC 7515 section 7.1): taking it apart, and verifying it.
 * Nothing of the payload is believed here; who wants it asks for the verification first.
 */
#ifndef TA_JOSE_JWS_H
#define TA_JOSE_JWS_H

#include <apr_pools.h>

#include "jose/key_set.h"
#include "util/bytes.h"
#include "util/fault.h"
#include "util/json.h"

#define TA_JWS_BYTES 65536 /* a longer token is refused unread */

typedef struct ta_jws {
    const ta_algorithm *algorithm; /* never NULL */
    const char *kid;               /* NULL where the header has none */
    const char *typ;               /* NULL where the header has none */
    ta_bytes signing_input;        /* header "." payload, as they were sent */
    ta_bytes payload;              /* decoded */
    ta_bytes signature;            /* decoded */
} ta_jws;

typedef enum ta_jws_verdict {
    TA_JWS_VALID,
    TA_JWS_NO_KEY,       /* no key of the set could have made it: fetching the set may help */
    TA_JWS_BAD_SIGNATURE /* there were candidates, none of them made it */
} ta_jws_verdict;

/**
 * Takes a compact JWS apart.
 * @param p      pool of the result
 * @param token  the token
 * @param len    its length in bytes
 * @param result set to the parts; NULL on failure
 * @param fault  ID_TOKEN_MALFORMED, or ID_TOKEN_ALGORITHM for an algorithm not in our table
 *               ("none" and HS* among them); a "crit" header is refused (RFC 7515 4.1.11)
 * @return APR_SUCCESS, or APR_EGENERAL with fault set
 */
apr_status_t ta_jws_parse(apr_pool_t *p, const char *token, apr_size_t len, ta_jws **result,
                          ta_fault *fault);

/** Tries every candidate key of the set (RFC 7515 section 5.2). tmp is scratch. */
ta_jws_verdict ta_jws_verify(apr_pool_t *tmp, const ta_jws *jws, const ta_key_set *set);

#endif
