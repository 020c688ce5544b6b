/*
 * OpenID Connect Discovery 1.0: a provider's metadata, out of its document and what the
 * administrator wrote explicitly.
 */
#ifndef TA_OIDC_DISCOVERY_H
#define TA_OIDC_DISCOVERY_H

#include <apr_pools.h>

#include "oidc/provider.h"
#include "util/bytes.h"
#include "util/fault.h"

typedef struct ta_metadata {
    const char *issuer; /* NULL for plain OAuth 2.0 */
    const char *authorization_endpoint;
    const char *token_endpoint;
    const char *userinfo_endpoint;    /* NULL where the provider has none */
    const char *jwks_uri;             /* NULL only without issuer */
    const char *end_session_endpoint; /* NULL where the provider has none */
    int response_iss_promised; /* authorization_response_iss_parameter_supported (RFC 9207) */
    ta_token_auth token_auth;  /* never AUTO: what to use */
} ta_metadata;

/** issuer + "/.well-known/openid-configuration" (Discovery 4.1), in p. */
const char *ta_discovery_url(apr_pool_t *p, const char *issuer);

/**
 * Reads a discovery document and lays the explicit settings over it.
 * @param fault DISCOVERY_ISSUER when the document's issuer is not, byte for byte, the
 *              configured one (Discovery 4.3); DISCOVERY_MALFORMED for everything else: no
 *              JSON object, an endpoint that is missing or no URL, or http off loopback
 *              (unless the provider is insecure)
 * @return APR_SUCCESS, or APR_EGENERAL with fault set
 */
apr_status_t ta_discovery_parse(apr_pool_t *p, const ta_provider *provider, ta_bytes document,
                                ta_metadata **result, ta_fault *fault);

/** The metadata of a provider that has no issuer: what was written explicitly. */
ta_metadata *ta_discovery_explicit(apr_pool_t *p, const ta_provider *provider);

/** A copy with all its strings in p. */
ta_metadata *ta_metadata_copy(apr_pool_t *p, const ta_metadata *metadata);

#endif
