/*
 * What must not go wrong with secrets, in one place: comparing without a time leak (NULL
 * equals nothing, not even NULL), random bytes, hashing, deriving one key from another.
 */
#ifndef TA_UTIL_SECRET_H
#define TA_UTIL_SECRET_H

#include <apr_pools.h>

#define TA_SHA256_LEN 32
#define TA_KEY_LEN    32

#define TA_PURPOSE_BYTES 64

/** True when both strings are there and equal. Takes the same time wherever they differ. */
int ta_secret_equal(const char *a, const char *b);

/** True when both byte strings are there, of one length, and equal; in constant time. */
int ta_secret_equal_bytes(const void *a, apr_size_t a_len, const void *b, apr_size_t b_len);

/**
 * Fills out with len bytes from OpenSSL's random generator.
 * @return APR_SUCCESS, or APR_EGENERAL when there is no randomness (then give up)
 */
apr_status_t ta_secret_random(unsigned char *out, apr_size_t len);

/** SHA-256 of len bytes. @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails */
apr_status_t ta_secret_sha256(const void *bytes, apr_size_t len, unsigned char out[TA_SHA256_LEN]);

/**
 * Derives a key for one purpose from a secret of any kind (HKDF-SHA256, RFC 5869, no salt).
 * @param key     the key to derive from, len bytes
 * @param purpose TA_PURPOSE_BYTES at most; becomes HKDF's info: keys of different purposes tell
 * nothing of each other
 * @param out     the derived key
 * @return APR_SUCCESS, or APR_EGENERAL when OpenSSL fails
 */
apr_status_t ta_secret_derive(const void *key, apr_size_t len, const char *purpose,
                              unsigned char out[TA_KEY_LEN]);

/**
 * The same from a key that is one already: TA_KEY_LEN bytes that are random, or were derived from
 * such a secret. Only the second step of HKDF (RFC 5869 2.3, as 3.3 allows), and half the work.
 */
apr_status_t ta_secret_expand(const unsigned char key[TA_KEY_LEN], const char *purpose,
                              unsigned char out[TA_KEY_LEN]);

/** Overwrites len bytes in a way that the compiler cannot leave out. */
void ta_secret_wipe(void *bytes, apr_size_t len);

#endif
