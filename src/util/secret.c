/*
 * The operations on secrets, each by the OpenSSL function that was made for it.
 */
#include "util/secret.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "util/bytes.h"

int ta_secret_equal(const char *a, const char *b)
{
    return a && b && ta_secret_equal_bytes(a, strlen(a), b, strlen(b));
}

int ta_secret_equal_bytes(const void *a, apr_size_t a_len, const void *b, apr_size_t b_len)
{
    /* nothing equals nothing: two secrets that are both missing must not open a door */
    return a && b && a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

apr_status_t ta_secret_random(unsigned char *out, apr_size_t len)
{
    return len <= INT_MAX && RAND_bytes(out, (int)len) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

/* Looking an algorithm up costs OpenSSL more than a short digest, and locks: once is enough. It
 * is done under pthread_once, before anybody reads what was found. They are never given back;
 * OpenSSL keeps one object of each for the whole process in any case. */
static struct {
    pthread_once_t once;
    EVP_MD *sha256;
    EVP_MAC_CTX *hmac; /* with its digest and without a key: to be copied */
} fetched = {.once = PTHREAD_ONCE_INIT};

static void fetch_algorithms(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.hmac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    if (fetched.hmac && EVP_MAC_CTX_set_params(fetched.hmac, parameters) != 1) {
        EVP_MAC_CTX_free(fetched.hmac);
        fetched.hmac = NULL;
    }
    EVP_MAC_free(hmac);
}

apr_status_t ta_secret_sha256(const void *bytes, apr_size_t len, unsigned char out[TA_SHA256_LEN])
{
    return pthread_once(&fetched.once, fetch_algorithms) == 0 && fetched.sha256 &&
                   EVP_Digest(bytes, len, out, NULL, fetched.sha256, NULL) == 1
               ? APR_SUCCESS
               : APR_EGENERAL;
}

/* HMAC-SHA256 for one thread, or NULL. */
static EVP_MAC_CTX *make_hmac(void)
{
    return pthread_once(&fetched.once, fetch_algorithms) == 0 && fetched.hmac
               ? EVP_MAC_CTX_dup(fetched.hmac)
               : NULL;
}

static int sign(EVP_MAC_CTX *context, const unsigned char key[TA_SHA256_LEN], ta_bytes text,
                unsigned char out[TA_SHA256_LEN])
{
    size_t len = 0;

    return EVP_MAC_init(context, key, TA_SHA256_LEN, NULL) == 1 &&
           EVP_MAC_update(context, text.data, text.len) == 1 &&
           EVP_MAC_final(context, out, &len, TA_SHA256_LEN) == 1 && len == TA_SHA256_LEN;
}

/* RFC 5869 2.3: so short a key is the first block alone. */
static int expand(EVP_MAC_CTX *context, const unsigned char key[TA_KEY_LEN], const char *purpose,
                  unsigned char out[TA_KEY_LEN])
{
    unsigned char info[TA_PURPOSE_BYTES + 1];
    apr_size_t len = strlen(purpose);

    if (len > TA_PURPOSE_BYTES) {
        return 0;
    }
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes, which have a length */
    memcpy(info, purpose, len);
    info[len] = 1;
    return sign(context, key, (ta_bytes){info, len + 1}, out);
}

/* OpenSSL's own HKDF does the same in twice the time: it looks its digest up at each step. */
apr_status_t ta_secret_derive(const void *key, apr_size_t len, const char *purpose,
                              unsigned char out[TA_KEY_LEN])
{
    static const unsigned char no_salt[TA_SHA256_LEN]; /* RFC 5869 2.2: then it is zeros */
    unsigned char extracted[TA_SHA256_LEN];
    /* a key derived from no key could be derived by everybody */
    EVP_MAC_CTX *context = key && len ? make_hmac() : NULL;
    int done = context && sign(context, no_salt, (ta_bytes){key, len}, extracted) &&
               expand(context, extracted, purpose, out);

    EVP_MAC_CTX_free(context);
    ta_secret_wipe(extracted, sizeof(extracted));
    return done ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t ta_secret_expand(const unsigned char key[TA_KEY_LEN], const char *purpose,
                              unsigned char out[TA_KEY_LEN])
{
    EVP_MAC_CTX *context = make_hmac();
    int done = context && expand(context, key, purpose, out);

    EVP_MAC_CTX_free(context);
    return done ? APR_SUCCESS : APR_EGENERAL;
}

void ta_secret_wipe(void *bytes, apr_size_t len)
{
    OPENSSL_cleanse(bytes, len);
}
