/*
 * Our pages with another look: an administrator's files in place of ours, pictures and style
 * sheets that the policy has to know, and other languages.
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static apr_pool_t *pool;

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

static const char *hash_of(const char *begin, const char *end)
{
    unsigned char digest[32];
    char encoded[45];

    assert_int_equal(EVP_Digest(begin, (size_t)(end - begin), digest, NULL, EVP_sha256(), NULL), 1);
    EVP_EncodeBlock((unsigned char *)encoded, digest, sizeof(digest));
    return apr_psprintf(pool, "sha256-%s", encoded);
}

/* Enough for every page; title is the only one that matters here. */
static ta_values *values_of(const char *title)
{
    ta_values *values = ta_values_make(pool);
    ta_values *item = ta_values_add_item(values, "providers");

    ta_values_set(values, "title", title);
    ta_values_set(values, "user", "alice");
    ta_values_set(values, "quoted", "no");
    ta_values_set(values, "contact", "somebody");
    ta_values_set(item, "name", "Pocket ID");
    ta_values_set_url(item, "url", "/login");
    ta_values_set_url(values, "retry_url", "/again");
    return values;
}

static apr_array_header_t *files_of(const char *name, const char *text)
{
    apr_array_header_t *files = apr_array_make(pool, 1, sizeof(ta_page_file));

    APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){name, text};
    return files;
}

/* The pages with this file, which have to be good. */
static const ta_page_set *pages_with(const char *name, const char *text)
{
    const char *error;
    const ta_page_set *pages = ta_page_make_set(pool, files_of(name, text), &error);

    assert_non_null(pages);
    return pages;
}

/* What is wrong with files, or NULL. */
static const char *fault_of(const apr_array_header_t *files)
{
    const char *error;

    return ta_page_make_set(pool, files, &error) ? NULL : error;
}

static void a_file_replaces_a_page_or_a_part_of_all(void **state)
{
    ta_look look = {.pages = pages_with("foot.html", "own foot\n")};
    const char *html;

    (void)state;
    assert_int_equal(ta_page_render(pool, &look, NULL, TA_PAGE_ERROR, values_of("alice"), &html),
                     APR_SUCCESS);
    assert_has(html, "own foot\n");
    assert_has_not(html, "</main>");
    look.pages = pages_with("error.html", "{{_(button) Try again }} {{title}}");
    assert_int_equal(ta_page_render(pool, &look, NULL, TA_PAGE_ERROR, values_of("<b>"), &html),
                     APR_SUCCESS);
    assert_string_equal(html, "Try again &lt;b&gt;");
    assert_int_equal(ta_page_render(pool, &look, NULL, TA_PAGE_LOGIN, values_of("alice"), &html),
                     APR_SUCCESS);
    assert_has(html, "</main>");
}

static void broken_files_are_named_with_their_line(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *error;
    } cases[] = {
        {"login.html", "a\n{{#if x}}\n", "login.html:3: a block is not closed: x"},
        {"body.html", "\n\n{{oops", "body.html:3: a tag is not closed"},
        {"mine.html", "{{> nowhere.html}}", "mine.html:1: there is no such template: nowhere.html"},
        {"style.css", "a {{b}}", "style.css:1: a style sheet has no tags, so no \"{{\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *error = fault_of(files_of(cases[i].name, cases[i].text));

        assert_non_null(error);
        assert_string_equal(error, cases[i].error);
    }
    assert_null(fault_of(files_of("login.html", "{{> head.html}}")));
}

/* Each file may be read by itself, and yet no page. */
static void files_that_only_fail_within_a_page_are_refused(void **state)
{
    apr_array_header_t *files = files_of("foot.html", "{{> a.html}}");
    const char *error;

    (void)state;
    APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){"a.html", "{{> b.html}}"};
    APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){"b.html", "{{> c.html}}"};
    APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){"c.html", "c"};
    assert_null(fault_of(files));
    APR_ARRAY_IDX(files, 3, ta_page_file).text = "{{> d.html}}";
    APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){"d.html", "d"};
    error = fault_of(files);
    assert_non_null(error);
    assert_string_equal(error, "c.html:1: templates are included too deeply: d.html");
}

static void the_policy_knows_what_the_look_has(void **state)
{
    ta_asset asset = {.name = "x"};
    const ta_look pictures[] = {{.logo = &asset}, {.background = &asset}, {.has_icons = 1}};
    const ta_look style = {.stylesheet = &asset};
    const ta_look own = {.pages = pages_with("style.css", "p { color: red }\n")};
    const char *error;
    const ta_look once = {.pages = ta_page_make_set(pool, NULL, &error)};

    (void)state;
    for (size_t i = 0; i < COUNT(pictures); i++) {
        assert_has(ta_page_policy(pool, &pictures[i], NULL), "; img-src 'self'; form-action");
    }
    assert_has(ta_page_policy(pool, &style, NULL), "=' 'self'; form-action");
    assert_has_not(ta_page_policy(pool, &style, NULL), "img-src");
    assert_has(ta_page_policy(pool, &own, NULL),
               hash_of("p { color: red }\n", "p { color: red }\n" + 17));
    assert_string_equal(ta_page_policy(pool, &once, NULL), ta_page_policy(pool, NULL, NULL));
}

/* Where the language is written from right to left, values are kept apart from it. */
static int count_tags(const char *html, const char *bracket)
{
    return occurrences(html, bracket) - occurrences(html, "<bdi") - occurrences(html, "</bdi");
}

static void every_page_is_whole_in_every_language(void **state)
{
    (void)state;
    for (apr_size_t i = 0; ta_language_at(i); i++) {
        const ta_language *language = ta_language_at(i);

        for (int page = 0; page < TA_PAGE_COUNT; page++) {
            const char *english = NULL;
            const char *html = NULL;

            assert_int_equal(
                ta_page_render(pool, NULL, NULL, (ta_page_id)page, values_of("alice"), &english),
                APR_SUCCESS);
            assert_int_equal(
                ta_page_render(pool, NULL, language, (ta_page_id)page, values_of("alice"), &html),
                APR_SUCCESS);
            assert_string_not_equal(html, english);
            assert_int_equal(count_tags(html, "<"), count_tags(english, "<"));
            assert_int_equal(count_tags(html, ">"), count_tags(english, ">"));
            assert_has_not(html, "\357\277\275");
        }
    }
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
        cmocka_unit_test(a_file_replaces_a_page_or_a_part_of_all),
        cmocka_unit_test(broken_files_are_named_with_their_line),
        cmocka_unit_test(files_that_only_fail_within_a_page_are_refused),
        cmocka_unit_test(the_policy_knows_what_the_look_has),
        cmocka_unit_test(every_page_is_whole_in_every_language),
    };

    return cmocka_run_group_tests(tests, start, end);
}
