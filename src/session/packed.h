/*
 * Numbers and byte strings in a row, little-endian and with lengths: the form of everything
 * that we seal or store. Reading never goes beyond the end, whatever the bytes say.
 */
#ifndef TA_SESSION_PACKED_H
#define TA_SESSION_PACKED_H

#include <apr_pools.h>

#include "util/bytes.h"
#include "util/text.h"

typedef struct ta_packed_reader {
    const unsigned char *at;
    apr_size_t left;
    int failed; /* set once something was missing; then every value is 0 or empty */
} ta_packed_reader;

/** Appends an unsigned number of width bytes (1, 2, 4 or 8). */
void ta_packed_write_number(ta_text *out, apr_uint64_t value, int width);

/** Appends a length of two bytes, the bytes of string, and a NUL; NULL is the empty string.
 *  A string longer than 65,535 bytes makes the text overflow. */
void ta_packed_write_string(ta_text *out, const char *string);

/** Appends len bytes as they are. */
void ta_packed_write_bytes(ta_text *out, const void *bytes, apr_size_t len);

/** The finished bytes. @return APR_SUCCESS, or APR_ENOSPC after an overflow */
apr_status_t ta_packed_finish(const ta_text *out, ta_bytes *result);

/** Begins to read. The reader points into bytes. */
void ta_packed_read_start(ta_packed_reader *reader, ta_bytes bytes);

/** Reads a number of width bytes. */
apr_uint64_t ta_packed_read_number(ta_packed_reader *reader, int width);

#define TA_PACKED_LAST_SECOND 253402300799 /* of the year 9999 */

/** Reads a time of 8 bytes, in seconds since 1970. One before 1970 or after the year 9999, which
 *  nobody wrote and with which nobody can calculate, is a failure. */
apr_int64_t ta_packed_read_seconds(ta_packed_reader *reader);

/** Reads a string; it points into the bytes and ends with a NUL. Never NULL. */
const char *ta_packed_read_string(ta_packed_reader *reader);

/** Reads len bytes into out (zeros after a failure). */
void ta_packed_read_bytes(ta_packed_reader *reader, void *out, apr_size_t len);

/** True when everything was there and nothing is left. */
int ta_packed_read_done(const ta_packed_reader *reader);

#endif
