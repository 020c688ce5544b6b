/*
 * A run of bytes with its length. Foreign bytes travel as ta_bytes until they have been
 * parsed, so that nobody has to trust a terminating NUL that the sender controls.
 */
#ifndef TA_UTIL_BYTES_H
#define TA_UTIL_BYTES_H

#include <apr.h>

typedef struct ta_bytes {
    const unsigned char *data; /* not owned; NULL only where len is 0 */
    apr_size_t len;
} ta_bytes;

#endif
