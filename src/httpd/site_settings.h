/*
 * The directives of a server that Tinyauth has as environment variables too, in one table.
 */
#ifndef TA_HTTPD_SITE_SETTINGS_H
#define TA_HTTPD_SITE_SETTINGS_H

#include "httpd/config.h"

/**
 * Makes one setting of a server.
 * @param directive its name, in any case of letters
 * @return NULL, or words about what is wrong that follow the setting's name
 */
const char *ta_site_settings_apply(apr_pool_t *p, apr_pool_t *tmp, ta_server_config *config,
                                   const char *directive, const char *value);

/** True where the setting of this directive was made already. */
int ta_site_settings_is_made(const ta_server_config *config, const char *directive);

/** The directive of an environment variable ("TINYAUTH_APPURL"), or NULL. */
const char *ta_site_settings_find_variable(const char *variable);

/** The variables in a row; NULL beyond the last. */
const char *ta_site_settings_variable_at(apr_size_t index);

#endif
