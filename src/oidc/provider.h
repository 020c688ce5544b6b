/*
 * A provider as an administrator describes it, and whether that description is whole and safe.
 */
#ifndef TA_OIDC_PROVIDER_H
#define TA_OIDC_PROVIDER_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "jose/algorithm.h"
#include "util/asset.h"
#include "util/secret.h"

#define TA_PROVIDER_ID_LEN 32

typedef enum ta_token_auth {
    TA_TOKEN_AUTH_AUTO, /* what discovery allows, basic preferred */
    TA_TOKEN_AUTH_BASIC,
    TA_TOKEN_AUTH_POST,
    TA_TOKEN_AUTH_NONE
} ta_token_auth;

typedef struct ta_provider {
    const char *id;
    const char *name;   /* what the button says; never NULL after ta_provider_finish */
    const char *issuer; /* NULL: plain OAuth 2.0, nothing to verify an ID token against */
    const char *client_id;
    const char *client_secret; /* NULL: public client */
    const char *auth_url;      /* the explicit ones win over discovery; NULL: not given */
    const char *token_url;
    const char *userinfo_url;
    const char *jwks_url;
    const char *end_session_url;
    const char *redirect_url;
    const char *scopes; /* blanks between */
    ta_token_auth token_auth;
    apr_array_header_t *algorithms; /* of const ta_algorithm*; NULL: all that we support */
    const char *groups_claim;
    apr_array_header_t *user_claims; /* of const char*, first that is there wins */
    int trust_email;
    int insecure;
    const char *ca_file;
    const ta_asset *icon;                     /* of the button; NULL: one of ours */
    unsigned char fingerprint[TA_SHA256_LEN]; /* who vouches: id, issuer or token URL, client */
} ta_provider;

/** True when id is 1 to 32 of [a-z0-9-]. */
int ta_provider_id_is_valid(const char *id);

/**
 * Fills in defaults, brings scopes into one form (blanks or commas between → one blank), and
 * computes the fingerprint.
 */
apr_status_t ta_provider_finish(apr_pool_t *p, ta_provider *provider);

typedef enum ta_provider_url_verdict {
    TA_PROVIDER_URL_SAFE,
    TA_PROVIDER_URL_MALFORMED, /* no absolute http or https URL */
    TA_PROVIDER_URL_PLAIN      /* http off loopback, and the provider is not insecure */
} ta_provider_url_verdict;

/** Whether we may send to a URL of the provider, wherever the URL was found. */
ta_provider_url_verdict ta_provider_judge_url(apr_pool_t *tmp, const ta_provider *provider,
                                              const char *url);

/**
 * Whether the description is whole and safe: client id; issuer or the three URLs; every URL a
 * URL; https, or http on a loopback host, or insecure; an issuer without query or fragment,
 * and with openid among the scopes; a secret where token_auth needs one; a redirect URL (of
 * this server, so http or https) that ends in /api/oauth/callback/<id>.
 * @return NULL, or a sentence that says what is wrong and what to write (in p); setting names
 *         in it are the directives' ("TinyauthIssuer")
 */
const char *ta_provider_check(apr_pool_t *p, const ta_provider *provider);

/** True when the scope is among those that are asked for. */
int ta_provider_has_scope(const ta_provider *provider, const char *scope);

/** True when the algorithm is on the provider's allow list; EdDSA and Ed25519 count as one. */
int ta_provider_allows_algorithm(const ta_provider *provider, const ta_algorithm *algorithm);

#endif
