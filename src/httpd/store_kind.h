/*
 * The kinds of session stores: what TinyauthSessionStore begins with decides which one is
 * opened. Each kind is a table of its own, at the end of its file.
 */
#ifndef TA_HTTPD_STORE_KIND_H
#define TA_HTTPD_STORE_KIND_H

#include <httpd.h>

#include "jose/seal.h"
#include "session/store.h"

/* TinyauthSessionStore, taken apart. */
typedef struct ta_store_spec {
    const char *text;       /* as it was written: "shm:64M" */
    const char *name;       /* "shm" */
    const char *arguments;  /* "64M", or NULL */
    const ta_seal_key *key; /* of TinyauthSecretFile; NULL: there is none */
} ta_store_spec;

typedef struct ta_store_kind {
    const char *name; /* NULL: whatever is no other kind */

    /** pre_config: registers what must be known before the configuration is read. May be NULL. */
    apr_status_t (*prepare)(apr_pool_t *pconf);

    /** Whether such a store can be had, without opening it.
     *  @return NULL, or what is wrong and what to write, to follow "TinyauthSessionStore " */
    const char *(*check)(apr_pool_t *p, const ta_store_spec *spec);

    /** post_config: opens the store in the parent. A failure is logged. */
    apr_status_t (*open)(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s,
                         const ta_store_spec *spec, ta_store **store);

    /** child_init: makes an opened store usable in a child. May be NULL. */
    apr_status_t (*start_child)(apr_pool_t *pchild, ta_store *store);
} ta_store_kind;

/** Lets every kind prepare itself; in pre_config. */
apr_status_t ta_store_kind_prepare(apr_pool_t *pconf);

/**
 * Takes TinyauthSessionStore apart.
 * @param text as it was written; NULL for the default
 * @param key  of TinyauthSecretFile, or NULL
 * @param spec filled in; its strings are in p
 * @return its kind; never NULL
 */
const ta_store_kind *ta_store_kind_find(apr_pool_t *p, const char *text, const ta_seal_key *key,
                                        ta_store_spec *spec);

/** Seconds that no login outlives, on any server of the configuration. */
apr_int64_t ta_store_kind_longest_login(server_rec *s);

#endif
