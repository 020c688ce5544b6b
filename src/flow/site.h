/*
 * What an administrator decided for one virtual host, as the flow sees it; and for one part
 * of it (a <Location>, say), the scope.
 */
#ifndef TA_FLOW_SITE_H
#define TA_FLOW_SITE_H

#include <apr_tables.h>

#include "jose/seal.h"
#include "oidc/provider.h"
#include "page/page.h"
#include "session/lifetime.h"
#include "util/filter.h"

typedef struct ta_site {
    apr_array_header_t *providers; /* of ta_provider*, in the order of their ids */
    const char *app_origin;        /* where logins live; NULL: each request's own origin */
    const char *path;              /* prefix of our pages: "/tinyauth" */
    const char *auto_redirect;     /* provider id that needs no login page, or NULL */
    const ta_filter *whitelist;    /* e-mails that may log in at all; NULL: everyone */
    const char *title;
    const char *cookie_domain;   /* without leading dot; NULL: host-only cookies */
    const char *contact;         /* e-mail, URL or words; NULL: none */
    const ta_language *language; /* of the pages; meant where has_language */
    int has_language;            /* 0: the browser's choice */
    ta_look look;                /* of the pages */
    apr_array_header_t *assets;  /* of const ta_asset*: what the look and the providers show */
    ta_lifetime lifetime;
    apr_int64_t revalidate; /* seconds after which the provider is asked again */
    ta_seal_key key;        /* seals what goes through the browser */
} ta_site;

typedef enum ta_unauthenticated {
    TA_UNAUTHENTICATED_AUTO,  /* navigations to the login page, everything else 401 */
    TA_UNAUTHENTICATED_LOGIN, /* everything to the login page */
    TA_UNAUTHENTICATED_DENY   /* everything 401 */
} ta_unauthenticated;

typedef struct ta_scope {
    apr_array_header_t *providers; /* of const char*: ids that may be used here; NULL: all */
    ta_unauthenticated unauthenticated;
} ta_scope;

/** The provider of an id, or NULL. */
const ta_provider *ta_site_find_provider(const ta_site *site, const char *id);

/** True when a cookie of a domain goes to a host: the domain itself, or a name below it.
 *  @param domain NULL covers nothing */
int ta_site_domain_covers(const char *domain, const char *host);

/** True when a scope lets a provider's sessions in. */
int ta_scope_allows(const ta_scope *scope, const char *provider_id);

#endif
