/*
 * The session store on httpd's own shared memory, mod_socache_shmcb. It is memory of this machine
 * that httpd alone maps, so it is as open, and needs as little of a secret, as our own.
 */
#ifndef TA_HTTPD_SOCACHE_STORE_H
#define TA_HTTPD_SOCACHE_STORE_H

#include "httpd/store_kind.h"

extern const ta_store_kind ta_socache_store_kind;

#endif
