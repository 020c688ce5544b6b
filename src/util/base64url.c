/*
 * Which texts are base64url and which bytes they stand for. One text per byte string: left-over
 * bits must be zero, so a value that was verified once has no second spelling.
 */
#include "util/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *ta_base64url_encode(apr_pool_t *p, const void *bytes, apr_size_t len)
{
    const unsigned char *from = bytes;
    char *result = apr_palloc(p, len / 3 * 4 + 5);
    char *to = result;
    apr_uint32_t bits = 0;
    int count = 0;

    for (apr_size_t i = 0; i < len; i++) {
        bits = bits << 8 | from[i];
        for (count += 8; count >= 6; count -= 6) {
            *to++ = alphabet[bits >> (count - 6) & 0x3f];
        }
    }
    if (count) {
        *to++ = alphabet[bits << (6 - count) & 0x3f];
    }
    *to = '\0';
    return result;
}

/* The six bits of a character, or -1. */
static int bits_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

apr_size_t ta_base64url_span(const char *text)
{
    apr_size_t len = 0;

    while (bits_of(text[len]) >= 0) {
        len++;
    }
    return len;
}

apr_status_t ta_base64url_decode(apr_pool_t *p, const char *text, apr_size_t len, ta_bytes *result)
{
    unsigned char *data = apr_palloc(p, len / 4 * 3 + 4);
    apr_uint32_t bits = 0;
    apr_size_t used = 0;
    int count = 0;

    /* one character alone holds no byte */
    if (len % 4 == 1) {
        return APR_EINVAL;
    }
    for (apr_size_t i = 0; i < len; i++) {
        int value = bits_of(text[i]);

        if (value < 0) {
            return APR_EINVAL;
        }
        bits = bits << 6 | (apr_uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            data[used++] = (unsigned char)(bits >> count & 0xff);
        }
    }
    /* RFC 4648 section 3.5: the bits behind the last byte must be zero */
    if (bits & ((1U << count) - 1)) {
        return APR_EINVAL;
    }
    data[used] = '\0';
    *result = (ta_bytes){.data = data, .len = used};
    return APR_SUCCESS;
}
