/*
 * The directives of a <TinyauthProvider> section, in one table for directives and environment
 * variables alike.
 */
#ifndef TA_HTTPD_PROVIDER_SETTINGS_H
#define TA_HTTPD_PROVIDER_SETTINGS_H

#include "httpd/config.h"

/**
 * Makes one setting of a provider.
 * @param p         pool of the value
 * @param tmp       scratch
 * @param section   whose
 * @param directive its name, in any case of letters
 * @param value     as it was written; lists with blanks between
 * @return NULL, or a sentence about what is wrong
 */
const char *ta_provider_settings_apply(apr_pool_t *p, apr_pool_t *tmp, ta_section *section,
                                       const char *directive, const char *value);

/** True for a directive of a <TinyauthProvider> section, in any case of letters. */
int ta_provider_settings_has(const char *directive);

/** True where the setting of this directive was made already. */
int ta_provider_settings_is_made(const ta_section *section, const char *directive);

/** The directives in a row; NULL beyond the last. */
const char *ta_provider_settings_at(apr_size_t index);

#endif
