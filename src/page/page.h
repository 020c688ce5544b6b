/*
 * Our pages: login, logout, signed out, unauthorized, error. Their HTML and CSS are files in
 * html/, compiled in by the build; an administrator may give them another look.
 */
#ifndef TA_PAGE_PAGE_H
#define TA_PAGE_PAGE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "page/language.h"
#include "page/template.h"
#include "util/asset.h"

typedef enum ta_page_id {
    TA_PAGE_LOGIN,        /* providers[name url icon_url? is_pocket?], reason? (a sentence) */
    TA_PAGE_LOGOUT,       /* user, action, token, cancel_url */
    TA_PAGE_SIGNED_OUT,   /* home_url */
    TA_PAGE_UNAUTHORIZED, /* user, name?, email?, resource, reason_title, reason_advice, reason,
                             groups[name]?, switch_url, back_url?, logout_url?, explained? with
                             lines[name]? and own_groups[name]? */
    TA_PAGE_ERROR,        /* reason_title, reason_advice, reason, quoted?, retry_url?, home_url?,
                             signin_url? (a 401's login link) */
    TA_PAGE_SESSIONS,     /* action, token, query?, total?, unlisted?, first_url?, next_url?,
                             sessions[handle user name? email? own? groups[name] provider address
                             browser created last_used] */
    TA_PAGE_COUNT
} ta_page_id; /* all: language, direction, title, contact?, contact_url?, request_id?,
                 logo_url?, background_url?, stylesheet_url? */

/* An administrator's own file in place of one of html/, or beside them. */
typedef struct ta_page_file {
    const char *name;
    const char *text;
} ta_page_file;

/* All pages, made once of the administrator's files and ours. */
typedef struct ta_page_set {
    int has_files;            /* some of the administrator's */
    const char *style_source; /* by which their policy allows their style sheet */
    ta_template *templates[TA_PAGE_COUNT];
} ta_page_set;

/* How the pages of a site look; NULL and zeros: as they are built in. */
typedef struct ta_look {
    const ta_page_set *pages; /* NULL: ours, read for each page */
    const ta_asset *logo;
    const ta_asset *background;
    const ta_asset *stylesheet;
    int has_icons; /* a provider has a picture of its own */
} ta_look;

/**
 * Reads all pages.
 * @param p     pool of the result
 * @param files of ta_page_file: in place of ours, or beside them; NULL: none
 * @param error set to "name:line: what is wrong" where they cannot be made
 * @return the pages, or NULL
 */
const ta_page_set *ta_page_make_set(apr_pool_t *p, const apr_array_header_t *files,
                                    const char **error);

/**
 * Renders a page.
 * @param p        pool of the result
 * @param look     how it looks; NULL: as it is built in
 * @param language of its words; NULL: English
 * @param page     which one
 * @param values   as listed above
 * @param html     set to the page
 * @return APR_SUCCESS, APR_ENOSPC when the page would grow beyond 64 KB (TA_PAGE_SESSIONS:
 *         512 KB), or APR_EINVAL for a page that there is not
 */
apr_status_t ta_page_render(apr_pool_t *p, const ta_look *look, const ta_language *language,
                            ta_page_id page, const ta_values *values, const char **html);

/**
 * The Content-Security-Policy of our pages: the one inline style sheet, by its hash, pictures
 * and style sheets of this host where the look has any, and forms to ourselves and to
 * form_origins. Nothing else, nothing of anybody else's.
 * @param form_origins origins that a form's answer may redirect to, blanks between, or NULL
 *                     (browsers hold form-action against each redirect that follows); left out
 *                     when any of them is no origin
 */
const char *ta_page_policy(apr_pool_t *p, const ta_look *look, const char *form_origins);

#endif
