/*
 * Values by name: how they are kept, which one a name means, and which may become a link.
 */
#include "page/template_values.h"

#include <string.h>

#include <apr_hash.h>

struct ta_values {
    apr_pool_t *pool;
    apr_hash_t *texts;
    apr_hash_t *lists;      /* of apr_array_header_t of ta_values * */
    const ta_values *outer; /* of an item: the values that its list stands among */
};

static ta_values *make_values(apr_pool_t *p, const ta_values *outer)
{
    ta_values *values = apr_pcalloc(p, sizeof(*values));

    values->pool = p;
    values->texts = apr_hash_make(p);
    values->lists = apr_hash_make(p);
    values->outer = outer;
    return values;
}

ta_values *ta_values_make(apr_pool_t *p)
{
    return make_values(p, NULL);
}

void ta_values_set(ta_values *values, const char *name, const char *text)
{
    /* "" and not nothing: an item without a value must not show the outer one of that name */
    apr_hash_set(values->texts, name, APR_HASH_KEY_STRING, text ? text : "");
}

/* What a browser takes for a path on the same host. It reads '\' as '/', and leaves out tabs
 * and line breaks before it looks (WHATWG URL 4.4). */
static int is_path(const char *url)
{
    return url[0] == '/' && url[1] != '/' && url[1] != '\\';
}

/* An address that needs no escaping, and so has no headers of a message in it (RFC 6068). */
static int is_mail_address(const char *address)
{
    apr_size_t len = strspn(address, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789.+_-@");

    return len > 2 && address[len] == '\0' && strchr(address, '@') != NULL;
}

static int is_link(const char *url)
{
    if (strncmp(url, "mailto:", 7) == 0) {
        return is_mail_address(url + 7);
    }
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0 && !is_path(url)) {
        return 0;
    }
    for (const char *c = url; *c; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f) {
            return 0;
        }
    }
    return 1;
}

void ta_values_set_url(ta_values *values, const char *name, const char *url)
{
    ta_values_set(values, name, url && is_link(url) ? url : NULL);
}

ta_values *ta_values_add_item(ta_values *values, const char *list)
{
    apr_array_header_t *items = apr_hash_get(values->lists, list, APR_HASH_KEY_STRING);
    ta_values *item = make_values(values->pool, values);

    if (!items) {
        items = apr_array_make(values->pool, 4, sizeof(ta_values *));
        apr_hash_set(values->lists, list, APR_HASH_KEY_STRING, items);
    }
    APR_ARRAY_PUSH(items, ta_values *) = item;
    return item;
}

const char *ta_values_find_text(const ta_values *values, const char *name)
{
    const char *text = NULL;

    for (; values && !text; values = values->outer) {
        text = apr_hash_get(values->texts, name, APR_HASH_KEY_STRING);
    }
    return text ? text : "";
}

const apr_array_header_t *ta_values_find_list(const ta_values *values, const char *name)
{
    const apr_array_header_t *list = NULL;

    for (; values && !list; values = values->outer) {
        list = apr_hash_get(values->lists, name, APR_HASH_KEY_STRING);
    }
    return list;
}
