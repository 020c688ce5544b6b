/*
 * A session: a cookie with 256 random bits, and a record in the store under their SHA-256.
 * One login makes one session with a full record; a further host of the same login gets a
 * session of its own whose record only points to it (its parent). Ending the parent ends all.
 */
#ifndef TA_SESSION_SESSION_H
#define TA_SESSION_SESSION_H

#include <apr_pools.h>

#include "jose/seal.h"
#include "oidc/claims.h"
#include "oidc/token.h"
#include "session/recent.h"
#include "session/record.h"
#include "session/store.h"
#include "util/bytes.h"

/* A session as it was found. */
typedef struct ta_session {
    unsigned char key[TA_STORE_KEY_LEN];       /* of its own record */
    unsigned char login_key[TA_STORE_KEY_LEN]; /* of the login's record: the parent's, or key */
    ta_bytes login_bytes;                      /* the login's record as it lies in the store */
    ta_bytes own_bytes; /* its own record, where that is another one; else empty */
    ta_record login;    /* who the user is; points into login_bytes */
    ta_record *own;     /* audience and times of this cookie; where there is no parent, &login */
    const char *id;     /* what the cookie holds */
    int has_new_rights; /* what the user may do has changed with this request */
} ta_session;

/** A fresh id for a cookie: 256 random bits in base64url; NULL without randomness. */
const char *ta_session_id_make(apr_pool_t *p);

/** The storage key of an id. @return APR_SUCCESS, or APR_EINVAL when it is no id of ours */
apr_status_t ta_session_id_key(const char *id, unsigned char key[TA_STORE_KEY_LEN]);

/** The key that opens a login's tokens, derived from its id. */
apr_status_t ta_session_id_tokens_key(const char *id, ta_seal_key *key);

/**
 * A login's record.
 * @param p         pool of what the record points to
 * @param id        the new session's id; the tokens are sealed under a key derived from it
 * @param provider  who vouched
 * @param identity  who the user is
 * @param tokens    what the provider gave
 * @param now       seconds since 1970
 * @param record    filled in; its audience is left for the caller
 * @return APR_SUCCESS; APR_ENOSPC where groups, claims or tokens are more than a session holds;
 *         APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_session_describe(apr_pool_t *p, const char *id, const ta_provider *provider,
                                 const ta_identity *identity, const ta_tokens *tokens,
                                 apr_int64_t now, ta_record *record);

/** Notes from where a login came: printable ASCII, cut to what a person reads. Either may be NULL.
 *  @param p pool of what the record points to */
void ta_session_note_client(apr_pool_t *p, ta_record *record, const char *address,
                            const char *browser);

/**
 * The record of a further host of a login.
 * @param tokens_key opens the login's tokens; kept sealed under the new id
 */
apr_status_t ta_session_describe_child(apr_pool_t *p, const char *id, const ta_record *login,
                                       const unsigned char *login_key,
                                       const ta_seal_key *tokens_key, apr_int64_t now,
                                       ta_record *record);

/**
 * Finds the session of an id, and the login's record behind it.
 * @param recent what the connection remembers, or NULL
 * @return APR_SUCCESS; APR_NOTFOUND when there is none (no such record, a damaged one, or the
 *         login behind it is gone); otherwise the store's error
 */
apr_status_t ta_session_load(apr_pool_t *p, const ta_store *store, ta_recent *recent,
                             const char *id, ta_session **result);

/** The key that opens the tokens of a session's login. Derived from the cookie on each call, for
 *  most requests need none. @return APR_SUCCESS, or APR_EINVAL where the record holds none */
apr_status_t ta_session_get_tokens_key(apr_pool_t *p, const ta_session *session, ta_seal_key *key);

/**
 * Opens the provider's tokens of a session.
 * @param given set to when the provider gave them, seconds since 1970: expires_in counts from
 *              there
 * @return APR_SUCCESS, or APR_EINVAL
 */
apr_status_t ta_session_open_tokens(apr_pool_t *p, const ta_session *session, ta_tokens *tokens,
                                    apr_int64_t *given);

/**
 * Puts what the provider says now into a login's record: who the user is.
 * @param record the record to change; the tokens, and what other modules keep in it, stay
 * @param now    seconds since 1970; becomes the time of the check
 */
apr_status_t ta_session_renew(apr_pool_t *p, ta_record *record, const ta_identity *identity,
                              apr_int64_t now);

/**
 * Puts new tokens into a login's record, which is then no longer marked as refreshing.
 * @param tokens_key seals them
 * @param tokens     all of them, also those that did not change
 * @param given      when the provider gave them, seconds since 1970
 */
apr_status_t ta_session_renew_tokens(apr_pool_t *p, ta_record *record,
                                     const ta_seal_key *tokens_key, const ta_tokens *tokens,
                                     apr_int64_t given);

/**
 * The index of a user, or of a session at the provider: the same for all logins of it.
 * @param provider who vouched: the same name at another provider, or for another client, is
 *                 somebody else
 * @param value    sub or sid; "" or NULL gives the index of nobody, which finds nothing
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_session_index_of_subject(const unsigned char provider[TA_SHA256_LEN],
                                         const char *value, unsigned char index[TA_STORE_KEY_LEN]);
apr_status_t ta_session_index_of_sid(const unsigned char provider[TA_SHA256_LEN], const char *value,
                                     unsigned char index[TA_STORE_KEY_LEN]);

/** Ends a session, and with it every session of the same login.
 *  @return APR_SUCCESS, or the store's error */
apr_status_t ta_session_end(apr_pool_t *tmp, const ta_store *store, const ta_session *session);

/** Ends every session of the logins that are meant. This and ta_session_end are the only ways in
 *  which a session ends before its time.
 *  @param count set to how many logins, or -1 where the store cannot say
 *  @return APR_SUCCESS, or the store's error */
apr_status_t ta_session_end_all(apr_pool_t *tmp, const ta_store *store,
                                const ta_store_ending *ending, int *count);

#endif
