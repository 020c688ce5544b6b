/*
 * The sessions in a store, for those who look after them. A session is named by a handle that
 * is derived from its storage key: it lets nobody in, and says nothing to the store.
 */
#ifndef TA_SESSION_SESSION_LIST_H
#define TA_SESSION_SESSION_LIST_H

#include <apr_pools.h>

#include "session/record.h"
#include "session/store.h"

#define TA_SESSION_LIST_HANDLE 32   /* characters of a handle */
#define TA_SESSION_LIST_FIELD  128  /* bytes of a name that are kept */
#define TA_SESSION_LIST_GROUPS 512  /* bytes of all groups together */
#define TA_SESSION_LIST_CLIENT 256  /* bytes of address or browser */
#define TA_SESSION_LIST_MOST   1000 /* rows of a page */

/* One session, its texts cut to what is shown: then they end in "…", and groups in one "…". */
typedef struct ta_session_row {
    char handle[TA_SESSION_LIST_HANDLE + 1];
    apr_int64_t created; /* seconds since 1970 */
    apr_int64_t last_used;
    char user[TA_SESSION_LIST_FIELD];
    char name[TA_SESSION_LIST_FIELD];
    char email[TA_SESSION_LIST_FIELD];
    char sub[TA_SESSION_LIST_FIELD];
    char provider[TA_SESSION_LIST_FIELD];
    char address[TA_SESSION_LIST_CLIENT];
    char browser[TA_SESSION_LIST_CLIENT];
    char groups[TA_SESSION_LIST_GROUPS]; /* in a row, each with its NUL; "" ends them */
} ta_session_row;

/* Which sessions, in which order: the newest logins first. */
typedef struct ta_session_query {
    const char *text;          /* in user, name, e-mail, sub, group, provider, address or browser,
                                  whatever the case of ASCII letters; NULL: all */
    apr_int64_t after_created; /* only those behind this one … */
    const char *after_handle;  /* … NULL: from the first */
    int limit;                 /* rows, up to TA_SESSION_LIST_MOST */
    int (*counts)(void *context, const ta_record *record); /* false: it is not shown */
    void *context;
    ta_store_visit ended; /* is told each login that ta_session_list_end_all ended; or NULL */
    void *ended_context;
} ta_session_query;

typedef struct ta_session_page {
    ta_session_row **rows;
    int count;
    int has_more;
    apr_int64_t total; /* all that match, on whatever page */
} ta_session_page;

/** The handle of a storage key, 32 hex digits. @return APR_SUCCESS, or APR_EGENERAL */
apr_status_t ta_session_list_handle(const unsigned char key[TA_STORE_KEY_LEN],
                                    char handle[TA_SESSION_LIST_HANDLE + 1]);

/**
 * One page of the store's sessions. Memory is that of the page, however many sessions there are.
 * @param p     pool of the page
 * @param store one whose iterate is not NULL
 * @return APR_SUCCESS, or the store's error
 */
apr_status_t ta_session_list_read(apr_pool_t *p, const ta_store *store,
                                  const ta_session_query *query, ta_session_page *page);

/**
 * Finds a session by its handle.
 * @param query  counts and its context; the rest does not matter
 * @param key    set to its storage key
 * @param record set to its record, in p
 * @return APR_SUCCESS, APR_NOTFOUND, or the store's error
 */
apr_status_t ta_session_list_find(apr_pool_t *p, const ta_store *store,
                                  const ta_session_query *query, const char *handle,
                                  unsigned char key[TA_STORE_KEY_LEN], ta_record *record);

/**
 * Ends every session that counts.
 * @param query  counts and ended, each with its context; the rest does not matter
 * @param tmp   holds 32 bytes for each session meanwhile
 * @param count set to how many
 * @return APR_SUCCESS, or the store's error: some may be left
 */
apr_status_t ta_session_list_end_all(apr_pool_t *tmp, const ta_store *store,
                                     const ta_session_query *query, int *count);

#endif
