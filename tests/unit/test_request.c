/*
 * Which requests are somebody going to a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow/request.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HTML         "text/html,application/xhtml+xml,*/*;q=0.8"

typedef struct request_case {
    const char *what;
    int navigation;
    int html;
    ta_request request;
} request_case;

static const request_case cases[] = {
    {"a person over plain http", 1, 1, {.method = "GET", .accept = HTML}},
    {"HEAD of a person", 1, 1, {.method = "HEAD", .accept = HTML}},
    {"HTML in capitals", 1, 1, {.method = "GET", .accept = "TEXT/HTML"}},
    {"XHTML alone", 1, 1, {.method = "GET", .accept = "application/xhtml+xml"}},
    {"HTML behind others", 1, 1, {.method = "GET", .accept = "image/png, text/html"}},
    {"a form", 0, 1, {.method = "POST", .accept = HTML}},
    {"lower case is another method", 0, 1, {.method = "get", .accept = HTML}},
    {"OPTIONS", 0, 1, {.method = "OPTIONS", .accept = HTML}},
    {"PROPFIND", 0, 1, {.method = "PROPFIND", .accept = HTML}},
    {"no Accept", 0, 0, {.method = "GET"}},
    {"empty Accept", 0, 0, {.method = "GET", .accept = ""}},
    {"curl", 0, 0, {.method = "GET", .accept = "*/*"}},
    {"an image", 0, 0, {.method = "GET", .accept = "image/avif,image/webp,*/*;q=0.8"}},
    {"JSON", 0, 0, {.method = "GET", .accept = "application/json"}},
    {"JSON rather than HTML",
     0,
     0,
     {.method = "GET", .accept = "text/html;q=0.5, application/problem+json"}},
    {"HTML rather than JSON",
     1,
     1,
     {.method = "GET", .accept = "application/json;q=0.9, text/html"}},
    {"both alike", 1, 1, {.method = "GET", .accept = "application/json, text/html"}},
    {"everything but HTML", 0, 0, {.method = "GET", .accept = "text/html;q=0, */*"}},
    {"half of it", 0, 0, {.method = "GET", .accept = "text/htm"}},
    {"XMLHttpRequest", 0, 1, {.method = "GET", .accept = HTML, .requested_with = "XMLHttpRequest"}},
    {"any X-Requested-With", 0, 1, {.method = "GET", .accept = HTML, .requested_with = ""}},
    {"a socket", 0, 1, {.method = "GET", .accept = HTML, .upgrade = "websocket"}},
    {"prefetch", 0, 1, {.method = "GET", .accept = HTML, .purpose = "prefetch"}},
    {"prerender", 0, 1, {.method = "GET", .accept = HTML, .purpose = "prefetch;prerender"}},
    {"another purpose", 1, 1, {.method = "GET", .accept = HTML, .purpose = "x"}},
    {"a page by Sec-Fetch",
     1,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "navigate", .fetch_dest = "document"}},
    {"Sec-Fetch knows better than Accept",
     1,
     0,
     {.method = "GET", .accept = "*/*", .fetch_mode = "navigate", .fetch_dest = "document"}},
    {"a frame",
     0,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "navigate", .fetch_dest = "iframe"}},
    {"an object",
     0,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "navigate", .fetch_dest = "object"}},
    {"fetch() that accepts HTML",
     0,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "cors", .fetch_dest = "empty"}},
    {"an image that accepts HTML",
     0,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "no-cors", .fetch_dest = "image"}},
    {"the mode alone", 0, 1, {.method = "GET", .accept = HTML, .fetch_mode = "navigate"}},
    {"the destination alone", 0, 1, {.method = "GET", .accept = HTML, .fetch_dest = "document"}},
    {"another mode of a document",
     0,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "same-origin", .fetch_dest = "document"}},
    {"words that only begin so",
     0,
     1,
     {.method = "GET", .accept = HTML, .fetch_mode = "navigate2", .fetch_dest = "document"}},
    {"a form by Sec-Fetch",
     0,
     1,
     {.method = "POST", .accept = HTML, .fetch_mode = "navigate", .fetch_dest = "document"}},
    {"prefetch by Sec-Fetch",
     0,
     1,
     {.method = "GET",
      .accept = HTML,
      .fetch_mode = "navigate",
      .fetch_dest = "document",
      .purpose = "prefetch"}},
};

static void test_only_people_who_go_to_a_page_navigate(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (ta_request_is_navigation(&cases[i].request) != cases[i].navigation) {
            fail_msg("%s: %s", cases[i].what, cases[i].navigation ? "is none" : "is one");
        }
    }
}

static void test_pages_are_for_those_who_accept_html(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (ta_request_accepts_html(&cases[i].request) != cases[i].html) {
            fail_msg("%s", cases[i].what);
        }
    }
}

static void test_get_and_head_are_get(void **state)
{
    (void)state;
    assert_true(ta_request_is_get(&(ta_request){.method = "GET"}));
    assert_true(ta_request_is_get(&(ta_request){.method = "HEAD"}));
    assert_false(ta_request_is_get(&(ta_request){.method = "POST"}));
    assert_false(ta_request_is_get(&(ta_request){.method = "GETS"}));
    assert_false(ta_request_is_get(&(ta_request){.method = ""}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_people_who_go_to_a_page_navigate),
        cmocka_unit_test(test_pages_are_for_those_who_accept_html),
        cmocka_unit_test(test_get_and_head_are_get),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
