/*
 * What two hosts of one login say to each other through the browser. The application's host
 * asks with a sealed question; the login host answers with a sealed ticket that is good once,
 * for a minute, for the browser that asked, and for that host and return address alone.
 */
#ifndef TA_SESSION_HANDOVER_H
#define TA_SESSION_HANDOVER_H

#include <apr_pools.h>

#include "jose/seal.h"
#include "session/attempt.h"
#include "session/store.h"

#define TA_TICKET_SECONDS 60

/* The question: only a host that has our key can have asked it. */
typedef struct ta_handover {
    apr_int64_t asked;     /* seconds since 1970; as old as an attempt may be */
    const char *origin;    /* of the application's host */
    const char *return_to; /* absolute URL there, checked by that host */
    const char *state;     /* of the attempt whose cookie that host has set */
    const char *providers; /* ids that may be used there, blanks between; "" for all */
} ta_handover;

/* The answer. */
typedef struct ta_ticket {
    apr_int64_t issued;
    const char *origin;
    const char *state;
    unsigned char id[16]; /* so that it is good once */
    unsigned char login_key[TA_STORE_KEY_LEN];
    ta_seal_key tokens_key;
} ta_ticket;

/** Seals a question; NULL when it is too long or OpenSSL fails. */
const char *ta_handover_seal(apr_pool_t *p, const ta_seal_key *key, const ta_handover *handover);

/** Opens a question. @return APR_SUCCESS; APR_EINVAL; APR_TIMEUP */
apr_status_t ta_handover_open(apr_pool_t *p, const ta_seal_key *key, const char *sealed,
                              apr_int64_t now, ta_handover *handover);

/** Seals a ticket; its id is made here. NULL when OpenSSL fails. */
const char *ta_ticket_seal(apr_pool_t *p, const ta_seal_key *key, ta_ticket *ticket);

/** Opens a ticket. @return APR_SUCCESS; APR_EINVAL; APR_TIMEUP when it is too old */
apr_status_t ta_ticket_open(apr_pool_t *p, const ta_seal_key *key, const char *sealed,
                            apr_int64_t now, ta_ticket *ticket);

#endif
