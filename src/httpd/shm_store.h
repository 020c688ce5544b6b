/*
 * The session store "shm": shared memory of our own, with or without a file behind it.
 */
#ifndef TA_HTTPD_SHM_STORE_H
#define TA_HTTPD_SHM_STORE_H

#include "httpd/store_kind.h"

extern const ta_store_kind ta_shm_store_kind;

#endif
