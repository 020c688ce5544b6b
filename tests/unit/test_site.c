/*
 * Looking things up in a site's and a scope's settings: exactly, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow/site.h"
#include "world.h"

static const char *const strangers[] = {"",         "pocket",    "pocketid2",
                                        "POCKETID", " pocketid", "pocketid "};

static void test_a_provider_is_found_by_its_whole_id(void **state)
{
    world *w = *state;
    const ta_site *site = &w->app->site;

    assert_ptr_equal(ta_site_find_provider(site, WORLD_ID), w->provider);
    assert_null(ta_site_find_provider(site, NULL));
    for (size_t i = 0; i < COUNT(strangers); i++) {
        assert_null(ta_site_find_provider(site, strangers[i]));
    }
}

static void test_a_scope_without_a_list_takes_every_provider(void **state)
{
    ta_scope scope = {.providers = NULL};

    (void)state;
    assert_true(ta_scope_allows(&scope, WORLD_ID));
}

static void test_a_scope_with_a_list_takes_those_alone(void **state)
{
    world *w = *state;
    ta_scope scope = {.providers = apr_array_make(w->pool, 1, sizeof(const char *))};

    assert_false(ta_scope_allows(&scope, WORLD_ID));
    APR_ARRAY_PUSH(scope.providers, const char *) = "other";
    APR_ARRAY_PUSH(scope.providers, const char *) = WORLD_ID;
    assert_true(ta_scope_allows(&scope, WORLD_ID));
    assert_true(ta_scope_allows(&scope, "other"));
    for (size_t i = 0; i < COUNT(strangers); i++) {
        assert_false(ta_scope_allows(&scope, strangers[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_provider_is_found_by_its_whole_id),
        TEST(test_a_scope_without_a_list_takes_every_provider),
        TEST(test_a_scope_with_a_list_takes_those_alone),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
