/*
 * The module record, for everybody in this folder who asks httpd for our configuration or
 * logs under our name.
 */
#ifndef TA_HTTPD_MODULE_H
#define TA_HTTPD_MODULE_H

#include <httpd.h>
#include <http_config.h>

/* the one symbol that we export; everything else is hidden */
extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA tinyauth_module;

#endif
