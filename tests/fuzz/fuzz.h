/*
 * What the fuzz targets share. A target is a program with one function, fuzz_one, that hands
 * foreign bytes to a parser and says what must hold whatever they are. With clang and libFuzzer
 * it is fed mutations without end (tools/fuzz); without, it replays the seeds (make check).
 *
 * Bytes reach the parsers in blocks of their exact size (world_foreign_bytes): pools would hide
 * from AddressSanitizer that somebody reads beyond them.
 */
#ifndef TA_TESTS_FUZZ_H
#define TA_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include <apr_pools.h>

#include "oidc/discovery.h"
#include "oidc/provider.h"
#include "util/bytes.h"
#include "world.h"

/** Ends the program, so that the fuzzer keeps the input, unless a condition holds. */
#define FUZZ_HOLDS(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** The target: tries one input. Each has its own.
 *  @param p     pool of this input alone
 *  @param input the bytes, in a block of their exact size */
void fuzz_one(apr_pool_t *p, ta_bytes input);

/** Takes the first line from the input, without its newline: for targets that need several
 *  parts. @return a NUL-terminated copy in a block of its exact size; NUL bytes end it early */
const char *fuzz_take_line(apr_pool_t *p, ta_bytes *input);

/** All that is left of the input, as fuzz_take_line. */
const char *fuzz_take_rest(apr_pool_t *p, ta_bytes *input);

/** A token out of the first line, its header, and all that is left, its payload, both as JSON:
 *  mutations so get behind the base64url. */
const char *fuzz_take_token(apr_pool_t *p, ta_bytes *input);

/** The bytes of a record with the right checksum behind them. */
ta_bytes fuzz_checked_record(apr_pool_t *p, ta_bytes record);

/** The provider at WORLD_ISSUER, as an administrator describes it. */
ta_provider *fuzz_provider(apr_pool_t *p);

/** Its metadata, as its discovery document has it. */
ta_metadata *fuzz_metadata(apr_pool_t *p, const ta_provider *provider);

/** True when a text holds no control characters. */
int fuzz_is_one_line(const char *text);

#endif
