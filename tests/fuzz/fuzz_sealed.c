/*
 * Sealed values. As they come they open under no key; and behind the seal, what an older or
 * newer version of ours may have written there is read with no more trust.
 */
#include "fuzz.h"

#include <string.h>

#include "flow/denied.h"
#include "flow/own_cookies.h"
#include "session/attempt.h"
#include "session/handover.h"
#include "util/cookie.h"

static const ta_seal_key key = {{1, 2, 3}};

static void try_attempt(apr_pool_t *p, ta_bytes plain)
{
    const char *sealed = ta_seal_text(p, &key, TA_SEAL_ATTEMPT, WORLD_APP, plain);
    ta_attempt_values values;
    ta_attempt attempt;

    if (ta_attempt_open(p, &key, WORLD_APP, sealed, WORLD_NOW, &attempt) == APR_SUCCESS) {
        FUZZ_HOLDS(ta_attempt_derive(p, &attempt, &values) == APR_SUCCESS);
        FUZZ_HOLDS(strlen(attempt.return_to) + strlen(attempt.provider_id) +
                       strlen(attempt.asker_origin) + strlen(attempt.asker_state) <
                   plain.len);
    }
}

static void try_handover(apr_pool_t *p, ta_bytes plain)
{
    const char *sealed = ta_seal_text(p, &key, TA_SEAL_HANDOVER, "", plain);
    ta_handover handover;
    ta_ticket ticket;

    if (ta_handover_open(p, &key, sealed, WORLD_NOW, &handover) == APR_SUCCESS) {
        FUZZ_HOLDS(strlen(handover.origin) + strlen(handover.return_to) < plain.len);
    }
    FUZZ_HOLDS(ta_ticket_open(p, &key, sealed, WORLD_NOW, &ticket) == APR_EINVAL);
    sealed = ta_seal_text(p, &key, TA_SEAL_TICKET, "", plain);
    if (ta_ticket_open(p, &key, sealed, WORLD_NOW, &ticket) == APR_SUCCESS) {
        FUZZ_HOLDS(strlen(ticket.origin) + strlen(ticket.state) < plain.len);
    }
}

/* What the unauthorized page says, and the rounds, which the flow opens by itself. */
static void try_flow(apr_pool_t *p, ta_bytes plain)
{
    ta_site site = {.path = "/tinyauth", .title = "Tinyauth", .key = key};
    ta_request request = {
        .method = "GET",
        .scheme = "https",
        .host = "app.example.com",
        .origin = WORLD_APP,
        .server_origin = WORLD_APP,
        .target = "/tinyauth/unauthorized",
        .path = "/tinyauth/unauthorized",
        .accept = "text/html",
        .id = "-",
    };
    ta_env env = {.pool = p, .site = &site, .request = &request, .now = WORLD_NOW};
    ta_form_field field = {.name = "d"};
    ta_form form = {.fields = apr_array_make(p, 1, sizeof(field))};
    ta_cookie cookie = {.name = "__Host-tinyauth-rounds"};

    site.providers = apr_array_make(p, 1, sizeof(ta_provider *));
    field.value = ta_seal_text(p, &key, TA_SEAL_DENIAL, WORLD_APP, plain);
    cookie.value = ta_seal_text(p, &key, TA_SEAL_ROUNDS, WORLD_APP, plain);
    APR_ARRAY_PUSH(form.fields, ta_form_field) = field;
    request.query = &form;
    request.cookies = apr_array_make(p, 1, sizeof(cookie));
    APR_ARRAY_PUSH(request.cookies, ta_cookie) = cookie;
    FUZZ_HOLDS(ta_denied_show(&env)->status == 403);
    (void)ta_own_cookies_is_looping(&env, "/");
    ta_own_cookies_count_round(&env, ta_reply_make(&env, 302), "/", TA_ROUND_BEGUN);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_bytes whole = input, plain;

    for (int purpose = 0; purpose < TA_SEAL_PURPOSES; purpose++) {
        ta_bytes foreign = input;

        FUZZ_HOLDS(ta_seal_open_bytes(p, &key, (ta_seal_purpose)purpose, "", whole, &plain) ==
                   APR_EINVAL);
        FUZZ_HOLDS(ta_seal_open_text(p, &key, (ta_seal_purpose)purpose, "",
                                     fuzz_take_rest(p, &foreign), &plain) == APR_EINVAL);
    }
    if (input.len < 4096) {
        try_attempt(p, input);
        try_handover(p, input);
        try_flow(p, input);
    }
}
