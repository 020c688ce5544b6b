/*
 * Going through the store: the page is a short sorted list into which each record is put if it
 * comes before the last one.
 */
#include "session/session_list.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "util/secret.h"

static const char more[] = "\xe2\x80\xa6"; /* "…", for what was cut off */

apr_status_t ta_session_list_handle(const unsigned char key[TA_STORE_KEY_LEN],
                                    char handle[TA_SESSION_LIST_HANDLE + 1])
{
    static const char purpose[] = "tinyauth session handle";
    static const char digits[] = "0123456789abcdef";
    unsigned char input[sizeof(purpose) + TA_STORE_KEY_LEN];
    unsigned char digest[TA_SHA256_LEN];

    memcpy(input, purpose, sizeof(purpose));
    memcpy(input + sizeof(purpose), key, TA_STORE_KEY_LEN);
    if (ta_secret_sha256(input, sizeof(input), digest) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    for (int i = 0; i < TA_SESSION_LIST_HANDLE / 2; i++) {
        handle[2 * i] = digits[digest[i] >> 4];
        handle[2 * i + 1] = digits[digest[i] & 15];
    }
    handle[TA_SESSION_LIST_HANDLE] = '\0';
    return APR_SUCCESS;
}

/* A login that counts: a further host of one is no session of its own here. */
static int read_login(const ta_session_query *query, ta_bytes bytes, ta_record *record)
{
    return !ta_record_parent(bytes) && ta_record_read(bytes, record) == APR_SUCCESS &&
           query->counts(query->context, record);
}

/* Whether text holds what is looked for; ASCII letters without their case. */
static int holds(const char *text, const char *wanted)
{
    for (; *text; text++) {
        apr_size_t i = 0;

        while (wanted[i] && apr_tolower(text[i]) == apr_tolower(wanted[i])) {
            i++;
        }
        if (!wanted[i]) {
            return 1;
        }
    }
    return 0;
}

static int matches(const ta_record *record, const char *wanted)
{
    static const ta_record_slot slots[] = {TA_RECORD_USER,   TA_RECORD_NAME,     TA_RECORD_EMAIL,
                                           TA_RECORD_SUB,    TA_RECORD_PROVIDER, TA_RECORD_ADDRESS,
                                           TA_RECORD_BROWSER};

    if (!wanted || !*wanted) {
        return 1;
    }
    for (apr_size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
        if (holds(ta_record_text(record, slots[i]), wanted)) {
            return 1;
        }
    }
    for (const char *group = NULL;
         (group = ta_record_next(record, TA_RECORD_GROUPS, group)) != NULL;) {
        if (holds(group, wanted)) {
            return 1;
        }
    }
    return 0;
}

/* Cuts between characters of UTF-8, and shows that it did. */
static apr_size_t copy_text(char *to, apr_size_t size, const char *from)
{
    apr_size_t len = strlen(from);
    const char *end = "";

    if (len >= size) {
        end = more;
        len = size - sizeof(more);
        while (len && ((unsigned char)from[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    apr_cpystrn(to, from, len + 1);
    return (apr_size_t)(apr_cpystrn(to + len, end, size - len) - to);
}

/* Half a name could be another group's: those that do not fit become one mark. */
static void copy_groups(ta_session_row *row, const ta_record *record)
{
    const apr_size_t room = sizeof(row->groups) - sizeof(more) - 1; /* and the "" that ends them */
    char text[TA_SESSION_LIST_FIELD];
    apr_size_t used = 0;

    for (const char *group = NULL;
         (group = ta_record_next(record, TA_RECORD_GROUPS, group)) != NULL;) {
        apr_size_t len = copy_text(text, sizeof(text), group);

        if (used + len >= room) {
            memcpy(row->groups + used, more, sizeof(more));
            used += sizeof(more);
            break;
        }
        if (len) {
            memcpy(row->groups + used, text, len + 1);
            used += len + 1;
        }
    }
    row->groups[used] = '\0';
}

static void fill_row(ta_session_row *row, const ta_record *record, const char *handle)
{
    memcpy(row->handle, handle, sizeof(row->handle));
    row->created = record->created;
    row->last_used = record->last_used;
    copy_text(row->user, sizeof(row->user), ta_record_text(record, TA_RECORD_USER));
    copy_text(row->name, sizeof(row->name), ta_record_text(record, TA_RECORD_NAME));
    copy_text(row->email, sizeof(row->email), ta_record_text(record, TA_RECORD_EMAIL));
    copy_text(row->sub, sizeof(row->sub), ta_record_text(record, TA_RECORD_SUB));
    copy_text(row->provider, sizeof(row->provider), ta_record_text(record, TA_RECORD_PROVIDER));
    copy_text(row->address, sizeof(row->address), ta_record_text(record, TA_RECORD_ADDRESS));
    copy_text(row->browser, sizeof(row->browser), ta_record_text(record, TA_RECORD_BROWSER));
    copy_groups(row, record);
}

/* Newest first; the handle decides between logins of the same second. */
static int comes_before(apr_int64_t created, const char *handle, apr_int64_t than_created,
                        const char *than_handle)
{
    return created != than_created ? created > than_created : strcmp(handle, than_handle) < 0;
}

struct reading {
    const ta_session_query *query;
    ta_session_page *page;
    apr_pool_t *pool;
    int most; /* one more than is shown: then there is a next page */
};

static void insert(struct reading *reading, const ta_record *record, const char *handle)
{
    ta_session_page *page = reading->page;
    ta_session_row **rows = page->rows;
    ta_session_row *row;
    int at = page->count;

    while (at > 0 &&
           comes_before(record->created, handle, rows[at - 1]->created, rows[at - 1]->handle)) {
        at--;
    }
    if (at == reading->most) {
        return;
    }
    if (page->count < reading->most) {
        row = apr_palloc(reading->pool, sizeof(*row));
        page->count++;
    } else {
        row = rows[page->count - 1];
    }
    memmove(rows + at + 1, rows + at, (size_t)(page->count - 1 - at) * sizeof(*rows));
    rows[at] = row;
    fill_row(row, record, handle);
}

static apr_status_t visit_for_page(void *context, const unsigned char *key, ta_bytes bytes)
{
    struct reading *reading = context;
    const ta_session_query *query = reading->query;
    char handle[TA_SESSION_LIST_HANDLE + 1];
    ta_record record;

    if (!read_login(query, bytes, &record) || !matches(&record, query->text)) {
        return APR_SUCCESS;
    }
    if (ta_session_list_handle(key, handle) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    reading->page->total++;
    if (!query->after_handle ||
        comes_before(query->after_created, query->after_handle, record.created, handle)) {
        insert(reading, &record, handle);
    }
    return APR_SUCCESS;
}

apr_status_t ta_session_list_read(apr_pool_t *p, const ta_store *store,
                                  const ta_session_query *query, ta_session_page *page)
{
    struct reading reading = {.query = query, .page = page, .pool = p, .most = query->limit + 1};
    apr_status_t rv;

    *page = (ta_session_page){.count = 0};
    page->rows = apr_palloc(p, (apr_size_t)reading.most * sizeof(*page->rows));
    rv = store->iterate(store->context, p, visit_for_page, &reading);
    page->has_more = page->count > query->limit;
    page->count -= page->has_more;
    return rv;
}

struct finding {
    const ta_session_query *query;
    apr_pool_t *pool;
    const char *handle;
    unsigned char *key;
    ta_record *record;
    int found;
};

static apr_status_t visit_to_find(void *context, const unsigned char *key, ta_bytes bytes)
{
    struct finding *finding = context;
    char handle[TA_SESSION_LIST_HANDLE + 1];

    if (finding->found || ta_record_parent(bytes) ||
        ta_session_list_handle(key, handle) != APR_SUCCESS ||
        strcmp(handle, finding->handle) != 0) {
        return APR_SUCCESS;
    }
    bytes.data = apr_pmemdup(finding->pool, bytes.data, bytes.len);
    if (read_login(finding->query, bytes, finding->record)) {
        memcpy(finding->key, key, TA_STORE_KEY_LEN);
        finding->found = 1;
    }
    return APR_SUCCESS;
}

apr_status_t ta_session_list_find(apr_pool_t *p, const ta_store *store,
                                  const ta_session_query *query, const char *handle,
                                  unsigned char key[TA_STORE_KEY_LEN], ta_record *record)
{
    struct finding finding = {
        .query = query, .pool = p, .handle = handle, .key = key, .record = record};
    apr_status_t rv = store->iterate(store->context, p, visit_to_find, &finding);

    return rv == APR_SUCCESS && !finding.found ? APR_NOTFOUND : rv;
}

struct ending {
    const ta_session_query *query;
    apr_array_header_t *keys; /* of unsigned char[TA_STORE_KEY_LEN] */
};

static apr_status_t visit_to_end(void *context, const unsigned char *key, ta_bytes bytes)
{
    struct ending *ending = context;
    ta_record record;

    if (read_login(ending->query, bytes, &record)) {
        memcpy(apr_array_push(ending->keys), key, TA_STORE_KEY_LEN);
    }
    return APR_SUCCESS;
}

/* One that ended meanwhile is not ended once more. */
static apr_status_t end_one(apr_pool_t *tmp, const ta_store *store, const ta_session_query *query,
                            const unsigned char *key, int *count)
{
    ta_bytes bytes;
    apr_status_t rv = store->load(store->context, tmp, key, NULL, &bytes, NULL);

    if (rv == APR_SUCCESS) {
        rv = store->remove(store->context, tmp, key);
    }
    if (rv == APR_SUCCESS) {
        ++*count;
        return query->ended ? query->ended(query->ended_context, key, bytes) : rv;
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t ta_session_list_end_all(apr_pool_t *tmp, const ta_store *store,
                                     const ta_session_query *query, int *count)
{
    struct ending ending = {query, apr_array_make(tmp, 256, TA_STORE_KEY_LEN)};
    apr_status_t rv = store->iterate(store->context, tmp, visit_to_end, &ending);
    apr_pool_t *each;

    *count = 0;
    if (rv != APR_SUCCESS || (rv = apr_pool_create(&each, tmp)) != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; i < ending.keys->nelts && rv == APR_SUCCESS; i++) {
        apr_pool_clear(each);
        rv = end_one(each, store, query,
                     (const unsigned char *)ending.keys->elts + i * TA_STORE_KEY_LEN, count);
    }
    apr_pool_destroy(each);
    return rv;
}
