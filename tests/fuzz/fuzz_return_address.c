/*
 * Return addresses. What is called safe is a path of this host, or lies under the cookie
 * domain, whatever was written.
 */
#include "fuzz.h"

#include <string.h>

#include "flow/return_address.h"
#include "util/url.h"

static void check(apr_pool_t *p, const char *domain, const char *address)
{
    const ta_site site = {
        .providers = apr_array_make(p, 1, sizeof(ta_provider *)),
        .path = "/tinyauth",
        .cookie_domain = domain,
    };
    const ta_request request = {
        .method = "GET",
        .scheme = "https",
        .host = "app.example.com",
        .origin = WORLD_APP,
        .server_origin = WORLD_APP,
        .target = address,
    };
    const ta_env env = {.pool = p, .site = &site, .request = &request, .now = WORLD_NOW};
    const char *safe = ta_return_address_check(&env, address);
    ta_url *url;

    FUZZ_HOLDS(ta_return_address_or_root(&env, address)[0] != '\0');
    FUZZ_HOLDS(ta_return_address_of_request(&env)[0] == '/' || domain || !safe || *safe == '/');
    if (!safe) {
        return;
    }
    FUZZ_HOLDS(fuzz_is_one_line(safe) && !strpbrk(safe, "\\ #") && strlen(safe) < 2048);
    if (*safe == '/') {
        FUZZ_HOLDS(safe[1] != '/');
    } else {
        FUZZ_HOLDS(domain && ta_url_parse(p, safe, &url) == APR_SUCCESS);
        FUZZ_HOLDS(strcmp(url->scheme, "https") == 0);
        FUZZ_HOLDS(ta_site_domain_covers(domain, url->host));
    }
    /* what is safe stays safe, and stays what it is */
    FUZZ_HOLDS(strcmp(ta_return_address_check(&env, safe), safe) == 0);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *address = fuzz_take_rest(p, &input);

    check(p, NULL, address);
    check(p, "example.com", address);
}
