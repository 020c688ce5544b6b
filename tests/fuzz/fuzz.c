/*
 * The entry that libFuzzer and the replayer call, and what targets need around a parser.
 */
#include "fuzz.h"

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "util/base64url.h"
#include "util/checksum.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    ta_bytes bytes = {.data = data, .len = size};
    apr_pool_t *p;

    FUZZ_HOLDS(apr_pool_create(&p, NULL) == APR_SUCCESS);
    fuzz_one(p, world_foreign_bytes(p, bytes));
    apr_pool_destroy(p);
    return 0;
}

static const char *take(apr_pool_t *p, ta_bytes *input, apr_size_t len)
{
    const char *text = apr_pstrmemdup(p, (const char *)input->data, len);

    input->data += len;
    input->len -= len;
    return world_foreign(p, text);
}

const char *fuzz_take_line(apr_pool_t *p, ta_bytes *input)
{
    const unsigned char *end = input->len ? memchr(input->data, '\n', input->len) : NULL;
    const char *line = take(p, input, end ? (apr_size_t)(end - input->data) : input->len);

    if (input->len) {
        input->data++;
        input->len--;
    }
    return line;
}

const char *fuzz_take_rest(apr_pool_t *p, ta_bytes *input)
{
    return take(p, input, input->len);
}

const char *fuzz_take_token(apr_pool_t *p, ta_bytes *input)
{
    const char *header = fuzz_take_line(p, input);
    const char *payload =
        ta_base64url_encode(p, input->len ? (const char *)input->data : "", input->len);

    return world_foreign(p, apr_pstrcat(p, ta_base64url_encode(p, header, strlen(header)), ".",
                                        payload, ".", "AAAA", NULL));
}

ta_bytes fuzz_checked_record(apr_pool_t *p, ta_bytes record)
{
    const apr_size_t sum_len = sizeof(apr_uint64_t);
    unsigned char *whole = apr_palloc(p, record.len + sum_len);
    apr_uint64_t sum = ta_checksum_make(record.data, record.len);

    if (record.len) {
        memcpy(whole, record.data, record.len);
    }
    for (apr_size_t i = 0; i < sum_len; i++) {
        whole[record.len + i] = (unsigned char)(sum >> (8 * i));
    }
    return world_foreign_bytes(p, (ta_bytes){whole, record.len + sum_len});
}

ta_provider *fuzz_provider(apr_pool_t *p)
{
    ta_provider *provider = apr_pcalloc(p, sizeof(*provider));

    provider->id = WORLD_ID;
    provider->issuer = WORLD_ISSUER;
    provider->client_id = "client";
    provider->client_secret = "secret";
    FUZZ_HOLDS(ta_provider_finish(p, provider) == APR_SUCCESS);
    return provider;
}

ta_metadata *fuzz_metadata(apr_pool_t *p, const ta_provider *provider)
{
    static const char document[] = "{\"issuer\":\"" WORLD_ISSUER "\","
                                   "\"authorization_endpoint\":\"" WORLD_ISSUER "/authorize\","
                                   "\"token_endpoint\":\"" WORLD_ISSUER "/token\","
                                   "\"userinfo_endpoint\":\"" WORLD_ISSUER "/userinfo\","
                                   "\"jwks_uri\":\"" WORLD_ISSUER "/jwks\"}";
    ta_bytes bytes = {.data = (const unsigned char *)document, .len = sizeof(document) - 1};
    ta_metadata *metadata;

    FUZZ_HOLDS(ta_discovery_parse(p, provider, bytes, &metadata, NULL) == APR_SUCCESS);
    return metadata;
}

int fuzz_is_one_line(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            return 0;
        }
    }
    return 1;
}
