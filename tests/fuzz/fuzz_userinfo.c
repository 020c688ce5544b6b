/*
 * Answers of userinfo, all the way into a session record: what becomes a header is one line,
 * and no group can make another.
 *
 *     status
 *     content type
 *     claims of the ID token, as JSON
 *     body
 */
#include "fuzz.h"

#include <string.h>

#include "oidc/claims.h"
#include "oidc/userinfo.h"
#include "session/session.h"

static int count_items(const char *list)
{
    int items = *list != '\0';

    for (; *list; list++) {
        items += *list == ',';
    }
    return items;
}

static void check_record(apr_pool_t *p, const ta_provider *provider, const ta_identity *identity)
{
    const ta_tokens tokens = {.access_token = "access", .expires_in = -1};
    ta_record record, again;
    ta_bytes bytes;
    int groups = 0;
    apr_status_t rv = ta_session_describe(p, ta_session_id_make(p), provider, identity, &tokens,
                                          WORLD_NOW, &record);

    if (rv == APR_SUCCESS) {
        rv = ta_record_write(p, &record, &bytes);
    }
    /* a long name counts again with each value of its claim */
    FUZZ_HOLDS(rv == APR_SUCCESS || rv == APR_ENOSPC);
    if (rv != APR_SUCCESS) {
        return;
    }
    FUZZ_HOLDS(ta_record_read(world_foreign_bytes(p, bytes), &again) == APR_SUCCESS);
    for (int slot = TA_RECORD_HEADER_USER; slot <= TA_RECORD_HEADER_SUB; slot++) {
        FUZZ_HOLDS(fuzz_is_one_line(ta_record_text(&again, (ta_record_slot)slot)));
    }
    for (const char *group = ta_record_next(&again, TA_RECORD_GROUPS, NULL); group;
         group = ta_record_next(&again, TA_RECORD_GROUPS, group)) {
        groups++;
    }
    FUZZ_HOLDS(groups == identity->groups->nelts);
    FUZZ_HOLDS(count_items(ta_record_text(&again, TA_RECORD_HEADER_GROUPS)) <= groups);
    FUZZ_HOLDS(strcmp(ta_record_text(&again, TA_RECORD_USER), identity->user) == 0);
}

static void check_identity(apr_pool_t *p, const ta_json *id_token, const ta_json *claims)
{
    const ta_provider *provider = fuzz_provider(p);
    ta_fault fault = {.reason = TA_REASON_NONE};
    ta_identity *identity;
    const char *sub;

    if (ta_userinfo_check_subject(p, claims, NULL, &sub, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason == TA_REASON_USERINFO_SUBJECT);
        return;
    }
    FUZZ_HOLDS(ta_claims_is_subject(sub));
    if (ta_claims_identity(p, provider, id_token, claims, sub, &identity, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason == TA_REASON_IDENTITY_EMPTY ||
                   fault.reason == TA_REASON_TOKEN_MALFORMED);
        return;
    }
    FUZZ_HOLDS(ta_claims_is_plain(identity->user));
    FUZZ_HOLDS(identity->groups->nelts <= TA_CLAIMS_GROUPS);
    FUZZ_HOLDS(identity->claims->nelts <= TA_CLAIMS_VALUES);
    check_record(p, provider, identity);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_http_response response = {.status = (int)strtol(fuzz_take_line(p, &input), NULL, 10)};
    ta_fault fault = {.reason = TA_REASON_NONE};
    const ta_json *claims, *id_token = NULL;
    const char *jwt, *text;
    ta_bytes bytes;

    response.content_type = fuzz_take_line(p, &input);
    text = fuzz_take_line(p, &input);
    bytes = (ta_bytes){.data = (const unsigned char *)text, .len = strlen(text)};
    (void)ta_json_parse_object(p, bytes, &id_token);
    response.body = world_foreign_bytes(p, input);
    if (ta_userinfo_answer_parse(p, &response, &claims, &jwt, &fault) != APR_SUCCESS) {
        FUZZ_HOLDS(fault.reason == TA_REASON_USERINFO_REFUSED ||
                   fault.reason == TA_REASON_PROVIDER_UNREACHABLE ||
                   fault.reason == TA_REASON_USERINFO_MALFORMED);
        return;
    }
    FUZZ_HOLDS(response.status == 200 && (claims == NULL) != (jwt == NULL));
    if (claims) {
        check_identity(p, id_token, claims);
    }
}
