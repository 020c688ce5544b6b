/*
 * Files of the administrator's: only pictures and style sheets, and a name per content.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_general.h>

#include "util/asset.h"

static apr_pool_t *pool;

static void the_type_comes_from_the_name(void **state)
{
    (void)state;
    assert_string_equal(ta_asset_type("/a/logo.svg", 0), "image/svg+xml");
    assert_string_equal(ta_asset_type("LOGO.PNG", 0), "image/png");
    assert_string_equal(ta_asset_type("a.b.jpeg", 0), "image/jpeg");
    assert_string_equal(ta_asset_type("a.css", 1), "text/css");
    assert_null(ta_asset_type("a.css", 0));
    assert_null(ta_asset_type("a.png", 1));
    assert_null(ta_asset_type("a.html", 0));
    assert_null(ta_asset_type("a.js", 1));
    assert_null(ta_asset_type("png", 0));
    assert_null(ta_asset_type("", 0));
}

static const ta_asset *make(const char *kind, const char *type, const char *content)
{
    ta_bytes bytes = {(const unsigned char *)content, strlen(content)};
    const ta_asset *asset = ta_asset_make(pool, kind, type, bytes);

    assert_non_null(asset);
    assert_ptr_equal(asset->bytes.data, content);
    assert_string_equal(asset->type, type);
    return asset;
}

static void the_name_changes_with_the_content_alone(void **state)
{
    const ta_asset *one = make("logo", "image/jpeg", "one");

    (void)state;
    /* the first 8 bytes of SHA-256 of "one" */
    assert_string_equal(one->name, "logo-7692c3ad3540bb80.jpg");
    assert_string_equal(make("logo", "image/jpeg", "one")->name, one->name);
    assert_string_not_equal(make("logo", "image/jpeg", "two")->name, one->name);
    assert_string_equal(make("style", "text/css", "one")->name, "style-7692c3ad3540bb80.css");
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
        cmocka_unit_test(the_type_comes_from_the_name),
        cmocka_unit_test(the_name_changes_with_the_content_alone),
    };

    return cmocka_run_group_tests(tests, start, end);
}
