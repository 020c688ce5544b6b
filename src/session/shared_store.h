/*
 * A session store in a shared table.
 */
#ifndef TA_SESSION_SHARED_STORE_H
#define TA_SESSION_SHARED_STORE_H

#include "session/shared_table.h"
#include "util/log.h"

typedef struct ta_shared_store {
    ta_store port;
    ta_shared_table *table;
    const ta_log *log;       /* is told when the store fills up */
    apr_time_t (*now)(void); /* microseconds since 1970 */
} ta_shared_store;

/**
 * Makes a table usable as a session store.
 * @param store filled in; its table and log are set by the caller, before
 */
void ta_shared_store_init(ta_shared_store *store);

#endif
