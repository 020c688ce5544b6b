/*
 * How a value is hidden from the browser or store that keeps it for us, and when it is believed
 * again: only if not a bit of it has changed and it is opened for the very purpose and context
 * for which it was sealed. Purpose and context are bound twice: the purpose by its own key and
 * both as additional data.
 *
 *     additional data:  version 1 | name of the purpose | 0 | context
 */
#include "jose/seal.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <apr_strings.h>

#include "util/base64url.h"

#define VERSION     1
#define VERSION_LEN 1
#define NONCE_LEN   12
#define TAG_LEN     16
#define HEAD_LEN    (VERSION_LEN + NONCE_LEN)

/* The names are part of what is sealed: a changed name makes old values unreadable. */
static const char *const purposes[TA_SEAL_PURPOSES] = {
    [TA_SEAL_ATTEMPT] = "attempt", [TA_SEAL_ROUNDS] = "rounds",   [TA_SEAL_HANDOVER] = "handover",
    [TA_SEAL_TICKET] = "ticket",   [TA_SEAL_DENIAL] = "denial",   [TA_SEAL_LOGOUT] = "logout",
    [TA_SEAL_ADMIN] = "admin",     [TA_SEAL_LANDING] = "landing", [TA_SEAL_TOKENS] = "tokens",
    [TA_SEAL_RECORD] = "record",
};

/* What sealing and opening have in common; wiped after use. */
typedef struct seal_frame {
    unsigned char key[TA_KEY_LEN]; /* the purpose's */
    ta_bytes additional;
} seal_frame;

static ta_bytes additional_data(apr_pool_t *p, const char *purpose, const char *context)
{
    apr_size_t purpose_len = strlen(purpose) + 1; /* its 0 byte ends it */
    apr_size_t context_len = strlen(context);
    ta_bytes result = {.len = VERSION_LEN + purpose_len + context_len};
    unsigned char *data = apr_palloc(p, result.len);

    data[0] = VERSION;
    memcpy(data + VERSION_LEN, purpose, purpose_len);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes, which have a length */
    memcpy(data + VERSION_LEN + purpose_len, context, context_len);
    result.data = data;
    return result;
}

static apr_status_t make_frame(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                               const char *context, seal_frame *frame)
{
    const char *info;

    if (key == NULL || context == NULL || (unsigned int)purpose >= TA_SEAL_PURPOSES) {
        return APR_EINVAL;
    }
    info = apr_pstrcat(p, "tinyauth seal ", purposes[purpose], NULL);
    frame->additional = additional_data(p, purposes[purpose], context);
    return ta_secret_expand(key->bytes, info, frame->key);
}

/* Key, nonce and additional data, for sealing (direction 1) or opening (0). */
static int start(EVP_CIPHER_CTX *cipher, const seal_frame *frame, const unsigned char *nonce,
                 int direction)
{
    int len;

    return cipher != NULL && frame->additional.len <= INT_MAX &&
           EVP_CipherInit_ex2(cipher, EVP_aes_256_gcm(), frame->key, nonce, direction, NULL) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &len, frame->additional.data,
                            (int)frame->additional.len) == 1;
}

/* Fills sealed, which has room for plain.len + TA_SEAL_OVERHEAD. */
static int encrypt(const seal_frame *frame, ta_bytes plain, unsigned char *sealed)
{
    unsigned char *nonce = sealed + VERSION_LEN;
    unsigned char *text = sealed + HEAD_LEN;
    unsigned char *tag = text + plain.len;
    EVP_CIPHER_CTX *cipher;
    int len;
    int done;

    sealed[0] = VERSION;
    if (ta_secret_random(nonce, NONCE_LEN) != APR_SUCCESS) {
        return 0;
    }
    cipher = EVP_CIPHER_CTX_new();
    done =
        start(cipher, frame, nonce, 1) &&
        (plain.len == 0 || EVP_CipherUpdate(cipher, text, &len, plain.data, (int)plain.len) == 1) &&
        EVP_CipherFinal_ex(cipher, tag, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

/* Fills plain, which has room for sealed.len - TA_SEAL_OVERHEAD. True only with the right tag. */
static int decrypt(const seal_frame *frame, ta_bytes sealed, unsigned char *plain)
{
    const unsigned char *nonce = sealed.data + VERSION_LEN;
    const unsigned char *text = sealed.data + HEAD_LEN;
    int text_len = (int)(sealed.len - TA_SEAL_OVERHEAD);
    unsigned char tag[TAG_LEN];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int len;
    int done;

    memcpy(tag, text + text_len, TAG_LEN);
    done = start(cipher, frame, nonce, 0) &&
           (text_len == 0 || EVP_CipherUpdate(cipher, plain, &len, text, text_len) == 1) &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
           EVP_CipherFinal_ex(cipher, plain + text_len, &len) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

apr_status_t ta_seal_bytes(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                           const char *context, ta_bytes plain, ta_bytes *sealed)
{
    seal_frame frame = {.additional = {.data = NULL}};
    unsigned char *out;
    int done;

    sealed->data = NULL;
    sealed->len = 0;
    if (plain.len > INT_MAX - TA_SEAL_OVERHEAD) {
        return APR_EGENERAL;
    }
    out = apr_palloc(p, plain.len + TA_SEAL_OVERHEAD);
    done =
        make_frame(p, key, purpose, context, &frame) == APR_SUCCESS && encrypt(&frame, plain, out);
    ta_secret_wipe(&frame, sizeof(frame));
    if (!done) {
        /* what OpenSSL noted must not look like an error of this thread's next connection */
        ERR_clear_error();
        return APR_EGENERAL;
    }
    sealed->data = out;
    sealed->len = plain.len + TA_SEAL_OVERHEAD;
    return APR_SUCCESS;
}

apr_status_t ta_seal_open_bytes(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                                const char *context, ta_bytes sealed, ta_bytes *plain)
{
    seal_frame frame = {.additional = {.data = NULL}};
    apr_size_t len;
    unsigned char *out;
    int done;

    plain->data = NULL;
    plain->len = 0;
    if (sealed.len < TA_SEAL_OVERHEAD || sealed.len > INT_MAX || sealed.data[0] != VERSION) {
        return APR_EINVAL;
    }
    len = sealed.len - TA_SEAL_OVERHEAD;
    out = apr_pcalloc(p, len + 1);
    done =
        make_frame(p, key, purpose, context, &frame) == APR_SUCCESS && decrypt(&frame, sealed, out);
    ta_secret_wipe(&frame, sizeof(frame));
    if (!done) {
        /* GCM has decrypted before it knew that the tag is wrong */
        ta_secret_wipe(out, len);
        ERR_clear_error();
        return APR_EINVAL;
    }
    plain->data = out;
    plain->len = len;
    return APR_SUCCESS;
}

const char *ta_seal_text(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                         const char *context, ta_bytes plain)
{
    ta_bytes sealed;

    if (ta_seal_bytes(p, key, purpose, context, plain, &sealed) != APR_SUCCESS) {
        return NULL;
    }
    return ta_base64url_encode(p, sealed.data, sealed.len);
}

apr_status_t ta_seal_open_text(apr_pool_t *p, const ta_seal_key *key, ta_seal_purpose purpose,
                               const char *context, const char *text, ta_bytes *plain)
{
    ta_bytes sealed;

    plain->data = NULL;
    plain->len = 0;
    if (text == NULL || ta_base64url_decode(p, text, strlen(text), &sealed) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    return ta_seal_open_bytes(p, key, purpose, context, sealed, plain);
}
