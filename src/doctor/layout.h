/*
 * The server's configuration as tinyauth-doctor sees it: the dump that mod_tinyauth writes for
 * "-t -D TINYAUTH_DUMP", and what follows from it, above all the URLs to register.
 */
#ifndef TA_DOCTOR_LAYOUT_H
#define TA_DOCTOR_LAYOUT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "oidc/provider.h"
#include "util/bytes.h"

/* A host that people log in at. */
typedef struct ta_layout_host {
    const char *place;           /* "/etc/apache2/sites-enabled/x.conf:3" */
    const char *origin;          /* "https://myapp.example.com"; NULL where it cannot be told */
    apr_array_header_t *aliases; /* of const char*: further host names */
    const char *app_origin;      /* where its logins live; NULL: on each of its names */
    const char *path;
    const char *cookie_domain;
    const char *secret_file;     /* of TinyauthSecretFile, or NULL */
    apr_array_header_t *clients; /* of ta_layout_client*; a section of the main server is shared */
} ta_layout_host;

/* A <TinyauthProvider> section: this server as a client of that provider. */
typedef struct ta_layout_client {
    ta_provider provider; /* without its secret */
    const char *where;
    const char *section; /* all that the dump says of it, by which it is known again */
    int has_secret;
    const char *secret_file;       /* NULL: written in the configuration itself, or no secret */
    apr_array_header_t *callbacks; /* of const char*: URLs to register, each once */
    apr_array_header_t *logout_callbacks; /* the same, for logging out */
} ta_layout_client;

typedef struct ta_layout {
    const char *store;           /* of TinyauthSessionStore */
    apr_array_header_t *groups;  /* of const char*: what Require oauth-group names */
    apr_array_header_t *origins; /* of const char*: every host's, also where nobody logs in */
    apr_array_header_t *hosts;   /* of ta_layout_host* */
    apr_array_header_t *clients; /* of ta_layout_client*, each once */
} ta_layout;

/**
 * Reads a dump. Hosts that ask nobody for a login are left out, unless none does: then a
 * .htaccess file may. The main server is left out where there are virtual hosts.
 * @return NULL, or a sentence about what is wrong
 */
const char *ta_layout_parse(apr_pool_t *p, ta_bytes dump, ta_layout **result);

/** An empty layout, to which a single client can be added. */
ta_layout *ta_layout_make(apr_pool_t *p);

/** A client in a layout, empty but for its URLs' arrays and where it was described. */
ta_layout_client *ta_layout_add_client(apr_pool_t *p, ta_layout *layout, const char *where);

#endif
