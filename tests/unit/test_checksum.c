/*
 * The checksum: what it is of some bytes, on every machine, and that every small change shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "util/checksum.h"
#include "world.h"

#define BYTES 200

static void fill(unsigned char *bytes)
{
    for (int i = 0; i < BYTES; i++) {
        bytes[i] = (unsigned char)(i * 37);
    }
}

static void test_every_flipped_bit_shows_at_every_length(void **state)
{
    unsigned char bytes[BYTES];

    (void)state;
    fill(bytes);
    for (apr_size_t len = 1; len <= BYTES; len++) {
        apr_uint64_t whole = ta_checksum_make(bytes, len);

        for (apr_size_t i = 0; i < len * 8; i++) {
            bytes[i / 8] ^= (unsigned char)(1 << i % 8);
            assert_true(ta_checksum_make(bytes, len) != whole);
            bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        }
    }
}

/* The same bit of two words: in a mere sum of words such flips cancel each other out. */
static void test_two_flipped_bits_show(void **state)
{
    unsigned char bytes[BYTES];
    apr_uint64_t whole;

    (void)state;
    fill(bytes);
    whole = ta_checksum_make(bytes, BYTES);
    for (int bit = 0; bit < 64; bit++) {
        for (int i = 0; i < BYTES / 8; i++) {
            for (int j = i + 1; j < BYTES / 8; j++) {
                bytes[8 * i + bit / 8] ^= (unsigned char)(1 << bit % 8);
                bytes[8 * j + bit / 8] ^= (unsigned char)(1 << bit % 8);
                assert_true(ta_checksum_make(bytes, BYTES) != whole);
                bytes[8 * i + bit / 8] ^= (unsigned char)(1 << bit % 8);
                bytes[8 * j + bit / 8] ^= (unsigned char)(1 << bit % 8);
            }
        }
    }
}

static void test_words_that_changed_places_show(void **state)
{
    unsigned char bytes[BYTES], swapped[BYTES];

    (void)state;
    fill(bytes);
    for (int i = 0; i < BYTES / 8; i++) {
        for (int j = i + 1; j < BYTES / 8; j++) {
            memcpy(swapped, bytes, BYTES);
            memcpy(swapped + 8 * i, bytes + 8 * j, 8);
            memcpy(swapped + 8 * j, bytes + 8 * i, 8);
            assert_true(ta_checksum_make(swapped, BYTES) != ta_checksum_make(bytes, BYTES));
        }
    }
}

static void test_zeros_at_the_end_count(void **state)
{
    static const unsigned char zeros[BYTES];

    (void)state;
    for (apr_size_t len = 0; len < BYTES; len++) {
        assert_true(ta_checksum_make(zeros, len) != ta_checksum_make(zeros, len + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flipped_bit_shows_at_every_length),
        cmocka_unit_test(test_two_flipped_bits_show),
        cmocka_unit_test(test_words_that_changed_places_show),
        cmocka_unit_test(test_zeros_at_the_end_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
