/*
 * The list of sessions, whatever is in a record and wherever a page begins: rows that fit, in
 * their order, none of them on the page before.
 *
 *     searched text
 *     time after which the page begins
 *     handle after which it begins
 *     a record, without its checksum
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "session/session_list.h"

#define KEYS 6

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit found,
                            void *visit_context)
{
    const ta_bytes *record = context;
    unsigned char key[TA_STORE_KEY_LEN] = {0};
    apr_status_t rv = APR_SUCCESS;

    (void)tmp;
    for (int i = 0; i < KEYS && rv == APR_SUCCESS; i++) {
        key[0] = (unsigned char)i;
        rv = found(visit_context, key, *record);
    }
    return rv;
}

static int counts(void *context, const ta_record *record)
{
    (void)context, (void)record;
    return 1;
}

static int fits(const char *text, apr_size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

static void check_row(const ta_session_row *row)
{
    const char *group = row->groups;

    FUZZ_HOLDS(strlen(row->handle) == TA_SESSION_LIST_HANDLE);
    FUZZ_HOLDS(fits(row->user, sizeof(row->user)) && fits(row->name, sizeof(row->name)));
    FUZZ_HOLDS(fits(row->email, sizeof(row->email)) && fits(row->sub, sizeof(row->sub)));
    FUZZ_HOLDS(fits(row->provider, sizeof(row->provider)));
    FUZZ_HOLDS(fits(row->address, sizeof(row->address)));
    FUZZ_HOLDS(fits(row->browser, sizeof(row->browser)));
    while (*group) {
        FUZZ_HOLDS(fits(group, (apr_size_t)(row->groups + sizeof(row->groups) - group)));
        group += strlen(group) + 1;
        FUZZ_HOLDS(group < row->groups + sizeof(row->groups));
    }
}

static int is_behind(const ta_session_row *row, apr_int64_t created, const char *handle)
{
    return row->created < created || (row->created == created && strcmp(row->handle, handle) > 0);
}

static void check_page(const ta_session_query *query, const ta_session_page *page)
{
    FUZZ_HOLDS(page->count <= query->limit && page->total <= KEYS);
    FUZZ_HOLDS(!page->has_more || page->count == query->limit);
    for (int i = 0; i < page->count; i++) {
        const ta_session_row *row = page->rows[i];

        check_row(row);
        FUZZ_HOLDS(!i || is_behind(row, page->rows[i - 1]->created, page->rows[i - 1]->handle));
        FUZZ_HOLDS(!query->after_handle ||
                   is_behind(row, query->after_created, query->after_handle));
    }
}

/* From one page to the next, all are seen once. */
static void turn_pages(apr_pool_t *p, const ta_store *store, ta_session_query *query)
{
    ta_session_page page;
    int seen = 0;

    query->after_handle = NULL;
    do {
        FUZZ_HOLDS(ta_session_list_read(p, store, query, &page) == APR_SUCCESS);
        check_page(query, &page);
        seen += page.count;
        if (page.count) {
            query->after_created = page.rows[page.count - 1]->created;
            query->after_handle = page.rows[page.count - 1]->handle;
        }
    } while (page.has_more);
    FUZZ_HOLDS(seen == page.total);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_session_query query = {.limit = 2, .counts = counts};
    unsigned char key[TA_STORE_KEY_LEN];
    ta_session_page page;
    ta_record found;
    ta_bytes record;
    ta_store store = {.iterate = iterate, .context = &record};
    const char *handle;

    query.text = fuzz_take_line(p, &input);
    query.after_created = apr_strtoi64(fuzz_take_line(p, &input), NULL, 10);
    query.after_handle = handle = fuzz_take_line(p, &input);
    record = fuzz_checked_record(p, input);
    FUZZ_HOLDS(ta_session_list_read(p, &store, &query, &page) == APR_SUCCESS);
    check_page(&query, &page);
    turn_pages(p, &store, &query);
    if (ta_session_list_find(p, &store, &query, handle, key, &found) == APR_SUCCESS) {
        FUZZ_HOLDS(key[0] < KEYS);
    }
}
