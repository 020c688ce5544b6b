/*
 * URLs: what is taken apart has an origin that stays the same when it is read again.
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "util/url.h"

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *text = fuzz_take_rest(p, &input);
    ta_url *url, *again;

    (void)ta_url_origin(p, "https", text, 443);
    FUZZ_HOLDS(fuzz_is_one_line(ta_url_encode(p, text)));
    if (ta_url_parse(p, text, &url) != APR_SUCCESS) {
        return;
    }
    FUZZ_HOLDS(fuzz_is_one_line(text) && !strpbrk(text, "\\ #"));
    FUZZ_HOLDS(url->path[0] == '/' && *url->host && !strpbrk(url->host, "@/?#"));
    FUZZ_HOLDS(ta_url_parse(p, url->origin, &again) == APR_SUCCESS);
    FUZZ_HOLDS(strcmp(again->origin, url->origin) == 0 && again->port == url->port);
    FUZZ_HOLDS(strcmp(url->origin, ta_url_origin(p, url->scheme, url->host, url->port)) == 0);
}
