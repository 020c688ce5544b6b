/*
 *     │ parts 1 │ for each: length 2, its bytes, decoded │      a token of dotted base64url
 *     │    0    │ packed string │                             any other
 */
#include "session/packed_token.h"

#include <string.h>

#include <apr_strings.h>

#include "util/base64url.h"

#define PARTS_MAX 5 /* an encrypted JWT (RFC 7516) has the most */
#define PART_MAX  0xffff

/* Decodes the parts between the dots. @return how many; 0 where it cannot be made from them again
 */
static int decode_parts(apr_pool_t *tmp, const char *token, ta_bytes parts[PARTS_MAX])
{
    int count = 0;

    for (;;) {
        apr_size_t len = strcspn(token, ".");

        if (count == PARTS_MAX ||
            ta_base64url_decode(tmp, token, len, &parts[count]) != APR_SUCCESS ||
            parts[count].len > PART_MAX) {
            return 0;
        }
        count++;
        if (!token[len]) {
            return count;
        }
        token += len + 1;
    }
}

void ta_packed_token_write(apr_pool_t *tmp, ta_text *out, const char *token)
{
    ta_bytes parts[PARTS_MAX];
    int count = token && *token ? decode_parts(tmp, token, parts) : 0;

    ta_packed_write_number(out, (apr_uint64_t)count, 1);
    if (count == 0) {
        ta_packed_write_string(out, token);
    }
    for (int i = 0; i < count; i++) {
        ta_packed_write_number(out, parts[i].len, 2);
        ta_packed_write_bytes(out, parts[i].data, parts[i].len);
    }
}

const char *ta_packed_token_read(apr_pool_t *p, ta_packed_reader *reader)
{
    int count = (int)ta_packed_read_number(reader, 1);
    const char *token = "";

    if (count == 0) {
        return ta_packed_read_string(reader);
    }
    for (int i = 0; i < count && !reader->failed; i++) {
        apr_size_t len = (apr_size_t)ta_packed_read_number(reader, 2);
        unsigned char *bytes = apr_palloc(p, len + 1);

        ta_packed_read_bytes(reader, bytes, len);
        token = apr_pstrcat(p, token, i ? "." : "", ta_base64url_encode(p, bytes, len), NULL);
    }
    return reader->failed ? "" : token;
}
