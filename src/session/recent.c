/*
 * When what is remembered can be used: the id is the same; the version or the bytes are the same.
 */
#include "session/recent.h"

#include <string.h>

#include <apr_strings.h>

#define ROOM_FIRST 2048

#define ID_WORDS ((TA_SESSION_ID_LEN + 7) / 8)

struct ta_recent {
    apr_pool_t *pool;
    int has_key;               /* id and key are set */
    apr_uint64_t id[ID_WORDS]; /* filled up with zeros */
    unsigned char key[TA_STORE_KEY_LEN];
    apr_uint64_t version; /* of the record below, when it is the key's and has one; else 0 */
    ta_record record;     /* as it was read; points into … */
    unsigned char *bytes; /* … these */
    apr_size_t len;       /* 0: none */
    apr_size_t room;
};

ta_recent *ta_recent_make(apr_pool_t *p)
{
    ta_recent *recent = apr_pcalloc(p, sizeof(*recent));

    recent->pool = p;
    return recent;
}

int ta_recent_get_key(const ta_recent *recent, const char *id, unsigned char key[TA_STORE_KEY_LEN])
{
    apr_uint64_t words[ID_WORDS] = {0}, differences = 0;

    if (!recent || !recent->has_key || strlen(id) != TA_SESSION_ID_LEN) {
        return 0;
    }
    memcpy(words, id, TA_SESSION_ID_LEN);
    /* a proxy sends the requests of several people on one connection: how long it takes to tell
     * their cookies apart must say nothing about them */
    for (int i = 0; i < ID_WORDS; i++) {
        differences |= words[i] ^ recent->id[i];
    }
    if (differences) {
        return 0;
    }
    memcpy(key, recent->key, TA_STORE_KEY_LEN);
    return 1;
}

void ta_recent_set_key(ta_recent *recent, const char *id, const unsigned char key[TA_STORE_KEY_LEN])
{
    if (recent) {
        memcpy(recent->id, id, TA_SESSION_ID_LEN);
        memcpy(recent->key, key, TA_STORE_KEY_LEN);
        recent->has_key = 1;
        recent->version = 0;
    }
}

/* A record that was read at one place, as it is when its bytes lie at another. */
static void move_record(ta_record *record, const unsigned char *from, const unsigned char *to)
{
#pragma GCC unroll 18
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        record->slots[i].data = to + (record->slots[i].data - from);
    }
}

/* The remembered record, as it is in these bytes, which are the same. */
static void place_record(const ta_recent *recent, const unsigned char *bytes, ta_record *record)
{
    *record = recent->record;
    move_record(record, recent->bytes, bytes);
}

/* The bytes are copied: a request that is still being answered may point into its own. */
static void remember(ta_recent *recent, ta_bytes bytes, apr_uint64_t version,
                     const ta_record *record)
{
    recent->len = 0;
    recent->version = 0;
    if (bytes.len > TA_RECENT_BYTES_MAX) {
        return;
    }
    if (bytes.len > recent->room) {
        /* by doubling, because the memory of a connection is given back only at its end */
        recent->room = recent->room ? recent->room : ROOM_FIRST;
        while (recent->room < bytes.len) {
            recent->room *= 2;
        }
        recent->bytes = apr_palloc(recent->pool, recent->room);
    }
    memcpy(recent->bytes, bytes.data, bytes.len);
    recent->len = bytes.len;
    recent->version = version;
    recent->record = *record;
    move_record(&recent->record, bytes.data, recent->bytes);
}

apr_status_t ta_recent_read_record(ta_recent *recent, ta_bytes bytes, apr_uint64_t version,
                                   ta_record *record)
{
    apr_status_t rv;

    /* what the same bytes said before, they say again */
    if (recent && recent->len && recent->len == bytes.len &&
        memcmp(recent->bytes, bytes.data, bytes.len) == 0) {
        place_record(recent, bytes.data, record);
        recent->version = version;
        return APR_SUCCESS;
    }
    rv = ta_record_read(bytes, record);
    /* the record of a further host is short, and would push out its login's */
    if (recent && rv == APR_SUCCESS && !(record->flags & TA_RECORD_HAS_PARENT)) {
        remember(recent, bytes, version, record);
    }
    return rv;
}

apr_uint64_t ta_recent_get_version(const ta_recent *recent)
{
    return recent ? recent->version : 0;
}

void ta_recent_get_record(const ta_recent *recent, apr_pool_t *p, ta_bytes *bytes,
                          ta_record *record)
{
    /* a request keeps what it has read, whatever the connection remembers meanwhile */
    bytes->data = apr_pmemdup(p, recent->bytes, recent->len);
    bytes->len = recent->len;
    place_record(recent, bytes->data, record);
}
