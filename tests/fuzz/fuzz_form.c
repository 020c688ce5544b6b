/*
 * Queries and forms, and the authorization response, which is one. What was read is written in
 * a form that reads the same.
 */
#include "fuzz.h"

#include <string.h>

#include "oidc/authorization.h"
#include "util/form.h"
#include "util/utf8.h"

static void check_response(apr_pool_t *p, const ta_form *form)
{
    ta_authorization_response *response;
    ta_fault fault = {.reason = TA_REASON_NONE};
    const ta_metadata *metadata = fuzz_metadata(p, fuzz_provider(p));

    if (ta_authorization_response_parse(p, form, &response, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason != TA_REASON_NONE);
        return;
    }
    FUZZ_HOLDS(response->state && (response->code == NULL) != (response->error == NULL));
    if (ta_authorization_response_check(p, response, metadata, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason != TA_REASON_NONE);
        return;
    }
    FUZZ_HOLDS(response->code && (!response->iss || strcmp(response->iss, WORLD_ISSUER) == 0));
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_form *form, *again;
    const char *text = "";
    ta_bytes bytes;
    ta_text out;

    if (ta_form_parse(p, input, &form) != APR_SUCCESS) {
        return;
    }
    FUZZ_HOLDS(form->fields->nelts <= TA_FORM_FIELDS);
    ta_text_init(&out, p, (apr_size_t)4 * TA_FORM_BYTES);
    for (int i = 0; i < form->fields->nelts; i++) {
        const ta_form_field *field = &APR_ARRAY_IDX(form->fields, i, ta_form_field);

        FUZZ_HOLDS(ta_utf8_is_valid(field->name, strlen(field->name)));
        FUZZ_HOLDS(ta_utf8_is_valid(field->value, strlen(field->value)));
        FUZZ_HOLDS(ta_form_count(form, field->name) > 0 && ta_form_get(form, field->name));
        ta_form_append(&out, field->name, field->value);
    }
    FUZZ_HOLDS(ta_text_finish(&out, &text) == APR_SUCCESS || !form->fields->nelts);
    bytes = (ta_bytes){.data = (const unsigned char *)text, .len = strlen(text)};
    if (bytes.len <= TA_FORM_BYTES) {
        FUZZ_HOLDS(ta_form_parse(p, bytes, &again) == APR_SUCCESS);
        FUZZ_HOLDS(again->fields->nelts == form->fields->nelts);
        for (int i = 0; i < form->fields->nelts; i++) {
            FUZZ_HOLDS(strcmp(APR_ARRAY_IDX(form->fields, i, ta_form_field).value,
                              APR_ARRAY_IDX(again->fields, i, ta_form_field).value) == 0);
        }
    }
    check_response(p, form);
}
