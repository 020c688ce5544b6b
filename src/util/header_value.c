/*
 * Which bytes of a claim may stand in a header, and how the others are written.
 */
#include "util/header_value.h"

#include <string.h>

#include "util/utf8.h"

static void append_encoded(ta_text *text, const char *bytes, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++) {
        ta_text_append_format(text, "%%%02X", (unsigned char)bytes[i]);
    }
}

/* C0, DEL and C1; U+0085 is a line end to some readers. What is no UTF-8 was read as NUL. */
static int is_control(apr_uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

/* reserved: ASCII characters that are encoded besides */
static void append(ta_text *text, const char *value, const char *reserved)
{
    const char *end = value + strlen(value);
    const char *first = value + strspn(value, " ");
    const char *last = end; /* behind the last byte that is no blank */
    const char *at = value;

    while (last > first && last[-1] == ' ') {
        last--;
    }
    while (at < end) {
        apr_uint32_t character;
        apr_size_t len = ta_utf8_read(at, (apr_size_t)(end - at), &character);
        int is_plain = !is_control(character) && at >= first && at < last &&
                       (len > 1 || !strchr(reserved, *at));

        len = len ? len : 1; /* bytes that are no UTF-8 go one by one */
        if (is_plain) {
            ta_text_append_bytes(text, at, len);
        } else {
            append_encoded(text, at, len);
        }
        at += len;
    }
}

void ta_header_value_append(ta_text *text, const char *value)
{
    if (value) {
        append(text, value, "");
    }
}

void ta_header_value_append_item(ta_text *text, const char *item)
{
    if (item) {
        ta_text_append(text, text->len ? "," : "");
        append(text, item, ",%");
    }
}
