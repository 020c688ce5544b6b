/*
 * A checksum against what happens to memory by accident: a stray write, a torn copy, a flipped
 * bit. It has no key, so it stops nobody who changes bytes on purpose.
 */
#ifndef TA_UTIL_CHECKSUM_H
#define TA_UTIL_CHECKSUM_H

#include <apr.h>

/**
 * The checksum of some bytes, the same on every machine. Bytes that differ within one aligned
 * word of 8 have another one for certain, and bytes that differ at random but for a chance of 1 in
 * 2^64. Pairs of changes that cancel each other out can be made on purpose.
 */
apr_uint64_t ta_checksum_make(const void *bytes, apr_size_t len);

#endif
