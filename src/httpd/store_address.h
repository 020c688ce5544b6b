/*
 * Where a store outside is, and how it is spoken to: what TinyauthSessionStore says behind
 * "redis:" or "memcache:".
 */
#ifndef TA_HTTPD_STORE_ADDRESS_H
#define TA_HTTPD_STORE_ADDRESS_H

#include "httpd/store_kind.h"
#include "net/redis.h"

typedef struct ta_store_address {
    ta_redis_settings server; /* for memcache its peer alone counts */
    int tls;
    const char *ca_file;
    const char *prefix; /* of every name in the store */
} ta_store_address;

/**
 * Reads "host:port,option,option=value…"; files that hold secrets are read now.
 * @param spec         TinyauthSessionStore; without a key such a store cannot be used
 * @param default_port where none is written
 * @return NULL, or what is wrong, to follow "TinyauthSessionStore "
 */
const char *ta_store_address_parse(apr_pool_t *p, const ta_store_spec *spec, int default_port,
                                   ta_store_address *address);

#endif
