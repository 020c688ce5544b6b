/*
 * Files with secrets: what counts as the secret in one, and that nobody else ever reads one
 * that we write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "doctor/secret_file.h"

static apr_pool_t *pool;
static char folder[] = "/tmp/tinyauth-test-XXXXXX";

static const char *in_folder(const char *name)
{
    return apr_pstrcat(pool, folder, "/", name, NULL);
}

static const char *file_with(const char *text, int mode)
{
    const char *name = in_folder("file");
    apr_file_t *file;

    assert_int_equal(
        apr_file_open(&file, name, APR_WRITE | APR_CREATE | APR_TRUNCATE, APR_OS_DEFAULT, pool),
        APR_SUCCESS);
    apr_file_puts(text, file);
    apr_file_close(file);
    assert_int_equal(chmod(name, (mode_t)mode), 0);
    return name;
}

static void the_first_line_that_is_not_blank_is_the_secret(void **state)
{
    static const char *const texts[] = {"a b", "a b\n", "\r\n\n \t a b \t\r\nother\n"};
    const char *secret;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(ta_secret_file_read(pool, file_with(texts[i], 0600), &secret),
                         APR_SUCCESS);
        assert_string_equal(secret, "a b");
    }
    assert_int_equal(ta_secret_file_read(pool, file_with(" \n\t\n", 0600), &secret), APR_EOF);
    assert_int_equal(ta_secret_file_read(pool, in_folder("absent"), &secret), APR_ENOENT);
}

static apr_status_t write_secret(const char *name, const char *secret)
{
    ta_secret_draft draft;
    apr_status_t rv = ta_secret_file_begin(pool, name, &draft);

    assert_int_equal(rv, APR_SUCCESS);
    assert_int_equal(ta_secret_file_write(&draft, secret), APR_SUCCESS);
    return ta_secret_file_finish(&draft);
}

static void what_is_written_is_for_its_owner_alone(void **state)
{
    const char *name = in_folder("new/deep/secret");
    const char *secret;
    struct stat found;

    (void)state;
    umask(0);
    assert_int_equal(write_secret(name, "one"), APR_SUCCESS);
    assert_int_equal(write_secret(name, "two"), APR_SUCCESS);
    assert_int_equal(ta_secret_file_read(pool, name, &secret), APR_SUCCESS);
    assert_string_equal(secret, "two");
    assert_int_equal(stat(name, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(stat(in_folder("new"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    assert_int_equal(unlink(name), 0);
    /* empty: nothing was left beside the file */
    assert_int_equal(rmdir(in_folder("new/deep")), 0);
    assert_int_equal(rmdir(in_folder("new")), 0);
}

/* where it is mounted by itself, say; here there is a folder in its place */
static void a_secret_that_has_no_place_stays_in_its_draft(void **state)
{
    const char *name = in_folder("taken");
    ta_secret_draft draft;
    const char *secret;

    (void)state;
    assert_int_equal(mkdir(name, 0700), 0);
    assert_int_equal(ta_secret_file_begin(pool, name, &draft), APR_SUCCESS);
    assert_int_equal(ta_secret_file_write(&draft, "one"), APR_SUCCESS);
    assert_int_not_equal(ta_secret_file_finish(&draft), APR_SUCCESS);
    assert_int_equal(ta_secret_file_read(pool, draft.name, &secret), APR_SUCCESS);
    assert_string_equal(secret, "one");
    assert_int_equal(unlink(draft.name), 0);
    assert_int_equal(rmdir(name), 0);
}

static void a_draft_that_is_not_wanted_goes(void **state)
{
    ta_secret_draft draft;

    (void)state;
    assert_int_equal(ta_secret_file_begin(pool, in_folder("wanted/not"), &draft), APR_SUCCESS);
    ta_secret_file_discard(&draft);
    assert_int_equal(rmdir(in_folder("wanted")), 0);
}

static void a_file_is_judged_by_who_can_read_it(void **state)
{
    static const struct {
        const char *text;
        int mode;
        ta_report_mark mark;
    } cases[] = {
        {"x", 0600, TA_REPORT_GOOD},    {"x", 0640, TA_REPORT_GOOD}, {"x", 0644, TA_REPORT_WARNING},
        {"x", 0620, TA_REPORT_WARNING}, {"", 0600, TA_REPORT_WRONG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ta_report *report = ta_report_make(pool, NULL, 0);

        ta_secret_file_check(pool, report, "secret", file_with(cases[i].text, cases[i].mode));
        assert_int_equal(ta_report_count(report, cases[i].mark), 1);
    }
}

static int make_pool(void **state)
{
    (void)state;
    return apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS ||
           !mkdtemp(folder);
}

static int end_pool(void **state)
{
    (void)state;
    unlink(in_folder("file"));
    rmdir(folder);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_that_is_not_blank_is_the_secret),
        cmocka_unit_test(what_is_written_is_for_its_owner_alone),
        cmocka_unit_test(a_secret_that_has_no_place_stays_in_its_draft),
        cmocka_unit_test(a_draft_that_is_not_wanted_goes),
        cmocka_unit_test(a_file_is_judged_by_who_can_read_it),
    };

    return cmocka_run_group_tests(tests, make_pool, end_pool);
}
