/*
 * Listing sessions: order and pages, searching, what is cut, and how long a hundred thousand
 * of them take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include <apr_time.h>

#include "session/session.h"
#include "session/session_list.h"
#include "world.h"

#define MANY 100000
#define MORE "\xe2\x80\xa6"

/* A store of so many sessions, made up while they are visited; their records repeat. */
typedef struct crowd {
    ta_store port;
    ta_bytes records[100];
    int size;
    int removed;
    int gone;                   /* the number of one that ends meanwhile */
    apr_status_t status;        /* of every visit, unless APR_SUCCESS */
    apr_status_t remove_status; /* of a removal */
} crowd;

static void key_of(int number, unsigned char key[TA_STORE_KEY_LEN])
{
    memset(key, 7, TA_STORE_KEY_LEN);
    memcpy(key, &number, sizeof(number));
}

static apr_status_t visit_crowd(void *context, apr_pool_t *tmp, ta_store_visit call, void *with)
{
    const crowd *all = context;
    unsigned char key[TA_STORE_KEY_LEN];
    apr_status_t rv = all->status;

    (void)tmp;
    for (int i = 0; i < all->size && rv == APR_SUCCESS; i++) {
        key_of(i, key);
        rv = call(with, key, all->records[i % 100]);
    }
    return rv;
}

static apr_status_t remove_from_crowd(void *context, apr_pool_t *tmp, const unsigned char *key)
{
    crowd *all = context;

    (void)tmp, (void)key;
    all->removed += all->remove_status == APR_SUCCESS;
    return all->remove_status;
}

static apr_status_t load_from_crowd(void *context, apr_pool_t *p, const unsigned char *key,
                                    apr_uint64_t *version, ta_bytes *record, ta_bytes *parent)
{
    const crowd *all = context;
    int number;

    (void)version;
    (void)p;
    assert_null(parent);
    memcpy(&number, key, sizeof(number));
    *record = all->records[number % 100];
    return number == all->gone ? APR_NOTFOUND : APR_SUCCESS;
}

static apr_status_t count_ended(void *context, const unsigned char *key, ta_bytes record)
{
    assert_non_null(key);
    *(int *)context += !ta_record_parent(record);
    return APR_SUCCESS;
}

static int always(void *context, const ta_record *record)
{
    (void)context, (void)record;
    return 1;
}

/* Record n: made n seconds after the first; user-n, of group-n. */
static crowd *make_crowd(apr_pool_t *p, int size)
{
    crowd *all = apr_pcalloc(p, sizeof(*all));

    all->size = size;
    all->gone = -1;
    all->port = (ta_store){.iterate = visit_crowd,
                           .load = load_from_crowd,
                           .remove = remove_from_crowd,
                           .context = all};
    for (int i = 0; i < 100; i++) {
        ta_record record = {.created = WORLD_NOW + i, .last_used = WORLD_NOW + 1000};
        char *groups = apr_psprintf(p, "users%cGroup-%d", 0, i);

        ta_record_set_text(&record, TA_RECORD_USER, apr_psprintf(p, "User-%d", i));
        ta_record_set_text(&record, TA_RECORD_NAME, "Somebody of some name");
        ta_record_set_text(&record, TA_RECORD_EMAIL, apr_psprintf(p, "u%d@example.com", i));
        ta_record_set_text(&record, TA_RECORD_BROWSER, "Mozilla/5.0 (X11; Linux x86_64)");
        ta_record_set_text(&record, TA_RECORD_ADDRESS, "192.0.2.1");
        record.slots[TA_RECORD_GROUPS] = world_row(p, groups, 6 + strlen(groups + 6) + 1);
        /* as large as a record with Pocket ID's tokens */
        record.slots[TA_RECORD_TOKENS].data = apr_pcalloc(p, 2000);
        record.slots[TA_RECORD_TOKENS].len = 2000;
        assert_int_equal(ta_record_write(p, &record, &all->records[i]), APR_SUCCESS);
    }
    return all;
}

static ta_session_query all_of(int limit)
{
    return (ta_session_query){.limit = limit, .counts = always};
}

static void test_pages_show_each_session_once_newest_first(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, 1234);
    ta_session_query query = all_of(100);
    apr_hash_t *seen = apr_hash_make(w->pool);
    apr_int64_t before = WORLD_NOW + 1000;
    int pages = 0, more = 1;

    while (more) {
        ta_session_page page;

        assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_SUCCESS);
        assert_int_equal(page.total, 1234);
        assert_int_equal(page.count, pages == 12 ? 34 : 100);
        for (int i = 0; i < page.count; i++) {
            assert_true(page.rows[i]->created <= before);
            before = page.rows[i]->created;
            assert_null(apr_hash_get(seen, page.rows[i]->handle, APR_HASH_KEY_STRING));
            apr_hash_set(seen, page.rows[i]->handle, APR_HASH_KEY_STRING, "");
        }
        query.after_created = page.rows[page.count - 1]->created;
        query.after_handle = page.rows[page.count - 1]->handle;
        more = page.has_more;
        pages++;
    }
    assert_int_equal(pages, 13);
    assert_int_equal(apr_hash_count(seen), 1234);
}

static void test_a_page_that_is_just_full_has_no_next(void **state)
{
    world *w = *state;
    ta_session_query query = all_of(10);
    ta_session_page page;

    assert_int_equal(ta_session_list_read(w->pool, &make_crowd(w->pool, 10)->port, &query, &page),
                     APR_SUCCESS);
    assert_int_equal(page.count, 10);
    assert_false(page.has_more);
    assert_int_equal(ta_session_list_read(w->pool, &make_crowd(w->pool, 0)->port, &query, &page),
                     APR_SUCCESS);
    assert_int_equal(page.count, 0);
    assert_false(page.has_more);
}

static void test_searching_finds_what_people_would_type(void **state)
{
    static const struct {
        const char *text;
        int total;
    } cases[] = {
        {"user-42", 1}, {"USER-4", 11},   {"group-99", 1},  {"users", 100},
        {"u7@", 1},     {"192.0.2", 100}, {"mozilla", 100}, {"some name", 100},
        {"nobody", 0},  {"", 100},        {"%", 0},
    };
    world *w = *state;
    crowd *all = make_crowd(w->pool, 100);

    for (size_t i = 0; i < COUNT(cases); i++) {
        ta_session_query query = all_of(200);
        ta_session_page page;

        query.text = cases[i].text;
        assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_SUCCESS);
        if (page.total != cases[i].total || page.count != cases[i].total) {
            fail_msg("\"%s\": %d found", cases[i].text, page.count);
        }
    }
}

/* The list of one login, of a user of this name. */
static void list_user(world *w, ta_record *record, const char *name, ta_session_page *page)
{
    crowd *all = make_crowd(w->pool, 1);
    ta_session_query query = all_of(1);

    ta_record_set_text(record, TA_RECORD_USER, name);
    assert_int_equal(ta_record_write(w->pool, record, &all->records[0]), APR_SUCCESS);
    assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, page), APR_SUCCESS);
}

static void test_what_is_long_is_cut_between_characters(void **state)
{
    world *w = *state;
    ta_record record = {.created = WORLD_NOW};
    char *text = apr_pcalloc(w->pool, 1001);
    ta_session_page page;

    for (int i = 0; i < 1000; i += 2) {
        memcpy(text + i, "\xc3\xa4", 2);
    }
    record.slots[TA_RECORD_GROUPS] = world_row(w->pool, text, 1001);
    list_user(w, &record, text, &page);
    assert_int_equal(strlen(page.rows[0]->user), TA_SESSION_LIST_FIELD - 1);
    assert_string_equal(page.rows[0]->user + TA_SESSION_LIST_FIELD - 6, "\xc3\xa4" MORE);
    assert_string_equal(page.rows[0]->groups, page.rows[0]->user);
}

/* Bytes that continue no character have no place where they could be cut. */
static void test_of_what_is_no_text_nothing_is_left(void **state)
{
    world *w = *state;
    ta_record record = {.created = WORLD_NOW};
    char *text = apr_pcalloc(w->pool, 1001);
    ta_session_page page;

    memset(text, 0x80, 1000);
    list_user(w, &record, text, &page);
    assert_string_equal(page.rows[0]->user, MORE);
}

/* The groups that are listed of somebody who is in so many, all of this length. */
static int list_groups(world *w, int count, int length, const char **last)
{
    ta_record record = {.created = WORLD_NOW};
    apr_size_t each = (apr_size_t)length + 1;
    char *groups = apr_pcalloc(w->pool, (apr_size_t)count * each);
    ta_session_page page;
    int listed = 0;

    for (int i = 0; i < count; i++) {
        memset(groups + (apr_size_t)i * each, 'a' + i % 26, (size_t)length);
    }
    record.slots[TA_RECORD_GROUPS] = world_row(w->pool, groups, (apr_size_t)count * each);
    list_user(w, &record, "u", &page);
    for (const char *group = page.rows[0]->groups; *group; group += strlen(group) + 1, listed++) {
        assert_true(group + strlen(group) + 1 < page.rows[0]->groups + TA_SESSION_LIST_GROUPS);
        assert_true(strcmp(group, MORE) == 0 || strlen(group) == (size_t)length);
        *last = group;
    }
    return listed;
}

/* No group is half a name, which may be another group's; a mark stands for all that do not fit. */
static void test_of_many_groups_whole_ones_are_listed(void **state)
{
    world *w = *state;
    const char *last;

    for (int length = 1; length < TA_SESSION_LIST_FIELD; length++) {
        int fit = (TA_SESSION_LIST_GROUPS - (int)sizeof(MORE) - 1) / (length + 1);

        assert_int_equal(list_groups(w, 300, length, &last), fit + 1);
        assert_string_equal(last, MORE);
        assert_int_equal(list_groups(w, fit, length, &last), fit);
        assert_string_not_equal(last, MORE);
    }
}

/* A further host of a login is no session of its own, and damaged bytes are none at all. */
static void test_only_whole_logins_are_listed(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, 3);
    ta_record child = {.flags = TA_RECORD_HAS_PARENT, .created = WORLD_NOW};
    ta_session_query query = all_of(10);
    ta_session_page page;

    assert_int_equal(ta_record_write(w->pool, &child, &all->records[0]), APR_SUCCESS);
    all->records[1].len--;
    assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_SUCCESS);
    assert_int_equal(page.total, 1);
    assert_string_equal(page.rows[0]->user, "User-2");
}

static void test_a_handle_finds_its_session_and_is_not_its_key(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, 500);
    ta_session_query query = all_of(10);
    unsigned char wanted[TA_STORE_KEY_LEN], key[TA_STORE_KEY_LEN];
    char handle[TA_SESSION_LIST_HANDLE + 1];
    ta_record record;

    key_of(442, wanted);
    assert_int_equal(ta_session_list_handle(wanted, handle), APR_SUCCESS);
    assert_int_equal(strlen(handle), TA_SESSION_LIST_HANDLE);
    assert_memory_not_equal(handle, wanted, sizeof(wanted));
    assert_int_equal(ta_session_list_find(w->pool, &all->port, &query, handle, key, &record),
                     APR_SUCCESS);
    assert_memory_equal(key, wanted, sizeof(key));
    assert_string_equal(ta_record_text(&record, TA_RECORD_USER), "User-42");
    handle[0] = handle[0] == 'a' ? 'b' : 'a';
    assert_int_equal(ta_session_list_find(w->pool, &all->port, &query, handle, key, &record),
                     APR_NOTFOUND);
    assert_int_equal(ta_session_list_find(w->pool, &all->port, &query, "", key, &record),
                     APR_NOTFOUND);
}

/* The limit is far from what it takes (it is printed), and near enough to notice a sort, or an
 * allocation for each of them. */
static void test_a_hundred_thousand_sessions_are_listed_at_once(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, MANY);
    ta_session_query query = all_of(50);
    ta_session_page page;
    apr_time_t began = apr_time_now();
    int count, told = 0;

    all->gone = 4711;
    assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_SUCCESS);
    assert_int_equal(page.total, MANY);
    assert_int_equal(page.count, 50);
    print_message("a page of %d sessions: %d ms\n", MANY,
                  (int)apr_time_as_msec(apr_time_now() - began));
    began = apr_time_now();
    query.text = "group-77";
    assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_SUCCESS);
    assert_int_equal(page.total, MANY / 100);
    print_message("a search: %d ms\n", (int)apr_time_as_msec(apr_time_now() - began));
    query.ended = count_ended;
    query.ended_context = &told;
    assert_int_equal(ta_session_list_end_all(w->pool, &all->port, &query, &count), APR_SUCCESS);
    assert_int_equal(count, MANY - 1);
    assert_int_equal(told, MANY - 1);
    assert_int_equal(all->removed, MANY - 1);
    assert_true(apr_time_now() - began < apr_time_from_sec(20));
}

/* "" ends the groups of a row: one that is so called must not hide those behind it. */
static void test_a_group_without_a_name_ends_no_row(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, 1);
    ta_record record = {.created = WORLD_NOW};
    ta_session_query query = all_of(1);
    ta_session_page page;

    record.slots[TA_RECORD_GROUPS] = world_row(w->pool, "a\0\0b", 5);
    assert_int_equal(ta_record_write(w->pool, &record, &all->records[0]), APR_SUCCESS);
    assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_SUCCESS);
    assert_memory_equal(page.rows[0]->groups, "a\0b\0", 5);
}

/* An error is not "there is none", and what could not be seen is not ended. */
static void test_a_store_that_fails_is_an_error(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, 10);
    ta_session_query query = all_of(10);
    unsigned char key[TA_STORE_KEY_LEN];
    char handle[TA_SESSION_LIST_HANDLE + 1];
    ta_session_page page;
    ta_record record;
    int count = -1;

    key_of(3, key);
    assert_int_equal(ta_session_list_handle(key, handle), APR_SUCCESS);
    all->status = APR_TIMEUP;
    assert_int_equal(ta_session_list_read(w->pool, &all->port, &query, &page), APR_TIMEUP);
    assert_int_equal(ta_session_list_find(w->pool, &all->port, &query, handle, key, &record),
                     APR_TIMEUP);
    assert_int_equal(ta_session_list_end_all(w->pool, &all->port, &query, &count), APR_TIMEUP);
    assert_int_equal(count, 0);
    assert_int_equal(all->removed, 0);
    /* and one that does not remove is asked no further */
    all->status = APR_SUCCESS;
    all->remove_status = APR_TIMEUP;
    assert_int_equal(ta_session_list_end_all(w->pool, &all->port, &query, &count), APR_TIMEUP);
    assert_int_equal(count, 0);
}

static int is_even(void *context, const ta_record *record)
{
    (void)context;
    return record->created % 2 == 0;
}

static apr_status_t refuse_third(void *context, const unsigned char *key, ta_bytes record)
{
    (void)key, (void)record;
    return ++*(int *)context == 3 ? APR_EGENERAL : APR_SUCCESS;
}

static void test_only_logins_that_count_are_ended(void **state)
{
    world *w = *state;
    crowd *all = make_crowd(w->pool, 10);
    ta_session_query query = all_of(10);
    int count = -1, told = 0;

    query.counts = is_even;
    assert_int_equal(ta_session_list_end_all(w->pool, &all->port, &query, &count), APR_SUCCESS);
    assert_int_equal(count, 5);
    assert_int_equal(all->removed, 5);
    /* whoever is told of each may end it */
    query.ended = refuse_third;
    query.ended_context = &told;
    assert_int_equal(ta_session_list_end_all(w->pool, &all->port, &query, &count), APR_EGENERAL);
    assert_int_equal(count, 3);
    assert_int_equal(all->removed, 8);
}

/* What a client sends is shown to administrators and in logs. */
static void test_what_a_client_says_of_itself_is_printable(void **state)
{
    world *w = *state;
    char *text = apr_pcalloc(w->pool, 1001);
    ta_record record = {.flags = 0};

    ta_session_note_client(w->pool, &record, "2001:db8::1\r\n", "a \x1f~\x7f\x80\xc3\xa4\t\x1b[m");
    assert_string_equal(ta_record_text(&record, TA_RECORD_ADDRESS), "2001:db8::1??");
    assert_string_equal(ta_record_text(&record, TA_RECORD_BROWSER), "a ?~??????[m");
    memset(text, 'x', 1000);
    ta_session_note_client(w->pool, &record, text, text);
    assert_int_equal(record.slots[TA_RECORD_ADDRESS].len, 64);
    assert_int_equal(record.slots[TA_RECORD_BROWSER].len, 200);
    ta_session_note_client(w->pool, &record, NULL, NULL);
    assert_int_equal(record.slots[TA_RECORD_ADDRESS].len + record.slots[TA_RECORD_BROWSER].len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pages_show_each_session_once_newest_first),
        TEST(test_a_page_that_is_just_full_has_no_next),
        TEST(test_searching_finds_what_people_would_type),
        TEST(test_what_is_long_is_cut_between_characters),
        TEST(test_of_many_groups_whole_ones_are_listed),
        TEST(test_only_whole_logins_are_listed),
        TEST(test_a_handle_finds_its_session_and_is_not_its_key),
        TEST(test_a_hundred_thousand_sessions_are_listed_at_once),
        TEST(test_of_what_is_no_text_nothing_is_left),
        TEST(test_a_group_without_a_name_ends_no_row),
        TEST(test_a_store_that_fails_is_an_error),
        TEST(test_only_logins_that_count_are_ended),
        TEST(test_what_a_client_says_of_itself_is_printable),
    };

    return cmocka_run_group_tests(tests, world_begin, world_end);
}
