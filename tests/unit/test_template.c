/*
 * The template engine: that it does what templates ask, that no value gets out of it raw, and
 * that a wrong template is refused with the line where it is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "page/template.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BAD          "\357\277\275" /* U+FFFD */

static apr_pool_t *pool;

static const struct included {
    const char *name;
    const char *source;
} included[] = {
    {.name = "greeting", .source = "Hello {{name}}"},
    {.name = "lines", .source = "a\n{{#if name}}\nb\n{{/if}}\n"},
    {.name = "two", .source = "<{{> greeting}}>"},
    {.name = "three", .source = "<{{> two}}>"},
    {.name = "four", .source = "<{{> three}}>"},
    {.name = "five", .source = "<{{> four}}>"},
    {.name = "itself", .source = "{{> itself}}"},
    {.name = "wrong", .source = "\n\n {{#nothing x}}"},
    {.name = "half", .source = "{{#if name}}"},
    {.name = "closing", .source = "{{/if}}"},
};

static const char *find_included(const void *context, const char *name)
{
    (void)context;
    for (size_t i = 0; i < COUNT(included); i++) {
        if (strcmp(included[i].name, name) == 0) {
            return included[i].source;
        }
    }
    return NULL;
}

static const ta_template_library library = {.find = find_included};

static const char *render_in(const char *language, const char *source, const ta_values *values)
{
    const ta_language *words;
    ta_template *template;
    const char *error = "";
    const char *result = NULL;
    ta_text out;

    if (ta_template_parse(pool, "test", source, &library, &template, &error)) {
        fail_msg("%s", error);
    }
    assert_true(ta_language_find(language, strlen(language), &words));
    ta_text_init(&out, pool, 10000);
    ta_template_render(template, values, words, &out);
    assert_int_equal(ta_text_finish(&out, &result), APR_SUCCESS);
    return result;
}

static const char *render(const char *source, const ta_values *values)
{
    return render_in("en", source, values);
}

/* The text lies in memory of exactly its size, so that reading past its end is noticed. */
static const char *escape(const char *text)
{
    char *copy = strdup(text);
    const char *result = NULL;
    ta_text out;

    ta_text_init(&out, pool, 10000);
    ta_template_escape(&out, copy);
    free(copy);
    assert_int_equal(ta_text_finish(&out, &result), APR_SUCCESS);
    return result;
}

static ta_values *some_values(void)
{
    ta_values *values = ta_values_make(pool);
    ta_values *item;

    ta_values_set(values, "name", "Ann");
    ta_values_set(values, "empty", "");
    ta_values_set(values, "nothing", NULL);
    item = ta_values_add_item(values, "people");
    ta_values_set(item, "name", "Bob");
    item = ta_values_add_item(values, "people");
    ta_values_set(item, "first", "Cy");
    return values;
}

/* --- what templates can do -------------------------------------------------------------- */

static void templates_do_what_their_tags_say(void **state)
{
    static const struct {
        const char *source;
        const char *result;
    } cases[] = {
        {.source = "", .result = ""},
        {.source = "a } }} { b", .result = "a } }} { b"},
        {.source = "[{{name}}][{{empty}}][{{nothing}}][{{unset}}]", .result = "[Ann][][][]"},
        {.source = "{{#if name}}yes{{else}}no{{/if}}!", .result = "yes!"},
        {.source = "{{#if empty}}yes{{else}}no{{/if}}!", .result = "no!"},
        {.source = "{{#if nothing}}yes{{/if}}!", .result = "!"},
        {.source = "{{#if unset}}yes{{else}}no{{/if}}!", .result = "no!"},
        {.source = "{{#if people}}some{{else}}none{{/if}}", .result = "some"},
        {.source = "{{#if name}}{{#if empty}}a{{else}}b{{/if}}{{else}}c{{/if}}", .result = "b"},
        {.source = "{{#each people}}({{name}} {{first}}){{/each}}", .result = "(Bob )(Ann Cy)"},
        {.source = "{{#each people}}{{#if first}}{{first}}{{/if}}{{/each}}{{first}}",
         .result = "Cy"},
        {.source = "{{#each nobody}}x{{/each}}", .result = ""},
        {.source = "{{> greeting}}!", .result = "Hello Ann!"},
        {.source = "{{#each people}}{{> greeting}};{{/each}}", .result = "Hello Bob;Hello Ann;"},
        {.source = "{{> four}}", .result = "<<<Hello Ann>>>"},
    };
    ta_values *values = some_values();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(render(cases[i].source, values), cases[i].result);
    }
}

static void a_block_tag_alone_on_its_line_leaves_no_line(void **state)
{
    ta_values *values = some_values();

    (void)state;
    assert_string_equal(render("a\n{{#if name}}\nb\n{{else}}\nc\n{{/if}}\nd\n", values),
                        "a\nb\nd\n");
    assert_string_equal(render("{{> lines}}\nc", values), "a\nb\nc");
    assert_string_equal(render("x {{#if name}}\ny{{/if}}\nz", values), "x \ny\nz");
    assert_string_equal(render("{{name}}\nx", values), "Ann\nx");
}

static void an_empty_value_of_an_item_hides_the_outer_one(void **state)
{
    ta_values *values = ta_values_make(pool);
    ta_values *item = ta_values_add_item(values, "items");

    (void)state;
    ta_values_set_url(values, "url", "/outer");
    ta_values_set_url(item, "url", "javascript:alert(1)");
    assert_string_equal(render("{{#each items}}[{{url}}]{{/each}}", values), "[]");
}

/* --- words ------------------------------------------------------------------------------ */

static void words_are_in_the_readers_language(void **state)
{
    (void)state;
    assert_string_equal(render("<p>{{_ Log out? }}</p>\n", NULL), "<p>Log out?</p>\n");
    assert_string_equal(render_in("de", "<p>{{_ Log out? }}</p>", NULL), "<p>Abmelden?</p>");
    assert_string_equal(render_in("de", "{{_(button) Cancel }}", NULL), "Abbrechen");
    /* a context is no part of the words, and words without a translation stay */
    assert_string_equal(render("{{_(button) Cancel}}", NULL), "Cancel");
    assert_string_equal(render_in("de", "{{_ Cancel }}|{{_(door) Cancel }}", NULL),
                        "Cancel|Cancel");
    assert_string_equal(render_in("de", "{{_ Our own words & \"yours\" }}", NULL),
                        "Our own words &amp; &quot;yours&quot;");
}

static void words_may_go_on_in_the_next_line(void **state)
{
    (void)state;
    assert_string_equal(render("{{_  one\n  two }}\nthree", NULL), "one two\nthree");
    assert_string_equal(render_in("de", "{{_ Log\nout? }}", NULL), "Abmelden?");
}

static void values_in_words_are_escaped_and_isolated(void **state)
{
    ta_values *values = ta_values_make(pool);

    (void)state;
    ta_values_set(values, "name", "<b>A & {name}</b>");
    assert_string_equal(render_in("de", "{{_ Log in with {name} }}", values),
                        "Mit &lt;b&gt;A &amp; {name}&lt;/b&gt; anmelden");
    assert_string_equal(render("{{_ {name}{name} {absent}. }}", values),
                        "&lt;b&gt;A &amp; {name}&lt;/b&gt;&lt;b&gt;A &amp; {name}&lt;/b&gt; .");
    /* Hebrew in a sentence that runs the other way */
    ta_values_set(values, "name", "a \327\251\327\234");
    assert_string_equal(render_in("de", "{{_ Log in with {name} }}", values),
                        "Mit <bdi>a \327\251\327\234</bdi> anmelden");
    ta_values_set(values, "name", "Gr\303\266\303\237e");
    assert_string_equal(render("{{_ {name}! }}", values), "Gr\303\266\303\237e!");
}

static void braces_that_hold_no_name_stay(void **state)
{
    static const char *const words[] = {
        "{", "a { b", "{} b", "{A}", "{a b} c", "x{",
        /* longer than any name */
        "{aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffff"
        "ffgggg}"};

    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_string_equal(render(apr_psprintf(pool, "{{_ %s }}", words[i]), NULL), words[i]);
    }
}

static void what_does_not_fit_is_noticed(void **state)
{
    ta_template *template;
    const char *error, *result;
    ta_text out;

    (void)state;
    assert_int_equal(ta_template_parse(pool, "test", "{{name}}", NULL, &template, &error),
                     APR_SUCCESS);
    ta_text_init(&out, pool, 2);
    ta_template_render(template, some_values(), NULL, &out);
    assert_int_equal(ta_text_finish(&out, &result), APR_ENOSPC);
}

/* --- what wrong templates are told ------------------------------------------------------ */

static void wrong_templates_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *source;
        const char *error;
    } cases[] = {
        {.source = "a\nb {{name", .error = "test:2: a tag is not closed"},
        {.source = "{{", .error = "test:1: a tag is not closed"},
        {.source = "{{}}", .error = "test:1: there is no such tag"},
        {.source = "{{{name}}}", .error = "test:1: there is no such tag: {name"},
        {.source = "{{ name }}", .error = "test:1: there is no such tag:  name "},
        {.source = "{{&name}}", .error = "test:1: there is no such tag: &name"},
        {.source = "{{#unless a}}", .error = "test:1: there is no such tag: #unless a"},
        {.source = "{{#if }}", .error = "test:1: there is no such tag: #if "},
        {.source = "\n\n{{#if a}}\n\n", .error = "test:5: a block is not closed: a"},
        {.source = "{{#each a}}\n{{/if}}", .error = "test:2: closes what is not open: if"},
        {.source = "{{#if a}}{{/each}}", .error = "test:1: closes what is not open: each"},
        {.source = "{{/if}}", .error = "test:1: closes what is not open: if"},
        {.source = "{{else}}", .error = "test:1: {{else}} without {{#if}}"},
        {.source = "{{#each a}}{{else}}{{/each}}", .error = "test:1: {{else}} without {{#if}}"},
        {.source = "{{#if a}}{{else}}{{else}}{{/if}}", .error = "test:1: {{else}} without {{#if}}"},
        {.source = "{{_}}", .error = "test:1: there is no such tag: _"},
        {.source = "{{_ \n }}", .error = "test:1: there is no such tag: _ \n "},
        {.source = "{{_(context}}", .error = "test:1: there is no such tag: _(context"},
        {.source = "{{_(context) }}", .error = "test:1: there is no such tag: _(context) "},
        {.source = "{{_words}}", .error = "test:1: there is no such tag: _words"},
        {.source = "\n{{> absent}}", .error = "test:2: there is no such template: absent"},
        {.source = "{{> wrong}}", .error = "wrong:3: there is no such tag: #nothing x"},
        {.source = "{{> half}}{{/if}}", .error = "half:1: a block is not closed: name"},
        {.source = "{{#if a}}{{> closing}}", .error = "closing:1: closes what is not open: if"},
        {.source = "{{> five}}", .error = "two:1: templates are included too deeply: greeting"},
        {.source = "{{> itself}}", .error = "itself:1: templates are included too deeply: itself"},
        {.source = "{{#if a}}{{#if a}}{{#if a}}{{#if a}}{{#if a}}{{#if a}}{{#if a}}{{#if a}}"
                   "{{#if b}}",
         .error = "test:1: blocks are nested too deeply: b"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_template *template;
        const char *error = "";

        assert_int_equal(
            ta_template_parse(pool, "test", cases[i].source, &library, &template, &error),
            APR_EINVAL);
        assert_null(template);
        if (strcmp(error, cases[i].error) != 0) {
            fail_msg("\"%s\" instead of \"%s\"", error, cases[i].error);
        }
    }
}

static void without_sources_nothing_can_be_included(void **state)
{
    ta_template *template;
    const char *error = "";

    (void)state;
    assert_int_equal(ta_template_parse(pool, "test", "{{> greeting}}", NULL, &template, &error),
                     APR_EINVAL);
    assert_string_equal(error, "test:1: there is no such template: greeting");
}

/* --- what values may not do ------------------------------------------------------------- */

static void markup_in_a_value_is_text(void **state)
{
    ta_values *values = ta_values_make(pool);

    (void)state;
    ta_values_set(values, "name", "<script>alert('1' & \"2\")</script>{{name}}");
    assert_string_equal(render("<b title=\"{{name}}\">", values),
                        "<b title=\"&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)"
                        "&lt;/script&gt;{{name}}\">");
}

static void ordinary_text_of_any_language_stays(void **state)
{
    static const char text[] =
        "Zo\303\253 \346\274\242\345\255\227 \327\251\327\234\327\225\327\235"
        " \360\237\221\251\342\200\215\360\237\222\273\t1\n2";

    (void)state;
    assert_string_equal(escape(text), text);
}

static void control_characters_and_wrong_bytes_are_replaced(void **state)
{
    static const char *const texts[] = {
        /* controls of ASCII, and U+0080 to U+009F */
        "\001", "\r", "\033", "\037", "\177", "\302\200", "\302\205", "\302\237",
        /* marks: U+061C, U+200E, U+200F */
        "\330\234", "\342\200\216", "\342\200\217",
        /* embeddings and overrides: U+202A to U+202E */
        "\342\200\252", "\342\200\253", "\342\200\254", "\342\200\255", "\342\200\256",
        /* isolates: U+2066 to U+2069 */
        "\342\201\246", "\342\201\247", "\342\201\250", "\342\201\251",
        /* no UTF-8 */
        "\200", "\377"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_string_equal(escape(texts[i]), BAD);
    }
    assert_string_equal(escape("a\300\274b"), "a" BAD BAD "b");   /* '<' in an overlong form */
    assert_string_equal(escape("a\342\202"), "a" BAD BAD);        /* cut off */
    assert_string_equal(escape("\355\240\200"), BAD BAD BAD);     /* a surrogate */
    assert_string_equal(escape("\302<script"), BAD "&lt;script"); /* does not swallow '<' */
}

static void nothing_escapes_to_nothing(void **state)
{
    const char *result;
    ta_text out;

    (void)state;
    ta_text_init(&out, pool, 10);
    ta_template_escape(&out, NULL);
    assert_int_equal(ta_text_finish(&out, &result), APR_SUCCESS);
    assert_string_equal(result, "");
}

static void only_paths_and_web_addresses_become_links(void **state)
{
    static const char *const good[] = {"/",
                                       "/a?b=c%20d#e",
                                       "/a//b",
                                       "http://a.example/",
                                       "https://a.example:8443/?x=y",
                                       "mailto:a.b+c@d-e.example"};
    static const char *const bad[] = {
        "",
        "javascript:alert(1)",
        "mailto:",
        "mailto:@",
        "mailto:nobody",
        "MAILTO:a@b.example",
        "mailto:a@b.example?subject=x",
        "mailto:a b@c.example",
        "mailto:a@b.example,c@d.example",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "ftp://a.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "relative",
        "?query",
        " /a",
        "/\t/evil.example",
        "\t//evil.example",
        "/a\nb",
        "/a b",
        "https://a.example/ b",
        "https:evil",
        "http:/evil",
        "/a\177",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        ta_values *values = ta_values_make(pool);

        ta_values_set_url(values, "url", good[i]);
        assert_string_equal(render("{{url}}", values), good[i]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        ta_values *values = ta_values_make(pool);

        ta_values_set_url(values, "url", "/before");
        ta_values_set_url(values, "url", bad[i]);
        assert_string_equal(render("{{url}}", values), "");
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
        cmocka_unit_test(templates_do_what_their_tags_say),
        cmocka_unit_test(a_block_tag_alone_on_its_line_leaves_no_line),
        cmocka_unit_test(an_empty_value_of_an_item_hides_the_outer_one),
        cmocka_unit_test(words_are_in_the_readers_language),
        cmocka_unit_test(words_may_go_on_in_the_next_line),
        cmocka_unit_test(values_in_words_are_escaped_and_isolated),
        cmocka_unit_test(braces_that_hold_no_name_stay),
        cmocka_unit_test(what_does_not_fit_is_noticed),
        cmocka_unit_test(wrong_templates_are_refused_with_their_line),
        cmocka_unit_test(without_sources_nothing_can_be_included),
        cmocka_unit_test(markup_in_a_value_is_text),
        cmocka_unit_test(ordinary_text_of_any_language_stays),
        cmocka_unit_test(control_characters_and_wrong_bytes_are_replaced),
        cmocka_unit_test(nothing_escapes_to_nothing),
        cmocka_unit_test(only_paths_and_web_addresses_become_links),
    };

    return cmocka_run_group_tests(tests, start, end);
}
