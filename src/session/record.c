/*
 * The bytes of a session record: one writer, one reader, and the reader trusts nothing.
 */
#include "session/record.h"

#include <endian.h>
#include <string.h>

#include "session/packed.h"
#include "util/checksum.h"

#define MAGIC        "TAS\3"
#define FLAGS_AT     4
#define TIMES_AT     8
#define PROVIDER_AT  40
#define PARENT_AT    (PROVIDER_AT + TA_SHA256_LEN)
#define INDEXES_AT   (PARENT_AT + TA_STORE_KEY_LEN)
#define HEADER_LEN   (INDEXES_AT + 2 * TA_STORE_KEY_LEN)
#define SLOTS_END    (HEADER_LEN + 8 * TA_RECORD_SLOTS)
#define CHECKSUM_LEN 8

_Static_assert(HEADER_LEN == TA_RECORD_PEEK, "what stores look at lies before the slots");

apr_status_t ta_record_write(apr_pool_t *p, const ta_record *record, ta_bytes *bytes)
{
    apr_size_t offset = SLOTS_END;
    ta_text out;

    ta_text_init(&out, p, TA_STORE_RECORD_BYTES);
    ta_packed_write_bytes(&out, MAGIC, 4);
    ta_packed_write_number(&out, record->flags, 4);
    ta_packed_write_number(&out, (apr_uint64_t)record->created, 8);
    ta_packed_write_number(&out, (apr_uint64_t)record->last_used, 8);
    ta_packed_write_number(&out, (apr_uint64_t)record->checked, 8);
    ta_packed_write_number(&out, (apr_uint64_t)record->asked, 8);
    ta_packed_write_bytes(&out, record->provider, sizeof(record->provider));
    ta_packed_write_bytes(&out, record->parent, sizeof(record->parent));
    ta_packed_write_bytes(&out, record->subject_index, sizeof(record->subject_index));
    ta_packed_write_bytes(&out, record->sid_index, sizeof(record->sid_index));
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        ta_packed_write_number(&out, offset, 4);
        ta_packed_write_number(&out, record->slots[i].len, 4);
        offset += record->slots[i].len + 1;
    }
    for (int i = 0; i < TA_RECORD_SLOTS; i++) {
        if (record->slots[i].len) {
            ta_packed_write_bytes(&out, record->slots[i].data, record->slots[i].len);
        }
        ta_packed_write_bytes(&out, "", 1);
    }
    if (!out.overflowed) {
        ta_packed_write_number(&out, ta_checksum_make(out.data, out.len), CHECKSUM_LEN);
    }
    return ta_packed_finish(&out, bytes);
}

/* Numbers are little-endian wherever they lie; on most machines this is one load. */
static apr_uint32_t read32(const unsigned char *at)
{
    return (apr_uint32_t)at[0] | (apr_uint32_t)at[1] << 8 | (apr_uint32_t)at[2] << 16 |
           (apr_uint32_t)at[3] << 24;
}

static apr_int64_t read64(const unsigned char *at)
{
    return (apr_int64_t)((apr_uint64_t)read32(at) | (apr_uint64_t)read32(at + 4) << 32);
}

/* Slots lie one behind the other, each with its NUL, up to the very end: anything else was
 * not written by us. */
static int read_slots(ta_bytes bytes, ta_record *record)
{
    const unsigned char *at = bytes.data + HEADER_LEN;
    apr_size_t expected = SLOTS_END;

    for (int i = 0; i < TA_RECORD_SLOTS; i++, at += 8) {
        apr_size_t len = read32(at + 4);

        if (read32(at) != expected || len >= bytes.len - expected ||
            bytes.data[expected + len] != '\0') {
            return 0;
        }
        record->slots[i].data = bytes.data + expected;
        record->slots[i].len = len;
        expected += len + 1;
    }
    return expected == bytes.len;
}

/* A damaged record must be nobody's: one changed letter could be another user's name. */
static int is_whole(ta_bytes bytes)
{
    apr_size_t len = bytes.len - CHECKSUM_LEN;

    return bytes.len > SLOTS_END + CHECKSUM_LEN &&
           ta_checksum_make(bytes.data, len) == (apr_uint64_t)read64(bytes.data + len);
}

/* With any other one nobody can calculate. */
static int is_time(apr_int64_t seconds)
{
    return seconds >= 0 && seconds <= TA_PACKED_LAST_SECOND;
}

apr_status_t ta_record_read(ta_bytes bytes, ta_record *record)
{
    if (!is_whole(bytes) || memcmp(bytes.data, MAGIC, 4) != 0) {
        return APR_EINVAL;
    }
    bytes.len -= CHECKSUM_LEN;
    record->flags = read32(bytes.data + FLAGS_AT);
    record->created = read64(bytes.data + TIMES_AT);
    record->last_used = read64(bytes.data + TIMES_AT + 8);
    record->checked = read64(bytes.data + TIMES_AT + 16);
    record->asked = read64(bytes.data + TIMES_AT + 24);
    if (!is_time(record->created) || !is_time(record->last_used) || !is_time(record->checked) ||
        !is_time(record->asked)) {
        return APR_EINVAL;
    }
    memcpy(record->provider, bytes.data + PROVIDER_AT, sizeof(record->provider));
    memcpy(record->parent, bytes.data + PARENT_AT, sizeof(record->parent));
    memcpy(record->subject_index, bytes.data + INDEXES_AT, sizeof(record->subject_index));
    memcpy(record->sid_index, bytes.data + INDEXES_AT + TA_STORE_KEY_LEN,
           sizeof(record->sid_index));
    return read_slots(bytes, record) ? APR_SUCCESS : APR_EINVAL;
}

static int is_record(ta_bytes bytes)
{
    return bytes.len > SLOTS_END && memcmp(bytes.data, MAGIC, 4) == 0;
}

const unsigned char *ta_record_parent(ta_bytes bytes)
{
    return is_record(bytes) && (bytes.data[FLAGS_AT] & TA_RECORD_HAS_PARENT)
               ? bytes.data + PARENT_AT
               : NULL;
}

int ta_record_is_login(ta_bytes bytes)
{
    return is_record(bytes) && !ta_record_parent(bytes);
}

int ta_record_is_meant(ta_bytes bytes, const ta_store_ending *ending)
{
    /* the zeros of a record without an index are nobody's */
    static const unsigned char none[TA_STORE_KEY_LEN];
    int any_subject = memcmp(ending->subject, none, sizeof(none)) == 0;
    int any_sid = memcmp(ending->sid, none, sizeof(none)) == 0;
    const unsigned char *subject = bytes.data + INDEXES_AT;
    const unsigned char *sid = subject + TA_STORE_KEY_LEN;

    if (!is_record(bytes) || (any_subject && any_sid) ||
        (!any_subject && memcmp(subject, ending->subject, sizeof(none)) != 0)) {
        return 0;
    }
    return any_sid || memcmp(sid, ending->sid, sizeof(none)) == 0 ||
           (!any_subject && memcmp(sid, none, sizeof(none)) == 0);
}

void ta_record_set_text(ta_record *record, ta_record_slot slot, const char *text)
{
    record->slots[slot].data = (const unsigned char *)text;
    record->slots[slot].len = text ? strlen(text) : 0;
}

/* The length of a row's string that begins here; one load on most machines. */
static apr_size_t length_before(const unsigned char *at)
{
    apr_uint16_t len;

    memcpy(&len, at - TA_RECORD_ROW_PREFIX, sizeof(len));
    return le16toh(len);
}

/* A row's string begins behind its length and ends with a NUL. A row that says otherwise ends
 * here: the checksum is right, so somebody else wrote it. */
static const unsigned char *string_at(const unsigned char *at, const unsigned char *end,
                                      apr_size_t *len)
{
    if (!at || end - at <= TA_RECORD_ROW_PREFIX) {
        return NULL;
    }
    at += TA_RECORD_ROW_PREFIX;
    *len = length_before(at);
    return *len < (apr_size_t)(end - at) && at[*len] == '\0' ? at : NULL;
}

const char *ta_record_next(const ta_record *record, ta_record_slot slot, const char *cursor)
{
    const unsigned char *begin = record->slots[slot].data;
    const unsigned char *end = begin + record->slots[slot].len;
    const unsigned char *at = (const unsigned char *)cursor;
    apr_size_t len = 0;

    if (at) {
        at = string_at(at - TA_RECORD_ROW_PREFIX, end, &len);
    }
    return (const char *)string_at(at ? at + len + 1 : begin, end, &len);
}

int ta_record_has(const ta_record *record, ta_record_slot slot, const char *text, apr_size_t len)
{
    const unsigned char *row = record->slots[slot].data;
    apr_size_t end = record->slots[slot].len;
    apr_size_t found_len;

    /* most strings are told apart by their length alone */
    for (apr_size_t at = TA_RECORD_ROW_PREFIX; at < end;
         at += found_len + 1 + TA_RECORD_ROW_PREFIX) {
        found_len = length_before(row + at);
        if (found_len == len && len < end - at && memcmp(row + at, text, len) == 0) {
            return row[at + len] == '\0';
        }
    }
    return 0;
}

void ta_record_add(ta_text *row, const char *text)
{
    apr_size_t len = strlen(text);

    if (len > TA_RECORD_STRING_LEN) {
        row->overflowed = 1;
        return;
    }
    ta_packed_write_number(row, len, TA_RECORD_ROW_PREFIX);
    ta_packed_write_bytes(row, text, len + 1);
}
