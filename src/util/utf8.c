/*
 * Which bytes are a character: the table is that of RFC 3629 section 4, where the second byte
 * decides about overlong forms, surrogates and the end of Unicode.
 */
#include "util/utf8.h"

#include <stddef.h>
#include <string.h>

/* Characters whose first byte lies between first and last. */
typedef struct form {
    unsigned char first, last;
    unsigned char second_low, second_high; /* what the second byte may be */
    unsigned char len;
    unsigned char bits; /* mask of the first byte's part of the character */
} form;

static const form forms[] = {
    {.first = 0x00, .last = 0x7f, .len = 1, .bits = 0x7f},
    {.first = 0xc2, .last = 0xdf, .second_low = 0x80, .second_high = 0xbf, .len = 2, .bits = 0x1f},
    {.first = 0xe0, .last = 0xe0, .second_low = 0xa0, .second_high = 0xbf, .len = 3, .bits = 0x0f},
    {.first = 0xe1, .last = 0xec, .second_low = 0x80, .second_high = 0xbf, .len = 3, .bits = 0x0f},
    {.first = 0xed, .last = 0xed, .second_low = 0x80, .second_high = 0x9f, .len = 3, .bits = 0x0f},
    {.first = 0xee, .last = 0xef, .second_low = 0x80, .second_high = 0xbf, .len = 3, .bits = 0x0f},
    {.first = 0xf0, .last = 0xf0, .second_low = 0x90, .second_high = 0xbf, .len = 4, .bits = 0x07},
    {.first = 0xf1, .last = 0xf3, .second_low = 0x80, .second_high = 0xbf, .len = 4, .bits = 0x07},
    {.first = 0xf4, .last = 0xf4, .second_low = 0x80, .second_high = 0x8f, .len = 4, .bits = 0x07},
};

static const form *find_form(unsigned char first)
{
    for (apr_size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (first >= forms[i].first && first <= forms[i].last) {
            return &forms[i];
        }
    }
    return NULL;
}

apr_size_t ta_utf8_read(const char *text, apr_size_t len, apr_uint32_t *character)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const form *found = len ? find_form(bytes[0]) : NULL;
    apr_uint32_t value;

    *character = 0;
    if (!found || found->len > len) {
        return 0;
    }
    if (found->len > 1 && (bytes[1] < found->second_low || bytes[1] > found->second_high)) {
        return 0;
    }
    value = bytes[0] & found->bits;
    for (apr_size_t i = 1; i < found->len; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (bytes[i] & 0x3f);
    }
    *character = value;
    return found->len;
}

/* How many of the first bytes are ASCII for certain; most of what we read is that alone. */
static apr_size_t skip_ascii(const char *text, apr_size_t len)
{
    apr_size_t at = 0;
    apr_uint64_t word;

    for (; len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if (word & 0x8080808080808080) {
            break;
        }
    }
    return at;
}

int ta_utf8_is_valid(const char *text, apr_size_t len)
{
    apr_uint32_t character;

    while (len) {
        apr_size_t step = skip_ascii(text, len);

        step = step ? step : ta_utf8_read(text, len, &character);

        if (!step) {
            return 0;
        }
        text += step;
        len -= step;
    }
    return 1;
}

/* The blocks of these scripts, without the mark U+061C. */
static int is_right_to_left(apr_uint32_t c)
{
    return c != 0x61c && ((c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
                          (c >= 0xfe70 && c <= 0xfeff) || (c >= 0x10800 && c <= 0x10fff) ||
                          (c >= 0x1e800 && c <= 0x1efff));
}

int ta_utf8_has_right_to_left(const char *text)
{
    apr_size_t rest = strlen(text);

    while (rest) {
        apr_uint32_t character;
        apr_size_t len = ta_utf8_read(text, rest, &character);

        if (is_right_to_left(character)) {
            return 1;
        }
        len = len ? len : 1;
        text += len;
        rest -= len;
    }
    return 0;
}
