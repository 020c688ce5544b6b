/*
 * A world in which whole logins run through the ports of flow/env.h: sites, an OpenID provider
 * that can lie, a store that can fail, a clock that can be set, a log that is kept, and
 * browsers with cookie jars. Nothing in it is real, and nothing of the flow is left out.
 *
 * Every text that comes from outside (targets, cookies, form fields, answers, records) is
 * handed to the flow in a block of its exact size, so that reading beyond it shows.
 */
#ifndef TA_TESTS_WORLD_H
#define TA_TESTS_WORLD_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include <openssl/evp.h>

#include "flow/access.h"
#include "flow/denied.h"
#include "flow/env.h"
#include "flow/reply.h"
#include "flow/trust.h"
#include "session/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#define WORLD_NOW    1800000000 /* where its clock starts */
#define WORLD_APP    "https://app.example.com"
#define WORLD_ISSUER "https://id.example.com"
#define WORLD_ID     "pocketid"
#define WORLD_CLIENT "192.0.2.1" /* where all browsers are */

/* The store. Records do not expire by themselves: limits have to be kept by who reads them. */
typedef struct world_store {
    apr_hash_t *records;      /* key → world_record */
    apr_hash_t *claims;       /* key → expiry */
    apr_status_t load_status; /* what the operations return, unless APR_SUCCESS */
    apr_status_t save_status;
    apr_status_t replace_status;
    apr_status_t remove_status;
    apr_status_t claim_status;
    int saves;
    int replaces;
    int replaced; /* those that took place */
} world_store;

typedef struct world_record {
    ta_bytes bytes;
    apr_int64_t expiry;
} world_record;

/* A provider as it really is. Members from "down" on are its lies; zeros for the truth. */
typedef struct world_op {
    const char *base; /* issuer */
    const char *client_id;
    const char *client_secret;
    EVP_PKEY *key;       /* signs with it … */
    const char *kid;     /* … and says so */
    EVP_PKEY *published; /* what the key set has */
    const char *published_kid;
    int promises_iss;
    apr_hash_t *codes; /* code → world_code */
    const char *sub;
    const char *sid;  /* of its ID tokens; NULL: they have none */
    const char *user; /* members of userinfo behind sub, ' for " */
    int discoveries;  /* requests so far */
    int key_sets;
    int tokens;
    int userinfos;
    int others;
    const char *last_id_token;

    const char *down;         /* paths that begin so do not answer; "/" for none at all */
    int status;               /* of every answer */
    const char *path;         /* at this path … */
    const char *body;         /* … it answers this instead, ' for " */
    const char *content_type; /* … of this kind; NULL: JSON */
    const char *response_iss; /* iss in the response: another, or "" for none */
    const char *claim;        /* this claim of the ID token … */
    const char *json;         /* … is this instead, ' for ", NULL for absent */
    const char *header;       /* header of the ID token, ' for " */
    const char *id_token;     /* the ID token, "" for none */
    int breaks_signature;
} world_op;

typedef struct world_line {
    ta_log_level level;
    const char *text;
} world_line;

typedef struct world {
    apr_pool_t *pool;
    apr_int64_t now;
    apr_array_header_t *sites;     /* of world_site* */
    apr_array_header_t *providers; /* of ta_provider* */
    apr_array_header_t *ops;       /* of world_op* */
    apr_array_header_t *lines;     /* of world_line */
    apr_array_header_t *told;      /* of ta_event */
    apr_array_header_t *secrets;   /* of const char*: what no log line may hold */
    world_store store;
    ta_seal_key key;
    ta_trust *trust; /* made with the first request */
    ta_log log;
    ta_events events;
    ta_http http;
    ta_store port;
    world_op *op;           /* of the provider that every world begins with */
    ta_provider *provider;  /* the same as the administrator describes it */
    struct world_site *app; /* the site that every world begins with, at WORLD_APP */
} world;

/* A site and the application behind it. */
typedef struct world_site {
    const char *origin;
    ta_site site;
    ta_scope scope;
    const ta_denial *denial; /* of everybody who is signed in; NULL: they pass */
} world_site;

typedef struct browser {
    world *world;
    apr_array_header_t *jar;   /* of jar_cookie */
    const char *url;           /* of the last request */
    const char *user_agent;    /* NULL: it sends none */
    const char *extra_cookies; /* sent before those of the jar, or NULL */
    ta_env *env;               /* of the last request */
    apr_size_t cookie_bytes;   /* of the longest Cookie header so far */
} browser;

typedef struct jar_cookie {
    const char *host; /* or domain */
    int is_domain;
    int is_secure;
    const char *name;
    const char *value;
    apr_int64_t expires; /* 0: with the browser */
} jar_cookie;

/* A request; zeros for a person who goes to a page over plain http. */
typedef struct visit {
    const char *url;
    const char *method;
    const char *body;
    const char *accept; /* "" for no such header */
    const char *fetch_mode;
    const char *fetch_dest;
    const char *purpose;
    const char *requested_with;
    const char *upgrade;
} visit;

/* world.c */

/** Fixtures of a test program and of each of its tests. *state becomes a world with one site
 *  and one provider; the teardown holds every log line against every secret. */
int world_begin(void **state);
int world_end(void **state);
int world_setup(void **state);
int world_teardown(void **state);

/** One more site; app_origin NULL where logins live on it. Has all providers of the world. */
world_site *world_add_site(world *w, const char *origin, const char *app_origin);
world_site *world_find_site(const world *w, const char *origin);

/** One more provider, and who plays it. */
ta_provider *world_add_provider(world *w, const char *id, const char *issuer);

/** Who plays the provider at a URL, or NULL. */
world_op *world_find_op(const world *w, const char *url);

/** What no log line may hold from now on. */
void world_keep_secret(world *w, const char *text);

/** True when a log line holds a text. */
int world_has_logged(const world *w, const char *text);

/** How often an event of a kind was told, and the last one of them. */
int world_has_told(const world *w, ta_event_kind kind);
const ta_event *world_last_told(const world *w, ta_event_kind kind);

/** Another process of the same server: knows nothing of the providers. */
void world_restart(world *w);

unsigned world_records(const world *w);

/** A record in the store; there must be exactly one. */
world_record *world_only_record(const world *w);

/** A text or bytes in a block of their exact size. */
const char *world_foreign(apr_pool_t *p, const char *text);
ta_bytes world_foreign_bytes(apr_pool_t *p, ta_bytes bytes);

/** ' becomes " */
const char *world_quotes(apr_pool_t *p, const char *text);

/** A row of a record (record.h) out of strings that each end with a NUL; the last one need not. */
ta_bytes world_row(apr_pool_t *p, const char *strings, apr_size_t len);

/** Everybody whose e-mail is on the list. */
void world_set_whitelist(world *w, world_site *at, const char *list);

/* world_provider.c */

/** Begins to play a provider. */
world_op *world_op_make(world *w, const char *base);

/** A fresh P-256 key. */
EVP_PKEY *world_op_key(apr_pool_t *p);

/** The provider changes its key. */
void world_op_rotate(world *w, world_op *op, const char *kid);

/** What a browser at the authorization endpoint gets back: the URL of the callback. */
const char *world_op_authorize(world *w, const char *url);

ta_http world_http(world *w);

/* world_browser.c */

browser *browser_make(world *w);

/** Sends a request and keeps the cookies. What is not ours goes to the application, which
 *  answers 200 and "user=NAME". Never NULL. */
ta_reply *browser_send(browser *b, const visit *v);
ta_reply *browser_get(browser *b, const char *url);
ta_reply *browser_post(browser *b, const char *url, const char *body);

/** Goes where a redirect leads. At a provider the person logs in, and the callback is next. */
ta_reply *browser_follow(browser *b, const ta_reply *reply);

/** Follows redirects, logs in with the first provider of a login page, and ends where there is
 *  no further to go. */
ta_reply *browser_walk(browser *b, ta_reply *reply);
ta_reply *browser_log_in(browser *b, const char *url);

/** Begins a login and ends before the callback, whose URL is returned. */
const char *browser_start(browser *b, const char *url);

/** Where a redirect leads, as an absolute URL. */
const char *browser_resolve(const browser *b, const char *location);

/** The address of a link of the page that holds a text, unescaped; NULL where there is none. */
const char *browser_link(const browser *b, const ta_reply *reply, const char *text);

/** The value of a parameter of a URL, or NULL; and the URL with another one (NULL: without). */
const char *url_parameter(apr_pool_t *p, const char *url, const char *name);
const char *url_with(apr_pool_t *p, const char *url, const char *name, const char *value);

/** The cookie of a name, else the only one whose name holds the text; NULL: there is none. */
jar_cookie *browser_cookie(const browser *b, const char *text);
int browser_cookies(const browser *b, const char *text);

/* assertions */

void assert_refused(const browser *b, const ta_reply *reply, ta_reason reason);
void assert_passed(const ta_reply *reply, const char *user);
void assert_leads_to(const ta_reply *reply, int status, const char *location);
void assert_holds(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

#endif
