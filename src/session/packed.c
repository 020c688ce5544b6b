/*
 * Writing and reading packed values: little-endian numbers, strings as "length, bytes, NUL".
 * The NUL lets a reader use the string where it lies.
 */
#include "session/packed.h"

#include <string.h>

#define STRING_LEN_MAX 0xffff

void ta_packed_write_number(ta_text *out, apr_uint64_t value, int width)
{
    char bytes[8];

    for (int i = 0; i < width; i++) {
        bytes[i] = (char)((value >> (8 * i)) & 0xff);
    }
    ta_text_append_bytes(out, bytes, (apr_size_t)width);
}

void ta_packed_write_string(ta_text *out, const char *string)
{
    apr_size_t len = string ? strlen(string) : 0;

    if (len > STRING_LEN_MAX) {
        out->overflowed = 1;
        return;
    }
    ta_packed_write_number(out, len, 2);
    ta_text_append_bytes(out, string ? string : "", len + 1);
}

void ta_packed_write_bytes(ta_text *out, const void *bytes, apr_size_t len)
{
    ta_text_append_bytes(out, bytes, len);
}

apr_status_t ta_packed_finish(const ta_text *out, ta_bytes *result)
{
    if (out->overflowed) {
        return APR_ENOSPC;
    }
    result->data = (const unsigned char *)out->data;
    result->len = out->len;
    return APR_SUCCESS;
}

void ta_packed_read_start(ta_packed_reader *reader, ta_bytes bytes)
{
    reader->at = bytes.data;
    reader->left = bytes.len;
    reader->failed = 0;
}

/* The next len bytes, or NULL when there are not so many left. */
static const unsigned char *take(ta_packed_reader *reader, apr_size_t len)
{
    const unsigned char *bytes = reader->at;

    if (reader->failed || len > reader->left) {
        reader->failed = 1;
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return bytes;
}

apr_uint64_t ta_packed_read_number(ta_packed_reader *reader, int width)
{
    const unsigned char *bytes = take(reader, (apr_size_t)width);
    apr_uint64_t value = 0;

    for (int i = 0; bytes && i < width; i++) {
        value |= (apr_uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

apr_int64_t ta_packed_read_seconds(ta_packed_reader *reader)
{
    apr_uint64_t seconds = ta_packed_read_number(reader, 8);

    if (seconds > TA_PACKED_LAST_SECOND) {
        reader->failed = 1;
        return 0;
    }
    return (apr_int64_t)seconds;
}

const char *ta_packed_read_string(ta_packed_reader *reader)
{
    apr_size_t len = (apr_size_t)ta_packed_read_number(reader, 2);
    const unsigned char *bytes = take(reader, len + 1);

    /* a NUL inside would make the string end early for everybody who uses it as one */
    if (!bytes || memchr(bytes, '\0', len + 1) != bytes + len) {
        reader->failed = 1;
        return "";
    }
    return (const char *)bytes;
}

void ta_packed_read_bytes(ta_packed_reader *reader, void *out, apr_size_t len)
{
    const unsigned char *bytes = take(reader, len);

    if (bytes) {
        memcpy(out, bytes, len);
    } else {
        memset(out, 0, len);
    }
}

int ta_packed_read_done(const ta_packed_reader *reader)
{
    return !reader->failed && reader->left == 0;
}
