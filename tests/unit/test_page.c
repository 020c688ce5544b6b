/*
 * Our pages: they say what they have to say, offer a way on, stay small, and whatever a value
 * holds, it neither becomes markup nor loosens the policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/evp.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "page/page.h"
#include "page/page_source.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define POLICY_END   "; frame-ancestors 'none'; base-uri 'none'"

static apr_pool_t *pool;

/* Everything that page.h lists, each with a harmless value. */
static const struct field {
    const char *name;
    const char *list; /* whose item it belongs to, or NULL */
    int is_url;
    unsigned pages; /* bits of ta_page_id: where it must be seen */
} fields[] = {
#define ON(page) (1U << (page))
    {.name = "title", .pages = (1U << TA_PAGE_COUNT) - 1},
    {.name = "language", .pages = (1U << TA_PAGE_COUNT) - 1},
    {.name = "direction", .pages = (1U << TA_PAGE_COUNT) - 1},
    {.name = "logo_url", .is_url = 1, .pages = (1U << TA_PAGE_COUNT) - 1},
    {.name = "background_url", .is_url = 1, .pages = (1U << TA_PAGE_COUNT) - 1},
    {.name = "stylesheet_url", .is_url = 1, .pages = (1U << TA_PAGE_COUNT) - 1},
    {.name = "name", .list = "providers", .pages = ON(TA_PAGE_LOGIN)},
    {.name = "url", .list = "providers", .is_url = 1, .pages = ON(TA_PAGE_LOGIN)},
    {.name = "icon_url", .list = "providers", .is_url = 1, .pages = ON(TA_PAGE_LOGIN)},
    {.name = "name", .list = "groups", .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "user", .pages = ON(TA_PAGE_LOGOUT) | ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "name", .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "email", .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "resource", .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "reason", .pages = ON(TA_PAGE_LOGIN) | ON(TA_PAGE_UNAUTHORIZED) | ON(TA_PAGE_ERROR)},
    {.name = "reason_title", .pages = ON(TA_PAGE_UNAUTHORIZED) | ON(TA_PAGE_ERROR)},
    {.name = "reason_advice", .pages = ON(TA_PAGE_UNAUTHORIZED) | ON(TA_PAGE_ERROR)},
    {.name = "contact", .pages = ON(TA_PAGE_LOGIN) | ON(TA_PAGE_UNAUTHORIZED) | ON(TA_PAGE_ERROR)},
    {.name = "contact_url",
     .is_url = 1,
     .pages = ON(TA_PAGE_LOGIN) | ON(TA_PAGE_UNAUTHORIZED) | ON(TA_PAGE_ERROR)},
    {.name = "request_id", .pages = ON(TA_PAGE_UNAUTHORIZED) | ON(TA_PAGE_ERROR)},
    {.name = "quoted", .pages = ON(TA_PAGE_ERROR)},
    {.name = "token", .pages = ON(TA_PAGE_LOGOUT) | ON(TA_PAGE_SESSIONS)},
    {.name = "action", .is_url = 1, .pages = ON(TA_PAGE_LOGOUT) | ON(TA_PAGE_SESSIONS)},
    {.name = "query", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "total", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "first_url", .is_url = 1, .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "next_url", .is_url = 1, .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "handle", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "user", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "name", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "email", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "provider", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "address", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "browser", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "created", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "last_used", .list = "sessions", .pages = ON(TA_PAGE_SESSIONS)},
    {.name = "cancel_url", .is_url = 1, .pages = ON(TA_PAGE_LOGOUT)},
    {.name = "home_url", .is_url = 1, .pages = ON(TA_PAGE_SIGNED_OUT) | ON(TA_PAGE_ERROR)},
    {.name = "switch_url", .is_url = 1, .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "back_url", .is_url = 1, .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "logout_url", .is_url = 1, .pages = ON(TA_PAGE_UNAUTHORIZED)},
    {.name = "retry_url", .is_url = 1, .pages = ON(TA_PAGE_ERROR)},
    {.name = "signin_url", .is_url = 1, .pages = ON(TA_PAGE_ERROR)},
#undef ON
};

/* Values for all fields: hostile in the field with that number, harmless in all others. */
static ta_values *fill(size_t number, const char *hostile)
{
    ta_values *values = ta_values_make(pool);

    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct field *field = &fields[i];
        ta_values *target = values;
        const char *text = apr_psprintf(pool, "/value%d.", (int)i);

        if (field->list) {
            target = ta_values_add_item(values, field->list);
            ta_values_set_url(target, "url", "/other");
        }
        text = i == number ? apr_pstrcat(pool, field->is_url ? "/" : "", hostile, NULL) : text;
        (field->is_url ? ta_values_set_url : ta_values_set)(target, field->name, text);
    }
    return values;
}

static const char *render(ta_page_id page, const ta_values *values)
{
    const char *html = NULL;

    assert_int_equal(ta_page_render(pool, NULL, NULL, page, values, &html), APR_SUCCESS);
    assert_non_null(html);
    return html;
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
        count++;
    }
    return count;
}

static void assert_has(const char *html, const char *part)
{
    if (!strstr(html, part)) {
        fail_msg("\"%s\" is not in: %s", part, html);
    }
}

static void assert_has_not(const char *html, const char *part)
{
    if (strstr(html, part)) {
        fail_msg("\"%s\" is in: %s", part, html);
    }
}

/* --- what every page is ----------------------------------------------------------------- */

static void every_page_is_whole_even_without_values(void **state)
{
    static const char *const once[] = {"<html lang=\"",
                                       "<meta charset=\"utf-8\">",
                                       "<meta name=\"viewport\"",
                                       "<meta name=\"robots\" content=\"noindex\">",
                                       "<title>",
                                       "<style>",
                                       "<main>",
                                       "</main>",
                                       "<h1>",
                                       "</body>\n</html>\n"};

    (void)state;
    for (int page = 0; page < TA_PAGE_COUNT; page++) {
        const ta_values *values[] = {ta_values_make(pool), fill(COUNT(fields), "")};

        for (size_t i = 0; i < COUNT(values); i++) {
            const char *html = render((ta_page_id)page, values[i]);

            assert_int_equal(strncmp(html, "<!DOCTYPE html>\n", 16), 0);
            for (size_t j = 0; j < COUNT(once); j++) {
                assert_int_equal(occurrences(html, once[j]), 1);
            }
            assert_has_not(html, "{{");
            assert_has_not(html, "}}");
            assert_has_not(html, "<script");
            assert_has_not(html, " style=");
            assert_int_equal(occurrences(html, " src="), i ? (page == TA_PAGE_LOGIN) + 2 : 0);
            assert_has_not(html, "\n\n<");
            assert_has_not(html, " \n");
        }
    }
}

static void every_value_is_seen_where_it_belongs(void **state)
{
    (void)state;
    for (int page = 0; page < TA_PAGE_COUNT; page++) {
        const char *html = render((ta_page_id)page, fill(COUNT(fields), ""));

        for (size_t i = 0; i < COUNT(fields); i++) {
            if (fields[i].pages & 1U << page) {
                assert_has(html, apr_psprintf(pool, "/value%d.", (int)i));
            }
        }
    }
}

static void pages_read_once_are_the_same(void **state)
{
    const char *error;
    const ta_look look = {.pages = ta_page_make_set(pool, NULL, &error)};

    (void)state;
    assert_non_null(look.pages);
    assert_false(look.pages->has_files);
    for (int i = 0; i < 2 * TA_PAGE_COUNT; i++) {
        const ta_page_id page = (ta_page_id)(i % TA_PAGE_COUNT);
        const ta_values *values = fill(COUNT(fields), "");
        const char *html;

        assert_int_equal(ta_page_render(pool, &look, NULL, page, values, &html), APR_SUCCESS);
        assert_string_equal(html, render(page, values));
    }
}

static void there_are_no_other_pages(void **state)
{
    const char *html;

    (void)state;
    assert_int_equal(ta_page_render(pool, NULL, NULL, TA_PAGE_COUNT, ta_values_make(pool), &html),
                     APR_EINVAL);
    assert_null(ta_page_source_find("nothing.html"));
    assert_null(ta_page_source_find(""));
}

static void a_page_does_not_grow_without_limit(void **state)
{
    ta_values *values = ta_values_make(pool);
    char *text = apr_palloc(pool, 65537);
    const char *html;

    (void)state;
    memset(text, 'x', 65536);
    text[65536] = '\0';
    ta_values_set(values, "quoted", text);
    assert_int_equal(ta_page_render(pool, NULL, NULL, TA_PAGE_ERROR, values, &html), APR_ENOSPC);
    text[32768] = '\0';
    assert_int_equal(ta_page_render(pool, NULL, NULL, TA_PAGE_ERROR, values, &html), APR_SUCCESS);
}

/* --- what values may not do ------------------------------------------------------------- */

/* However a value looks, the page has the same tags, attributes and references as with a
 * harmless one, and nothing that is invisible. */
static void a_value_in_any_field_stays_text(void **state)
{
    static const char *const hostile[] = {
        "<script>alert(1)</script>",
        "</title></style><img src=x onerror=alert(1)>",
        "\" autofocus onfocus=\"alert(1)",
        "' onclick='alert(1)",
        "<!--",
        "a\001b\r\033[2Jb\302\205c",
        "\342\200\256evil\342\200\217\342\201\247\330\234",
        "\300\274b\377",
    };
    static const char *const structure[] = {"<", ">", "\"", "'"};
    static const char *const unseen[] = {"\001",         "\r",           "\033",         "\302\205",
                                         "\342\200\256", "\342\200\217", "\342\201\247", "\330\234",
                                         "\300",         "\377"};

    (void)state;
    for (int page = 0; page < TA_PAGE_COUNT; page++) {
        for (size_t i = 0; i < COUNT(fields) * COUNT(hostile); i++) {
            const char *text = hostile[i % COUNT(hostile)];
            size_t field = i / COUNT(hostile);
            /* an address with blanks or controls is dropped, and its link with it */
            int is_dropped = fields[field].is_url && strpbrk(text, " \001");
            const char *calm = render((ta_page_id)page, fill(field, is_dropped ? "\001" : "calm"));
            const char *html = render((ta_page_id)page, fill(field, text));

            assert_has_not(html, text);
            for (size_t j = 0; j < COUNT(structure); j++) {
                assert_int_equal(occurrences(html, structure[j]), occurrences(calm, structure[j]));
            }
            for (size_t j = 0; j < COUNT(unseen); j++) {
                assert_has_not(html, unseen[j]);
            }
        }
    }
}

static void no_script_address_becomes_a_link(void **state)
{
    static const char *const urls[] = {"javascript:alert(1)", "//evil.example/", "/\\evil.example/",
                                       "data:text/html,x"};

    (void)state;
    for (size_t i = 0; i < COUNT(urls); i++) {
        for (int page = 0; page < TA_PAGE_COUNT; page++) {
            ta_values *values = ta_values_make(pool);

            ta_values_set_url(ta_values_add_item(values, "providers"), "url", urls[i]);
            for (size_t j = 0; j < COUNT(fields); j++) {
                if (fields[j].is_url && !fields[j].list) {
                    ta_values_set_url(values, fields[j].name, urls[i]);
                }
            }
            assert_has_not(render((ta_page_id)page, values), "href=");
            assert_has_not(render((ta_page_id)page, values), "action=");
        }
    }
}

/* --- the policy ------------------------------------------------------------------------- */

static const char *hash_of(const char *begin, const char *end)
{
    unsigned char digest[32];
    char encoded[45];

    assert_int_equal(EVP_Digest(begin, (size_t)(end - begin), digest, NULL, EVP_sha256(), NULL), 1);
    EVP_EncodeBlock((unsigned char *)encoded, digest, sizeof(digest));
    return apr_psprintf(pool, "sha256-%s", encoded);
}

static void the_policy_allows_the_style_of_every_page_and_nothing_else(void **state)
{
    (void)state;
    for (int page = 0; page < TA_PAGE_COUNT; page++) {
        const char *html = render((ta_page_id)page, fill(COUNT(fields), ""));
        const char *begin = strstr(html, "<style>") + strlen("<style>");
        const char *end = strstr(begin, "</style>");
        const char *hash = hash_of(begin, end);

        assert_true(end - begin > 500);
        assert_string_equal(
            ta_page_policy(pool, NULL, NULL),
            apr_psprintf(pool, "default-src 'none'; style-src '%s'; form-action 'self'" POLICY_END,
                         hash));
    }
}

static void forms_may_lead_to_one_other_origin(void **state)
{
    static const char *const origins[] = {"https://id.example.com", "http://127.0.0.1:3000",
                                          "https://[::1]:8443"};

    (void)state;
    for (size_t i = 0; i < COUNT(origins); i++) {
        assert_has(ta_page_policy(pool, NULL, origins[i]),
                   apr_psprintf(pool, "; form-action 'self' %s" POLICY_END, origins[i]));
    }
}

static void what_is_no_origin_does_not_get_into_the_policy(void **state)
{
    static const char *const origins[] = {
        "",
        "*",
        "https:",
        "https://",
        "http://",
        "'unsafe-inline'",
        "https://a.example *",
        "https://a.example; script-src *",
        "https://a.example,default-src *",
        "https://a.example\r\nX-Evil: 1",
        "https://*.example",
        "https://a.example;x",
        "https://a.example x",
        "data://x",
        "://x",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(origins); i++) {
        assert_string_equal(ta_page_policy(pool, NULL, origins[i]),
                            ta_page_policy(pool, NULL, NULL));
    }
}

/* --- the pages one by one --------------------------------------------------------------- */

static void the_login_page_has_a_link_per_provider_and_is_small(void **state)
{
    ta_values *values = ta_values_make(pool);
    ta_values *item = ta_values_add_item(values, "providers");
    const char *html;

    (void)state;
    ta_values_set(values, "title", "My Site");
    ta_values_set(item, "name", "Pocket ID");
    ta_values_set_url(item, "url", "/tinyauth/login?provider=pocketid&to=%2F");
    item = ta_values_add_item(values, "providers");
    ta_values_set(item, "name", "Other");
    ta_values_set_url(item, "url", "/tinyauth/login?provider=other");
    html = render(TA_PAGE_LOGIN, values);
    assert_has(html, "<title>Log in \302\267 My Site</title>");
    assert_has(html, "<h1>Log in</h1>");
    assert_has(html, "<bdi>My Site</bdi>");
    assert_has(html,
               "<a class=\"button provider\" href=\"/tinyauth/login?provider=pocketid&amp;to=%2F\">"
               "Log in with Pocket ID\n<svg class=\"icon\"");
    assert_has(html,
               "href=\"/tinyauth/login?provider=other\">Log in with Other\n<svg class=\"icon\"");
    assert_true(strlen(html) < 10240);
}

static void a_button_has_the_icon_of_its_provider(void **state)
{
    ta_values *values = ta_values_make(pool);
    ta_values *item = ta_values_add_item(values, "providers");
    const char *key, *pocket, *own;

    (void)state;
    ta_values_set_url(item, "url", "/x");
    key = render(TA_PAGE_LOGIN, values);
    ta_values_set(item, "is_pocket", "yes");
    pocket = render(TA_PAGE_LOGIN, values);
    ta_values_set_url(item, "icon_url", "/tinyauth/assets/icon-0.png");
    own = render(TA_PAGE_LOGIN, values);
    assert_has(key, ta_page_source_find("icon_key.html"));
    assert_has(pocket, ta_page_source_find("icon_pocket.html"));
    assert_has_not(pocket, ta_page_source_find("icon_key.html"));
    assert_has(own, "<img class=\"icon\" src=\"/tinyauth/assets/icon-0.png\" alt=\"\"");
    assert_has_not(own, "<svg class=\"icon\"");
}

static void the_login_page_without_providers_says_so(void **state)
{
    (void)state;
    assert_has(render(TA_PAGE_LOGIN, ta_values_make(pool)), "There is no way to log in here");
}

static void logging_out_is_a_form_with_a_token(void **state)
{
    ta_values *values = ta_values_make(pool);
    const char *html;

    (void)state;
    ta_values_set(values, "user", "alice");
    ta_values_set(values, "token", "t0ken");
    ta_values_set_url(values, "action", "/tinyauth/logout");
    ta_values_set_url(values, "cancel_url", "/");
    html = render(TA_PAGE_LOGOUT, values);
    assert_has(html, "<h1>Log out?</h1>");
    assert_has(html, "You are logged in as alice.");
    assert_has(html, "<form method=\"post\" action=\"/tinyauth/logout\">\n"
                     "<input type=\"hidden\" name=\"token\" value=\"t0ken\">\n"
                     "<button class=\"button\" type=\"submit\">Log out</button>\n</form>");
    assert_has(html, "href=\"/\">Cancel</a>");
}

static void the_unauthorized_page_says_who_what_and_why_and_offers_ways_on(void **state)
{
    const char *html = render(TA_PAGE_UNAUTHORIZED, fill(COUNT(fields), ""));

    (void)state;
    assert_has(html, "<h1>You are not allowed in here</h1>");
    assert_has(html, ">Log in as somebody else</a>");
    assert_has(html, ">Go back</a>");
}

static void the_error_page_quotes_and_offers_ways_on(void **state)
{
    const char *html = render(TA_PAGE_ERROR, fill(COUNT(fields), ""));

    (void)state;
    assert_has(html, "<p>The login provider said:</p>\n<blockquote dir=\"auto\">");
    assert_has(html, ">Log in</a>");
    assert_has(html, ">Try again</a>");
    assert_has(html, ">Back to the site</a>");
    assert_has_not(render(TA_PAGE_ERROR, ta_values_make(pool)), "said:");
}

static int start(void **state)
{
    (void)state;
    return apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int end(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_whole_even_without_values),
        cmocka_unit_test(every_value_is_seen_where_it_belongs),
        cmocka_unit_test(pages_read_once_are_the_same),
        cmocka_unit_test(there_are_no_other_pages),
        cmocka_unit_test(a_page_does_not_grow_without_limit),
        cmocka_unit_test(a_value_in_any_field_stays_text),
        cmocka_unit_test(no_script_address_becomes_a_link),
        cmocka_unit_test(the_policy_allows_the_style_of_every_page_and_nothing_else),
        cmocka_unit_test(forms_may_lead_to_one_other_origin),
        cmocka_unit_test(what_is_no_origin_does_not_get_into_the_policy),
        cmocka_unit_test(the_login_page_has_a_link_per_provider_and_is_small),
        cmocka_unit_test(a_button_has_the_icon_of_its_provider),
        cmocka_unit_test(the_login_page_without_providers_says_so),
        cmocka_unit_test(logging_out_is_a_form_with_a_token),
        cmocka_unit_test(the_unauthorized_page_says_who_what_and_why_and_offers_ways_on),
        cmocka_unit_test(the_error_page_quotes_and_offers_ways_on),
    };

    return cmocka_run_group_tests(tests, start, end);
}
