/*
 * Values of directives and environment variables: how each kind is written.
 */
#ifndef TA_HTTPD_VALUES_H
#define TA_HTTPD_VALUES_H

#include <apr_pools.h>
#include <apr_tables.h>

/* Each function returns NULL, or words about what is wrong that follow the setting's name
 * ("must be On or Off, not \"maybe\""). */

/** On, Off, and the like of them (true, yes, 1, …). */
const char *ta_values_read_flag(apr_pool_t *p, const char *value, int *flag);

/** A number of seconds from minimum up to 68 years, which is what 31 bits hold. */
const char *ta_values_read_seconds(apr_pool_t *p, const char *value, int minimum, int *seconds);

/** A secret out of a file: the first line that is not blank, trimmed. Read while the
 *  configuration is read, as root. Warns where everybody can read the file. */
const char *ta_values_read_secret(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                  const char **secret);

/** The full name of a file that can be read now. */
const char *ta_values_read_file_name(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                     const char **full);

/** Words, with blanks or commas between; array of const char* in p. */
apr_array_header_t *ta_values_split(apr_pool_t *p, const char *value);

/** The rest of a directive's line as words with one blank between, quotes taken off. */
const char *ta_values_join_words(apr_pool_t *p, const char *args);

/** A number of bytes such as "64M" (K, M and G in any case of letters).
 *  @return the bytes; 0 for what is no size, and for more than maximum */
apr_size_t ta_values_read_size(const char *value, apr_int64_t maximum);

#endif
