/*
 * Sealing: the one place where we encrypt. AES-256-GCM with a fresh random nonce under a key
 * that is derived for one purpose; what a sealed value belongs to (host, provider, …) is bound
 * to it as additional data. A value sealed for one purpose or context opens under no other.
 *
 *     sealed bytes:  version 1 | nonce 12 | ciphertext n | tag 16
 */
#ifndef TA_JOSE_SEAL_H
#define TA_JOSE_SEAL_H

#include <apr_pools.h>

#include "util/bytes.h"
#include "util/secret.h"

#define TA_SEAL_OVERHEAD 29

typedef enum ta_seal_purpose {
    TA_SEAL_ATTEMPT,  /* cookie of a login that is under way */
    TA_SEAL_ROUNDS,   /* cookie that counts logins, against loops */
    TA_SEAL_HANDOVER, /* an application's host asks the login host */
    TA_SEAL_TICKET,   /* the login host answers */
    TA_SEAL_DENIAL,   /* what the unauthorized page says */
    TA_SEAL_LOGOUT,   /* token of the logout form */
    TA_SEAL_ADMIN,    /* token of the administrator's forms */
    TA_SEAL_LANDING,  /* where somebody logged out who lands on the login host */
    TA_SEAL_TOKENS,   /* the provider's tokens in a session record */
    TA_SEAL_RECORD,   /* a session record in a store outside */
    TA_SEAL_PURPOSES
} ta_seal_purpose;

typedef struct ta_seal_key {
    unsigned char bytes[TA_KEY_LEN];
} ta_seal_key;

/**
 * Seals bytes.
 * @param p       pool of the result
 * @param key     the master key; the purpose's key is derived from it
 * @param purpose what the value is for
 * @param context what else it is bound to; "" for nothing
 * @param plain   the bytes to hide
 * @param sealed  set to plain.len + TA_SEAL_OVERHEAD bytes
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_seal_bytes(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                           const char *context, ta_bytes plain, ta_bytes *sealed);

/** Opens sealed bytes. @return APR_SUCCESS; APR_EINVAL when anything at all does not fit */
apr_status_t ta_seal_open_bytes(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                                const char *context, ta_bytes sealed, ta_bytes *plain);

/** Seals into base64url text, or NULL when OpenSSL fails. */
const char *ta_seal_text(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                         const char *context, ta_bytes plain);

/** Opens what ta_seal_text made. text NULL or malformed: APR_EINVAL. */
apr_status_t ta_seal_open_text(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                               const char *context, const char *text, ta_bytes *plain);

#endif
