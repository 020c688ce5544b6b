/*
 * The shared table as a provider of httpd's shared object cache, for other modules.
 */
#ifndef TA_HTTPD_SHM_PROVIDER_H
#define TA_HTTPD_SHM_PROVIDER_H

#include <httpd.h>

/** Registers the provider "shm" for the configuration that is read next. */
apr_status_t ta_shm_provider_register(apr_pool_t *p);

#endif
