/*
 * Whole requests of strangers to the pages of ours and to what is protected: they are
 * answered, nobody is let in, nothing is stored, and no redirect leads to a third place.
 *
 *     method
 *     path and query
 *     Cookie header
 *     Accept header
 *     form
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "util/url.h"

#define ELSEWHERE "https://login.example.org"

static void check_reply(apr_pool_t *p, const ta_reply *reply)
{
    const char *location = reply->location;
    ta_url *url;

    FUZZ_HOLDS(!location || fuzz_is_one_line(location));
    if (location && location[0] == '/') {
        FUZZ_HOLDS(location[1] != '/' && location[1] != '\\');
    } else if (location) {
        FUZZ_HOLDS(ta_url_parse(p, location, &url) == APR_SUCCESS);
        FUZZ_HOLDS(strcmp(url->origin, WORLD_ISSUER) == 0 || strcmp(url->origin, WORLD_APP) == 0 ||
                   strcmp(url->origin, ELSEWHERE) == 0);
    }
    FUZZ_HOLDS(!reply->body || !strstr(reply->body, "user="));
}

static void send_to(apr_pool_t *p, const char *app_origin, const visit *request, const char *cookie)
{
    void *state;
    browser *b;
    world *w;

    FUZZ_HOLDS(world_setup(&state) == 0);
    w = state;
    w->app->site.app_origin = app_origin;
    b = browser_make(w);
    b->extra_cookies = cookie;
    check_reply(p, browser_send(b, request));
    FUZZ_HOLDS(world_records(w) == 0);
    FUZZ_HOLDS(world_teardown(&state) == 0);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    visit request = {.method = fuzz_take_line(p, &input)};
    const char *target = fuzz_take_line(p, &input);
    const char *cookie = fuzz_take_line(p, &input);
    ta_url *url;

    request.accept = fuzz_take_line(p, &input);
    request.body = strcmp(request.method, "POST") == 0 ? fuzz_take_rest(p, &input) : NULL;
    request.url = apr_pstrcat(p, WORLD_APP, target, NULL);
    /* what httpd refuses itself never comes here */
    if (target[0] != '/' || ta_url_parse(p, request.url, &url) != APR_SUCCESS) {
        return;
    }
    send_to(p, NULL, &request, cookie);
    send_to(p, ELSEWHERE, &request, cookie);
}
