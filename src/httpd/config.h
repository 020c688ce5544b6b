/*
 * What the directives say, as they were read: per server and per directory. setup.c turns
 * the server's part into a ta_site once everything has been read.
 */
#ifndef TA_HTTPD_CONFIG_H
#define TA_HTTPD_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include "flow/site.h"

struct ta_process; /* httpd/process.h */

/* A provider and where it was described. */
typedef struct ta_section {
    ta_provider provider;
    const char *where;       /* "/etc/apache2/sites/x.conf:12", or "the environment" */
    const char *secret_file; /* what TinyauthClientSecretFile names, or NULL */
    unsigned set;            /* bit n: the n-th setting of provider_settings.c was made */
} ta_section;

#define TA_UNSET (-1)

typedef struct ta_server_config {
    int engine;          /* 1, 0, or TA_UNSET: on where a provider is visible */
    const char *app_url; /* everything here: NULL or TA_UNSET where it was not written */
    const char *path;
    const char *auto_redirect;
    ta_filter *whitelist; /* empty: everyone */
    const char *title;
    const char *contact;
    const char *language; /* a tag that we have, or "auto" */
    const ta_asset *logo;
    const ta_asset *background;
    const ta_asset *stylesheet;
    const ta_page_set *pages; /* with the files of TinyauthTemplateDir */
    const char *cookie_domain;
    int session_expiry;
    int session_max_lifetime;
    int revalidate;
    const char *session_store;
    const char *audit_log;              /* file, or "|program" */
    const char *secret;                 /* what TinyauthSecretFile holds */
    const char *secret_file;            /* its name */
    ta_seal_key secret_key;             /* derived from it, where there is one */
    apr_array_header_t *sections;       /* of ta_section* */
    ta_section *open;                   /* the <TinyauthProvider> that is being read, or NULL */
    ta_site *site;                      /* made by setup.c; NULL: the engine is off here */
    const struct ta_known_hosts *hosts; /* this server's names, prepared; see request_map.h */
    struct ta_process *process;         /* what this process shares; set in each child */
} ta_server_config;

typedef struct ta_directory_config {
    ta_scope scope;                /* as the flow sees it; valid after merging */
    int unauthenticated;           /* a ta_unauthenticated, or TA_UNSET */
    int headers;                   /* 1, 0, or TA_UNSET */
    apr_array_header_t *explained; /* of const char*: users who may know why they are denied */
} ta_directory_config;

/** create_server_config, merge_server_config, create_dir_config and merge_dir_config. */
void *ta_config_create_server(apr_pool_t *p, server_rec *s);
void *ta_config_merge_server(apr_pool_t *p, void *base, void *add);
void *ta_config_create_directory(apr_pool_t *p, char *directory);
void *ta_config_merge_directory(apr_pool_t *p, void *base, void *add);

/** Settings of a server; never NULL. */
ta_server_config *ta_config_of_server(const server_rec *s);

/** Settings of the part of the site that a request is in; never NULL. */
const ta_directory_config *ta_config_of_directory(const request_rec *r);

/** A server's section of an id, or NULL. */
ta_section *ta_config_find_section(const ta_server_config *config, const char *id);

#endif
