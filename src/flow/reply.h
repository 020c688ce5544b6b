/*
 * What to answer. The flow builds a reply; whoever carries it to the browser decides nothing
 * any more. Every reply of ours is made here, and so has the right headers.
 */
#ifndef TA_FLOW_REPLY_H
#define TA_FLOW_REPLY_H

#include <apr_tables.h>

#include "flow/env.h"
#include "page/page.h"
#include "util/fault.h"

typedef struct ta_reply {
    int status;
    const char *location;     /* of a redirect, or NULL */
    const char *content_type; /* NULL: no body */
    const char *body;
    const ta_asset *asset;       /* a file that is sent instead of a body, or NULL */
    const char *language;        /* of the body (BCP 47), or NULL */
    const char *policy;          /* Content-Security-Policy, or NULL */
    const char *allow;           /* of a 405, or NULL */
    int challenge;               /* send WWW-Authenticate */
    ta_reason reason;            /* why something was refused, or TA_REASON_NONE */
    apr_array_header_t *cookies; /* of const char*: Set-Cookie values */
} ta_reply;

/* One of our own members in a problem document; a list of them ends with a name of NULL. */
typedef struct ta_problem_member {
    const char *name;
    const char *text;               /* NULL: left out */
    const apr_array_header_t *list; /* of const char*, instead; NULL: left out */
} ta_problem_member;

/** An empty reply. */
ta_reply *ta_reply_make(const ta_env *env, int status);

/** Sends the browser elsewhere: 302, or 303 after something was done. */
ta_reply *ta_reply_redirect(const ta_env *env, int status, const char *location);

/** The language of this browser's pages: TinyauthLanguage, else the best of its own. */
const ta_language *ta_reply_language(const ta_env *env);

/** Sets reason, reason_title and reason_advice of a page, in the browser's language. */
void ta_reply_explain(const ta_env *env, ta_values *values, ta_reason reason);

/** A page. values as page.h lists them; what all pages have is added here. */
ta_reply *ta_reply_page(const ta_env *env, int status, ta_page_id page, ta_values *values,
                        const char *form_origins);

/** The right form for a refusal: an error page with the reason, or problem+json (RFC 9457)
 *  for those who did not ask for a page. Does not log.
 *  @param retry where "try again" leads, or NULL */
ta_reply *ta_reply_refuse(const ta_env *env, const ta_fault *fault, const char *retry);

/** The same, and logs it. For what nobody else logs. */
ta_reply *ta_reply_refuse_and_log(const ta_env *env, const ta_fault *fault, const char *retry);

/** The twin of a page for programs: problem+json alone, in English, with members of its own.
 *  @param members ended by one without a name; NULL: none */
ta_reply *ta_reply_problem(const ta_env *env, const ta_fault *fault,
                           const ta_problem_member *members);

/** A file of the administrator's. */
ta_reply *ta_reply_asset(const ta_env *env, const ta_asset *asset);

/** The address of such a file, for a page; NULL for NULL. */
const char *ta_reply_asset_url(const ta_env *env, const ta_asset *asset);

/** Adds a cookie of ours to a reply, or deletes one (value NULL). */
void ta_reply_set_cookie(const ta_env *env, ta_reply *reply, const char *name, const char *value,
                         int max_age, const char *domain);

#endif
