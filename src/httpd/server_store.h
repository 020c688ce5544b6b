/*
 * The kinds of store "redis" and "memcache": sessions in a server that several machines share.
 */
#ifndef TA_HTTPD_SERVER_STORE_H
#define TA_HTTPD_SERVER_STORE_H

#include "httpd/store_kind.h"

extern const ta_store_kind ta_server_store_redis;
extern const ta_store_kind ta_server_store_memcache;

#endif
