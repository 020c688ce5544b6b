/*
 * A session record and its bytes. A record is read where it lies, without parsing: times and
 * flags at fixed places, then a table of slots that says where each string begins. The values
 * that become headers are kept as they will be sent.
 *
 *     offset
 *      0   magic "TAS" | version 1 byte
 *      4   flags              4
 *      8   created            8   seconds since 1970
 *     16   last used          8
 *     24   checked            8
 *     32   asked              8
 *     40   provider          32   fingerprint of who vouched
 *     72   parent            32   key of the login's session, zeros where this is the login's
 *    104   subject           32   index of the user, zeros where there is a parent
 *    136   sid               32   index of the provider's session, zeros where it has none
 *    168   slots             8 × TA_RECORD_SLOTS: offset 4, length 4 (without the NUL)
 *      …   the slots' bytes, each followed by a NUL
 *    end   checksum           8   of everything before it: a damaged record is nobody's.
 *                                   Against somebody who writes to the store on purpose no sum
 *                                   without a key helps: shared memory is httpd's own, and what
 *                                   lies elsewhere is sealed
 *
 * An index is a hash that all logins of one user, or of one session at the provider, have in
 * common: by it they are found when the provider says that they end.
 */
#ifndef TA_SESSION_RECORD_H
#define TA_SESSION_RECORD_H

#include <apr_pools.h>

#include "session/store.h"
#include "util/bytes.h"
#include "util/secret.h"
#include "util/text.h"

typedef enum ta_record_slot {
    TA_RECORD_AUDIENCE, /* origin or cookie domain that the cookie was made for */
    TA_RECORD_PROVIDER, /* provider id */
    TA_RECORD_USER,     /* REMOTE_USER */
    TA_RECORD_SUB,
    TA_RECORD_SID, /* the provider's session, "" where it has none */
    TA_RECORD_NAME,
    TA_RECORD_EMAIL,
    TA_RECORD_HEADER_USER, /* the five headers, as they are sent */
    TA_RECORD_HEADER_NAME,
    TA_RECORD_HEADER_EMAIL,
    TA_RECORD_HEADER_GROUPS,
    TA_RECORD_HEADER_SUB,
    TA_RECORD_GROUPS,  /* a row of strings: each its length in 2 bytes, itself, a NUL */
    TA_RECORD_CLAIMS,  /* the same of names and values in turn */
    TA_RECORD_ENTRIES, /* what other modules keep in it by mod_session, form-encoded */
    TA_RECORD_ADDRESS, /* of the client at the login, and its User-Agent, cut: for people */
    TA_RECORD_BROWSER,
    TA_RECORD_RETIRED, /* since when its cookie is replaced by another, decimal seconds; or "" */
    TA_RECORD_TOKENS,  /* the provider's tokens, sealed */
    TA_RECORD_SLOTS
} ta_record_slot;

#define TA_RECORD_ROW_PREFIX 2      /* bytes of the length before each string of a row */
#define TA_RECORD_STRING_LEN 0xffff /* the longest of them */

#define TA_RECORD_EMAIL_VERIFIED     0x1
#define TA_RECORD_GROUPS_ABSENT      0x2
#define TA_RECORD_GROUPS_MALFORMED   0x4
#define TA_RECORD_HAS_PARENT         0x8
#define TA_RECORD_REFRESHING         0x10 /* the refresh token may have been spent */
#define TA_RECORD_EMAIL_BY_USERINFO  0x20 /* it is userinfo that says which e-mail … */
#define TA_RECORD_GROUPS_BY_USERINFO 0x40 /* … and which groups */

typedef struct ta_record {
    apr_uint32_t flags;
    apr_int64_t created;   /* seconds since 1970 */
    apr_int64_t last_used; /* noted at most once a minute */
    apr_int64_t checked;   /* when the provider last said who this is */
    apr_int64_t asked;     /* when the refresh token was last about to be sent */
    unsigned char provider[TA_SHA256_LEN];
    unsigned char parent[TA_STORE_KEY_LEN];
    unsigned char subject_index[TA_STORE_KEY_LEN];
    unsigned char sid_index[TA_STORE_KEY_LEN];
    ta_bytes slots[TA_RECORD_SLOTS]; /* when read: point into the bytes, NUL behind each */
} ta_record;

/**
 * Puts a record into bytes.
 * @return APR_SUCCESS; APR_ENOSPC beyond TA_STORE_RECORD_BYTES; APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_record_write(apr_pool_t *p, const ta_record *record, ta_bytes *bytes);

/**
 * Reads a record where it lies; nothing is copied.
 * @return APR_SUCCESS, or APR_EINVAL for anything that ta_record_write would not have written
 */
apr_status_t ta_record_read(ta_bytes bytes, ta_record *record);

/* Stores may look at so many first bytes of a record alone, with the length of all of it. */
#define TA_RECORD_PEEK 168

/** The key of a record's parent, pointing into its bytes, or NULL where it has none. For
 *  stores, which look into a record no further than this and ta_record_is_meant. */
const unsigned char *ta_record_parent(ta_bytes bytes);

/** True for the record of a login; one of a further host of it has a parent. */
int ta_record_is_login(ta_bytes bytes);

/** True for the record of a login that is to end, as far as its indexes tell. */
int ta_record_is_meant(ta_bytes bytes, const ta_store_ending *ending);

/** A slot as a string; "" where it is empty. */
static inline const char *ta_record_text(const ta_record *record, ta_record_slot slot)
{
    return record->slots[slot].len ? (const char *)record->slots[slot].data : "";
}

/** Sets a slot to a string, which is not copied; NULL empties it. */
void ta_record_set_text(ta_record *record, ta_record_slot slot, const char *text);

/**
 * The next string of a slot that holds a row of them.
 * @param cursor NULL for the first, then what was returned
 * @return the string, or NULL at the end
 */
const char *ta_record_next(const ta_record *record, ta_record_slot slot, const char *cursor);

/** Whether a row has a string, which is len bytes long. */
int ta_record_has(const ta_record *record, ta_record_slot slot, const char *text, apr_size_t len);

/** Adds a string to a row that is being written; one that is too long makes it overflow. */
void ta_record_add(ta_text *row, const char *text);

#endif
