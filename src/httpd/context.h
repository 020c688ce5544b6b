/*
 * What we know of one request of a browser: made when it is read, kept with the first
 * request_rec, and found again by its subrequests and internal redirects.
 */
#ifndef TA_HTTPD_CONTEXT_H
#define TA_HTTPD_CONTEXT_H

#include <httpd.h>

#include "flow/access.h"
#include "flow/denied.h"
#include "flow/endpoint.h"
#include "flow/env.h"
#include "httpd/module.h"

typedef enum ta_auth_type { TA_AUTH_TYPE_NONE, TA_AUTH_TYPE_OURS, TA_AUTH_TYPE_OTHER } ta_auth_type;

/** What r->ap_auth_type points to where we let the request in, and nobody else. */
extern const char ta_context_auth_type[];

typedef struct ta_context {
    ta_env env;
    ta_request request;
    const ta_endpoint *endpoint; /* the URL is ours; NULL: the application's */
    int session_looked_up;
    apr_status_t session_status; /* as of ta_access_find_session */
    ta_session *session;         /* who is signed in, or NULL */
    const ta_reply *login_again; /* the session counts, but this navigation asks for a new one */
    int is_overdue;              /* and for nothing else it counts */
    int is_authenticated;        /* check_authn let this session in, somewhere */
    const void *auth_scope;      /* per_dir_config that was last asked for its AuthType, and … */
    ta_auth_type auth_type;      /* … what it is */
    const void *implied_scope;   /* per_dir_config without an AuthType, in which ours is meant */
    const void *identity_scope;  /* per_dir_config in which fixups set the identity */
    int is_rechecking;           /* check_authz runs the checkers itself */
    int has_doubts;              /* an alias of a Require does not know what the safe answer is */
    int do_doubts_grant;         /* what it is to answer then */
    ta_denial denial;            /* why a Require of ours said no */
    const ta_reply *reply;       /* what was answered, or NULL */
    ta_events events;            /* who listens */
    ta_event noted;              /* the last one that decided something */
} ta_context;

/** Makes the context of a request that was just read; NULL where the engine is off. */
ta_context *ta_context_make(request_rec *r, apr_array_header_t *cookies);

/** The context of the browser's request behind this one, or NULL where the engine is off. */
static inline ta_context *ta_context_get(const request_rec *r)
{
    while (r->main || r->prev) {
        r = r->main ? r->main : r->prev;
    }
    return ap_get_module_config(r->request_config, &tinyauth_module);
}

/** True for the browser's own request: no subrequest, no internal redirect. */
static inline int ta_context_is_first(const request_rec *r)
{
    return !r->main && !r->prev;
}

/** The session of the request, looked up once.
 *  @return APR_SUCCESS, APR_NOTFOUND, or the store's error */
apr_status_t ta_context_find_session(ta_context *context);

/** A Require of ours wants a user where no AuthType is in force: then ours is meant. */
void ta_context_imply_auth_type(request_rec *r);

/** True where the AuthType in force is ours, or none is and a Require of ours wants a user. */
int ta_context_is_auth_type_ours(request_rec *r);

/** Answers a request from within a hook, with the filters and headers of other modules. No
 *  handler runs: mod_cache's would serve what somebody else was given.
 *  @return DONE, for the hook to return */
int ta_context_answer(request_rec *r, ta_context *context, const ta_reply *reply);

#endif
