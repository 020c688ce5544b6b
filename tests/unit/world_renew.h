/*
 * The part of the world that comes after a login: a provider whose refresh tokens rotate, and
 * whose userinfo knows which access token is alive. It stands in front of the world's own
 * provider, which goes on to answer everything else.
 */
#ifndef TA_TESTS_WORLD_RENEW_H
#define TA_TESTS_WORLD_RENEW_H

#include "flow/renew.h"
#include "world.h"

typedef struct renew_scene {
    world *world;
    browser *browser;
    ta_session *session; /* of the last request, as it was left */
    ta_http honest;
    apr_array_header_t *sent;  /* of const char*: refresh tokens, in the order they came */
    int userinfos;             /* asked by a revalidation */
    const char *access_token;  /* the one that lives */
    const char *refresh_token; /* the one that is good; NULL: none was given */

    /* of the answers to come */
    int expires_in;
    int gives_refresh_token;
    int gives_id_token;
    const char *sub;            /* of new ID tokens, NULL: the right one */
    EVP_PKEY *key;              /* of new ID tokens, NULL: the right one */
    apr_status_t refresh_fails; /* of the port, unless APR_SUCCESS */
    int refresh_status;         /* with refresh_body, ' for "; 0: the truth */
    const char *refresh_body;
    int userinfo_status;                     /* 0: the truth */
    void (*meanwhile)(struct renew_scene *); /* while the provider thinks about a refresh */
} renew_scene;

/** Takes the provider's place; nobody is logged in yet. */
renew_scene *renew_scene_make(world *w);

/** Logs in at the world's site, in a browser of its own. */
void renew_scene_enter(renew_scene *scene);

/** A person goes to a page; a script asks for one. Somebody must be signed in. */
ta_renewal renew_scene_visit(renew_scene *scene, const char *url);
ta_renewal renew_scene_fetch(renew_scene *scene);

/** The first group of whoever is signed in. */
const char *renew_scene_group(const renew_scene *scene);

/** What the login's record says now. */
ta_record renew_scene_record(const renew_scene *scene);

/** The tokens in it. */
ta_tokens renew_scene_tokens(const renew_scene *scene);

#endif
