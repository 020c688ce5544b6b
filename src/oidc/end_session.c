/*
 * How the browser is sent to the provider's end-session endpoint, and what goes along.
 */
#include "oidc/end_session.h"

#include <string.h>

#include "util/form.h"
#include "util/text.h"
#include "util/url.h"

#define URL_BYTES 8192

/* NULL where it grows too long. */
static const char *compose(apr_pool_t *p, const char *endpoint, const char *hint,
                           const ta_form_field *fields)
{
    const char *query;
    const char *url;
    ta_text text;

    ta_text_init(&text, p, URL_BYTES);
    ta_form_append(&text, "id_token_hint", hint);
    for (; fields->name != NULL; fields++) {
        ta_form_append(&text, fields->name, fields->value);
    }
    if (ta_text_finish(&text, &query) != APR_SUCCESS) {
        return NULL;
    }
    url = ta_url_add_query(p, endpoint, query);
    return strlen(url) <= URL_BYTES ? url : NULL;
}

const char *ta_end_session_url(apr_pool_t *p, const ta_provider *provider,
                               const ta_metadata *metadata, const char *id_token,
                               const char *return_to, const char *state)
{
    /* client_id although there is a hint: RP-Initiated Logout 2 allows both, and without a
     * hint it is what return_to is checked against */
    const ta_form_field fields[] = {
        {.name = "client_id", .value = provider->client_id},
        {.name = "post_logout_redirect_uri", .value = return_to},
        {.name = "state", .value = state},
        {.name = NULL},
    };
    const char *url;

    if (metadata->end_session_endpoint == NULL) {
        return NULL;
    }
    url = compose(p, metadata->end_session_endpoint, id_token, fields);
    if (url == NULL && id_token != NULL) {
        url = compose(p, metadata->end_session_endpoint, NULL, fields);
    }
    return url;
}
