/*
 * Tinyauth's environment variables, as settings of the main server.
 */
#ifndef TA_HTTPD_ENVIRONMENT_H
#define TA_HTTPD_ENVIRONMENT_H

#include "httpd/config.h"

#define TA_ENVIRONMENT          "the environment" /* where a provider of no section comes from */
#define TA_ENVIRONMENT_PROVIDER "TINYAUTH_OAUTH_PROVIDERS_" /* … <ID>_<KEY> */

/**
 * Reads every TINYAUTH_… variable into the main server's settings, where no directive made
 * the setting. Unknown ones are warned of with the nearest known name.
 * @param config the main server's settings
 * @param warn   whether to write the warnings (the configuration is read twice at start)
 * @return NULL, or a sentence that names the variable and what is wrong
 */
const char *ta_environment_apply(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                 int warn);

#endif
