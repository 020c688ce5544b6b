/*
 * What application/x-www-form-urlencoded means: '&' between fields, '+' for a blank, %XX for
 * a byte; and what of it is refused.
 */
#include "util/form.h"

#include <string.h>

#include <apr_strings.h>

#include "util/url.h"
#include "util/utf8.h"

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *digit = c ? strchr(digits, c) : NULL;

    return digit ? (int)((digit - digits) & 0xf) : -1;
}

/* Decodes len bytes; NULL when they cannot be a text. */
static const char *decode(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *result = apr_palloc(p, len + 1);
    apr_size_t used = 0;

    for (apr_size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '+') {
            c = ' ';
        }

        if (c == '%') {
            int high = len - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = len - i > 2 ? hex_value(text[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return NULL;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        result[used++] = c;
    }
    result[used] = '\0';
    /* a NUL would hide from us what stands behind it */
    return strlen(result) == used && ta_utf8_is_valid(result, used) ? result : NULL;
}

static apr_status_t add_field(apr_pool_t *p, ta_form *form, const char *text, apr_size_t len)
{
    const char *equals = memchr(text, '=', len);
    apr_size_t name_len = equals ? (apr_size_t)(equals - text) : len;
    ta_form_field field = {.value = ""};

    if (form->fields->nelts == TA_FORM_FIELDS) {
        return APR_ENOSPC;
    }
    field.name = decode(p, text, name_len);
    if (equals) {
        field.value = decode(p, equals + 1, len - name_len - 1);
    }
    if (!field.name || !field.value) {
        return APR_EINVAL;
    }
    APR_ARRAY_PUSH(form->fields, ta_form_field) = field;
    return APR_SUCCESS;
}

apr_status_t ta_form_parse(apr_pool_t *p, ta_bytes bytes, ta_form **result)
{
    ta_form *form = apr_palloc(p, sizeof(*form));
    const char *at = (const char *)bytes.data;
    apr_size_t left = bytes.len;

    *result = NULL;
    if (bytes.len > TA_FORM_BYTES) {
        return APR_ENOSPC;
    }
    form->fields = apr_array_make(p, 8, sizeof(ta_form_field));
    while (left) {
        const char *ampersand = memchr(at, '&', left);
        apr_size_t len = ampersand ? (apr_size_t)(ampersand - at) : left;
        apr_status_t rv = len ? add_field(p, form, at, len) : APR_SUCCESS;

        if (rv != APR_SUCCESS) {
            return rv;
        }
        len += ampersand != NULL;
        at += len;
        left -= len;
    }
    *result = form;
    return APR_SUCCESS;
}

const char *ta_form_get(const ta_form *form, const char *name)
{
    for (int i = 0; form && i < form->fields->nelts; i++) {
        const ta_form_field *field = &APR_ARRAY_IDX(form->fields, i, ta_form_field);

        if (strcmp(field->name, name) == 0) {
            return field->value;
        }
    }
    return NULL;
}

int ta_form_count(const ta_form *form, const char *name)
{
    int count = 0;

    for (int i = 0; form && i < form->fields->nelts; i++) {
        count += strcmp(APR_ARRAY_IDX(form->fields, i, ta_form_field).name, name) == 0;
    }
    return count;
}

void ta_form_append(ta_text *text, const char *name, const char *value)
{
    if (value) {
        ta_text_append(text, text->len ? "&" : "");
        ta_text_append(text, ta_url_encode(text->pool, name));
        ta_text_append(text, "=");
        ta_text_append(text, ta_url_encode(text->pool, value));
    }
}
