/*
 * How a checksum is made. Words of 8 bytes go round four lanes, so that a processor works at
 * several multiplications at once. Every step (exclusive or, multiplication by an odd number,
 * rotation) can be undone, and so can those that join the lanes: that is why a change within one
 * word always shows.
 */
#include "util/checksum.h"

#include <endian.h>
#include <string.h>

#define LANES 4

static apr_uint64_t load(const unsigned char *at)
{
    apr_uint64_t word;

    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

static apr_uint64_t mix(apr_uint64_t lane, apr_uint64_t word)
{
    lane = (lane ^ word) * 0x9e3779b97f4a7c15; /* 2^64 divided by the golden ratio */
    return lane << 31 | lane >> 33;
}

apr_uint64_t ta_checksum_make(const void *bytes, apr_size_t len)
{
    /* any numbers without a pattern: the first digits of pi behind the point */
    apr_uint64_t lanes[LANES] = {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0,
                                 0x082efa98ec4e6c89};
    unsigned char rest[8 * LANES] = {0};
    const unsigned char *at = bytes;
    apr_uint64_t result = len;

    for (; len >= sizeof(rest); at += sizeof(rest), len -= sizeof(rest)) {
        lanes[0] = mix(lanes[0], load(at));
        lanes[1] = mix(lanes[1], load(at + 8));
        lanes[2] = mix(lanes[2], load(at + 16));
        lanes[3] = mix(lanes[3], load(at + 24));
    }
    if (len) {
        memcpy(rest, at, len);
    }
    for (int i = 0; i < LANES; i++) {
        result = mix(result, mix(lanes[i], load(rest + 8 * i)));
        result ^= result >> 29;
    }
    return result;
}
