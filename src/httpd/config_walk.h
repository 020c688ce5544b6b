/*
 * What can be told from the configuration's text alone: sections that ask for a login of ours
 * and name no rule, pages of ours that nothing protects, rules of ours under another AuthType,
 * ids of providers that nobody described; and what the dump says of the text.
 */
#ifndef TA_HTTPD_CONFIG_WALK_H
#define TA_HTTPD_CONFIG_WALK_H

#include <httpd.h>

/** Walks over all that was read. @return OK, or HTTP_INTERNAL_SERVER_ERROR after a message */
int ta_config_walk(apr_pool_t *tmp, server_rec *main_server);

/** "file:line" of a directive outside of virtual hosts. @return it in p, or NULL */
const char *ta_config_walk_place(apr_pool_t *p, const char *directive);

/** The argument of a directive in the server's own part of the files: of its <VirtualHost>, or
 *  of everything outside of virtual hosts. @return it in p, or NULL */
const char *ta_config_walk_find(apr_pool_t *p, const server_rec *s, const char *directive);

/** True where the server's own part, or what it inherits, asks for a login of ours. */
int ta_config_walk_asks(apr_pool_t *tmp, const server_rec *s);

/** The groups that Require oauth-group lets in by name, each once; array of const char* in p. */
apr_array_header_t *ta_config_walk_groups(apr_pool_t *p);

#endif
