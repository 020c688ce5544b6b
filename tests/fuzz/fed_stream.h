/*
 * A stream whose other end says what the input has, in pieces of a size of the input's choice:
 * takes the place of net/stream.c in the targets that read what a store's server answers.
 */
#ifndef TA_TESTS_FUZZ_FED_STREAM_H
#define TA_TESTS_FUZZ_FED_STREAM_H

#include "util/bytes.h"

/** What every stream that is opened from now on has to say. @param piece bytes at a time */
void fed_stream_set(ta_bytes bytes, apr_size_t piece);

#endif
