/*
 * The client's request, cleansed. Back ends fold header names in ways of their own (CGI makes
 * '_' of '-', others take '.' for it), so every spelling that could become one of ours goes.
 */
#include "httpd/cleanse.h"

#include <strings.h>

#include <http_config.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "flow/own_cookies.h"
#include "httpd/config.h"
#include "httpd/context.h"
#include "httpd/identity.h"
#include "util/cookie.h"

/* One name as the most careless back end would read it: letters small, all else a dash. */
static int is_same_folded(const char *sent, apr_size_t len, const char *name)
{
    /* blanks at the end are no part of a name, but some parsers let them pass */
    while (len && apr_isspace(sent[len - 1])) {
        len--;
    }
    if (len != strlen(name)) {
        return 0;
    }
    for (apr_size_t i = 0; i < len; i++) {
        int folded = apr_isalnum(sent[i]) ? apr_tolower(sent[i]) : '-';

        if (folded != apr_tolower(name[i])) {
            return 0;
        }
    }
    return 1;
}

static int is_identity_header(const char *sent, apr_size_t len)
{
    for (int i = 0; i < TA_IDENTITY_HEADERS; i++) {
        if (is_same_folded(sent, len, ta_identity_headers[i].header)) {
            return 1;
        }
    }
    return 0;
}

int ta_cleanse_may_hold_ours(const apr_table_t *table)
{
    const apr_array_header_t *all = apr_table_elts(table);
    const apr_table_entry_t *each = (const apr_table_entry_t *)all->elts;

    for (const apr_table_entry_t *end = each + all->nelts; each < end; each++) {
        if (each->key && (*each->key | 0x20) == 't') {
            return 1;
        }
    }
    return 0;
}

/* What there is to cleanse, found in one walk. */
typedef struct sent_headers {
    apr_array_header_t *forged; /* names, or NULL */
    const char *connection;
    const char *cookie;
} sent_headers;

static void look_at_header(request_rec *r, const apr_table_entry_t *header, sent_headers *sent)
{
    if ((*header->key | 0x20) == 'r') {
        if (is_identity_header(header->key, strlen(header->key))) {
            sent->forged =
                sent->forged ? sent->forged : apr_array_make(r->pool, 1, sizeof(const char *));
            APR_ARRAY_PUSH(sent->forged, const char *) = header->key;
        }
    } else if (!sent->cookie && strcasecmp(header->key, "Cookie") == 0) {
        sent->cookie = header->val;
    } else if (!sent->connection && strcasecmp(header->key, "Connection") == 0) {
        sent->connection = header->val;
    }
}

/* Removes what is forged. Each name that matters begins with one of two letters. */
static void cleanse_headers(request_rec *r, sent_headers *sent)
{
    const apr_array_header_t *all = apr_table_elts(r->headers_in);
    const apr_table_entry_t *each = (const apr_table_entry_t *)all->elts;

    for (const apr_table_entry_t *end = each + all->nelts; each < end; each++) {
        if (each->key && ((*each->key | 0x20) == 'r' || (*each->key | 0x20) == 'c')) {
            look_at_header(r, each, sent);
        }
    }
    for (int i = 0; sent->forged && i < sent->forged->nelts; i++) {
        apr_table_unset(r->headers_in, APR_ARRAY_IDX(sent->forged, i, const char *));
    }
}

void ta_cleanse_identity_headers(request_rec *r)
{
    sent_headers sent = {.forged = NULL};

    cleanse_headers(r, &sent);
}

/* mod_proxy drops each header that the client names in Connection, and it would drop ours. It
 * ends a name not only at a comma. */
static void cleanse_connection(request_rec *r, const char *connection)
{
    const char *kept = NULL;
    int removed = 0;

    while (connection && *connection) {
        apr_size_t len = strcspn(connection, ",; \t\r\n\v\f");
        const char *token = connection;

        connection += len + (connection[len] != '\0');
        if (is_identity_header(token, len)) {
            removed = 1;
        } else if (len) {
            const char *copy = apr_pstrmemdup(r->pool, token, len);

            kept = kept ? apr_pstrcat(r->pool, kept, ", ", copy, NULL) : copy;
        }
    }
    if (removed && kept) {
        apr_table_setn(r->headers_in, "Connection", kept);
    } else if (removed) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

static apr_array_header_t *take_cookies(request_rec *r, const char *header)
{
    apr_array_header_t *ours = apr_array_make(r->pool, 2, sizeof(ta_cookie));
    const char *rest;

    if (header && ta_cookie_split(r->pool, header, TA_OWN_COOKIES_BASE, ours, &rest)) {
        if (rest) {
            apr_table_setn(r->headers_in, "Cookie", rest);
        } else {
            apr_table_unset(r->headers_in, "Cookie");
        }
    }
    return ours;
}

int ta_cleanse_request(request_rec *r)
{
    sent_headers sent = {.forged = NULL};

    if (!ta_context_is_first(r) || !ta_config_of_server(r->server)->site) {
        return DECLINED;
    }
    cleanse_headers(r, &sent);
    cleanse_connection(r, sent.connection);
    (void)ta_context_make(r, take_cookies(r, sent.cookie));
    return DECLINED;
}
