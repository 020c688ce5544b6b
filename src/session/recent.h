/*
 * What a connection remembers of the session that its last request had: the key that belongs to
 * the cookie, and the bytes of a record whose checksum was right. A browser sends many requests
 * on one connection, with the same cookie, and neither has to be calculated again.
 *
 * It says nothing about who is signed in. The store is asked each time, and what is remembered
 * counts only where the store says that the record still is of the same version, or where its
 * bytes are the same.
 */
#ifndef TA_SESSION_RECENT_H
#define TA_SESSION_RECENT_H

#include "session/record.h"
#include "session/store.h"

#define TA_SESSION_ID_LEN   43   /* characters of 32 bytes in base64url */
#define TA_RECENT_BYTES_MAX 8192 /* longer records are not remembered */

typedef struct ta_recent ta_recent;

/** Makes one that remembers nothing. @param p of the connection; one thread at a time uses it */
ta_recent *ta_recent_make(apr_pool_t *p);

/**
 * The store's key of a session id, where it is remembered.
 * @param recent NULL: nothing is remembered
 * @param id     a string of any length
 * @return 1, or 0 where it has to be calculated
 */
int ta_recent_get_key(const ta_recent *recent, const char *id, unsigned char key[TA_STORE_KEY_LEN]);

/** Remembers a key, and no version any more. @param id TA_SESSION_ID_LEN characters @param recent
 * may be NULL */
void ta_recent_set_key(ta_recent *recent, const char *id,
                       const unsigned char key[TA_STORE_KEY_LEN]);

/**
 * Reads a record as ta_record_read does, which points into the bytes that were given. A login's
 * is remembered.
 * @param recent  NULL: nothing is remembered
 * @param version that the store gave it under the key that is remembered; 0: none
 */
apr_status_t ta_recent_read_record(ta_recent *recent, ta_bytes bytes, apr_uint64_t version,
                                   ta_record *record);

/** The version of the record that is remembered for the key, 0: none.
 *  @param recent NULL: nothing is remembered */
apr_uint64_t ta_recent_get_version(const ta_recent *recent);

/** The record whose version ta_recent_get_version gave. @param p for its bytes, which are copied */
void ta_recent_get_record(const ta_recent *recent, apr_pool_t *p, ta_bytes *bytes,
                          ta_record *record);

#endif
