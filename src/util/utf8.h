/*
 * UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
#ifndef TA_UTIL_UTF8_H
#define TA_UTIL_UTF8_H

#include <apr.h>

/**
 * Reads one character.
 * @param text      the text; need not be NUL-terminated
 * @param len       its length in bytes
 * @param character set to the character, 0 on failure
 * @return how many bytes it takes (1 to 4), or 0 when len is 0 or the text does not begin
 *         with a well-formed character
 */
apr_size_t ta_utf8_read(const char *text, apr_size_t len, apr_uint32_t *character);

/** True when all of the text is well-formed. */
int ta_utf8_is_valid(const char *text, apr_size_t len);

/** True when a letter of a script that is written from right to left (Hebrew, Arabic, …) is in
 *  a text. */
int ta_utf8_has_right_to_left(const char *text);

#endif
