/*
 * What kind of request this is: somebody going to a page, or something else.
 */
#include "flow/request.h"

#include <string.h>

#include "util/preference.h"

int ta_request_is_get(const ta_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

/* The weight of the better of two media types. */
static int better(const char *accept, const char *one, const char *other)
{
    int weight = ta_preference_weight(accept, one);
    int other_weight = ta_preference_weight(accept, other);

    return weight > other_weight ? weight : other_weight;
}

int ta_request_accepts_html(const ta_request *request)
{
    int html = better(request->accept, "text/html", "application/xhtml+xml");

    return html && html >= better(request->accept, "application/problem+json", "application/json");
}

int ta_request_is_navigation(const ta_request *request)
{
    if (!ta_request_is_get(request) || request->requested_with || request->upgrade ||
        (request->purpose && strstr(request->purpose, "prefetch"))) {
        return 0;
    }
    if (request->fetch_mode || request->fetch_dest) {
        return request->fetch_mode && strcmp(request->fetch_mode, "navigate") == 0 &&
               request->fetch_dest && strcmp(request->fetch_dest, "document") == 0;
    }
    /* plain http has no Sec-Fetch-* */
    return ta_request_accepts_html(request);
}
