/*
 * JSON, and what is made of its scalars: times, headers, base64url.
 */
#include "fuzz.h"

#include <string.h>

#include "util/base64url.h"
#include "util/header_value.h"
#include "util/json.h"
#include "util/utf8.h"

static int look_at_member(void *context, const char *name, const ta_json *value);

static void look_at(apr_pool_t *p, const ta_json *value)
{
    const char *text = ta_json_text(value);
    const char *header = "";
    ta_text out;

    FUZZ_HOLDS(!text || ta_utf8_is_valid(text, strlen(text)));
    if (text) {
        ta_text_init(&out, p, 4 * strlen(text) + 1);
        ta_header_value_append(&out, text);
        (void)ta_text_finish(&out, &header);
        FUZZ_HOLDS(fuzz_is_one_line(header));
    }
    for (apr_size_t i = 0; i < ta_json_length(value); i++) {
        look_at(p, ta_json_item(value, i));
    }
    ta_json_each(value, look_at_member, p);
}

static int look_at_member(void *context, const char *name, const ta_json *value)
{
    FUZZ_HOLDS(ta_utf8_is_valid(name, strlen(name)));
    look_at(context, value);
    return 1;
}

static void check_base64url(apr_pool_t *p, ta_bytes input)
{
    ta_bytes bytes;

    if (ta_base64url_decode(p, (const char *)input.data, input.len, &bytes) == APR_SUCCESS) {
        const char *text = ta_base64url_encode(p, bytes.data, bytes.len);

        FUZZ_HOLDS(strlen(text) == input.len && memcmp(text, input.data, input.len) == 0);
    }
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    apr_int64_t seconds;
    const ta_json *root;

    check_base64url(p, input);
    if (ta_json_parse(p, input, &root) != APR_SUCCESS) {
        FUZZ_HOLDS(root == NULL);
        return;
    }
    FUZZ_HOLDS(memchr(input.data, '\0', input.len) == NULL);
    look_at(p, root);
    if (ta_json_seconds(root, "exp", &seconds) == APR_SUCCESS) {
        FUZZ_HOLDS(seconds >= 0 && seconds <= 253402300799);
    }
    (void)ta_json_path(p, root, "a.b.c");
    FUZZ_HOLDS(!ta_json_is_true(root, "flag") ||
               ta_json_type_of(ta_json_get(root, "flag")) == TA_JSON_BOOLEAN);
}
