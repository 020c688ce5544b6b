/*
 * Languages: a browser gets the best that we have of what it asks for, and English else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "page/language.h"
#include "util/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *chosen(const char *accept)
{
    return ta_language_tag(ta_language_choose(accept));
}

/* The tag where there is a catalogue of it, else English. */
static const char *if_there(const char *tag)
{
    for (apr_size_t i = 0; ta_language_at(i); i++) {
        if (strcmp(ta_language_tag(ta_language_at(i)), tag) == 0) {
            return tag;
        }
    }
    return "en";
}

static void the_best_that_we_have_is_chosen(void **state)
{
    static const struct {
        const char *accept;
        const char *tag;
    } cases[] = {
        {NULL, "en"},
        {"", "en"},
        {"*", "en"},
        {"de", "de"},
        {"DE-at", "de"},
        {"de-Latn-CH-1996", "de"},
        {"de-x-private", "de"},
        {"en-GB,en;q=0.9,de;q=0.8", "en"},
        {"de;q=0.8,en;q=0.9", "en"},
        {"de;q=0.9,en;q=0.8", "de"},
        {"de,en", "de"},
        {"en,de", "en"},
        {"tlh,de;q=0.5", "de"},
        {"tlh-Latn, x-klingon", "en"},
        {"de;q=0", "en"},
        {"de;q=0,en;q=0", "en"},
        {"d", "en"},
        {"deu", "en"},
        {"-", "en"},
        {"de-", "de"},
        {"-de", "en"},
        {"*,de", "de"},
        {"de-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "en"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(chosen(cases[i].accept), cases[i].tag);
    }
}

/* RFC 4647 3.4 and what browsers send: regions lead to scripts. */
static void regions_lead_to_the_right_catalogue(void **state)
{
    static const struct {
        const char *accept;
        const char *tag;
    } cases[] = {
        {"zh", "zh-Hans"},        {"zh-CN", "zh-Hans"},      {"zh-Hans-CN", "zh-Hans"},
        {"zh-SG", "zh-Hans"},     {"zh-TW", "zh-Hant"},      {"zh-HK", "zh-Hant"},
        {"zh-MO", "zh-Hant"},     {"zh-Hant-HK", "zh-Hant"}, {"pt-BR", "pt"},
        {"pt-PT", "pt"},          {"fr-CA", "fr"},           {"iw", "he"},
        {"zh-TW-x-a", "zh-Hant"}, {"nl-BE", "nl"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(chosen(cases[i].accept), if_there(cases[i].tag));
    }
}

static void a_tag_that_we_do_not_have_is_not_found(void **state)
{
    const ta_language *language;

    (void)state;
    assert_false(ta_language_find("tlh", 3, &language));
    assert_false(ta_language_find("", 0, &language));
    assert_false(ta_language_find("auto", 4, &language));
    assert_true(ta_language_find("en-US", 5, &language));
    assert_null(language);
    assert_true(ta_language_find("de", 2, &language));
    assert_string_equal(ta_language_tag(language), "de");
}

static void messages_are_translated_and_english_stands_in(void **state)
{
    const ta_language *german;

    (void)state;
    assert_true(ta_language_find("de", 2, &german));
    assert_string_equal(ta_language_text(german, "Log out?"), "Abmelden?");
    assert_string_equal(ta_language_text(german, "button\004Cancel"), "Abbrechen");
    assert_string_equal(ta_language_text(german, "Cancel"), "Cancel");
    assert_string_equal(ta_language_text(german, "other\004Cancel"), "Cancel");
    assert_string_equal(ta_language_text(NULL, "button\004Cancel"), "Cancel");
    assert_string_equal(ta_language_text(german, ""), "");
}

static void some_are_written_from_right_to_left(void **state)
{
    (void)state;
    assert_string_equal(ta_language_direction(NULL), "ltr");
    for (apr_size_t i = 0; ta_language_at(i); i++) {
        const char *tag = ta_language_tag(ta_language_at(i));
        int is_rtl = strcmp(tag, "ar") == 0 || strcmp(tag, "he") == 0;

        assert_string_equal(ta_language_direction(ta_language_at(i)), is_rtl ? "rtl" : "ltr");
    }
}

/* What the build made of the catalogues. */
static void every_catalogue_is_utf8(void **state)
{
    (void)state;
    for (apr_size_t i = 0; ta_language_at(i); i++) {
        const ta_language *language = ta_language_at(i);
        const char *title = ta_language_text(language, "You are signed out");

        assert_true(ta_utf8_is_valid(title, strlen(title)));
        assert_string_not_equal(title, "You are signed out");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_that_we_have_is_chosen),
        cmocka_unit_test(regions_lead_to_the_right_catalogue),
        cmocka_unit_test(a_tag_that_we_do_not_have_is_not_found),
        cmocka_unit_test(messages_are_translated_and_english_stands_in),
        cmocka_unit_test(some_are_written_from_right_to_left),
        cmocka_unit_test(every_catalogue_is_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
