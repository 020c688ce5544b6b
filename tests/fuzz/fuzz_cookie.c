/*
 * The Cookie header. Whatever it is, nothing of ours stays in what the application gets, and
 * nobody else's cookie is called ours.
 */
#include "fuzz.h"

#include <string.h>
#include <strings.h>

#include "util/cookie.h"

#define PREFIX "tinyauth"

static int is_ours(const char *name)
{
    name += strncasecmp(name, "__Host-", 7) == 0     ? 7
            : strncasecmp(name, "__Secure-", 9) == 0 ? 9
                                                     : 0;
    return strncasecmp(name, PREFIX, strlen(PREFIX)) == 0;
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *header = fuzz_take_rest(p, &input);
    apr_array_header_t *ours = apr_array_make(p, 4, sizeof(ta_cookie));
    apr_array_header_t *again = apr_array_make(p, 4, sizeof(ta_cookie));
    const char *rest, *rest_again;
    int found = ta_cookie_split(p, header, PREFIX, ours, &rest);

    FUZZ_HOLDS(found >= ours->nelts && ours->nelts <= TA_COOKIE_OURS);
    for (int i = 0; i < ours->nelts; i++) {
        const ta_cookie *cookie = &APR_ARRAY_IDX(ours, i, ta_cookie);

        FUZZ_HOLDS(is_ours(cookie->name) && !strpbrk(cookie->name, "=;"));
        FUZZ_HOLDS(strlen(cookie->value) <= TA_COOKIE_VALUE_LEN && !strchr(cookie->value, ';'));
    }
    FUZZ_HOLDS(!rest || (*rest && strlen(rest) <= strlen(header)));
    FUZZ_HOLDS(found || strlen(rest ? rest : "") <= strlen(header));
    if (rest) {
        FUZZ_HOLDS(ta_cookie_split(p, rest, PREFIX, again, &rest_again) == 0);
        FUZZ_HOLDS(rest_again && strcmp(rest_again, rest) == 0);
    }
}
