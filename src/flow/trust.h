/*
 * What one process knows of the providers: their metadata and keys, fetched when first needed,
 * kept for an hour by our own clock, and served stale while a provider does not answer. The
 * only place that decides to fetch them, and how often.
 */
#ifndef TA_FLOW_TRUST_H
#define TA_FLOW_TRUST_H

#include "flow/env.h"
#include "jose/jws.h"
#include "oidc/discovery.h"

typedef struct ta_trust ta_trust;

/**
 * Makes the knowledge of one process, empty.
 * @param p         pool of the process
 * @param providers array of ta_provider*: every provider that any site has
 */
apr_status_t ta_trust_make(apr_pool_t *p, const apr_array_header_t *providers, ta_trust **result);

/**
 * A provider's metadata.
 * @param result set to a copy in env->pool
 * @param fault  PROVIDER_UNREACHABLE or one of the DISCOVERY_ reasons
 * @return APR_SUCCESS, or APR_EGENERAL with fault set
 */
apr_status_t ta_trust_get_metadata(const ta_env *env, const ta_provider *provider,
                                   ta_metadata **result, ta_fault *fault);

/**
 * Verifies a token's signature with the provider's keys; the algorithm must be allowed. Where
 * no key fits, the key set is fetched anew, but only so often as a provider that rotates its
 * keys needs: tokens with made-up key ids do not make us hammer it.
 * @param fault ID_TOKEN_ALGORITHM, ID_TOKEN_KEY, ID_TOKEN_SIGNATURE, KEYS_MALFORMED, or
 *              PROVIDER_UNREACHABLE
 * @return APR_SUCCESS only when the signature is good; APR_EGENERAL with fault set
 */
apr_status_t ta_trust_verify(const ta_env *env, const ta_provider *provider,
                             const ta_metadata *metadata, const ta_jws *jws, ta_fault *fault);

/** How often this process searched the store for nothing at somebody's word: atomic, and the
 *  front channel's own, which keeps it where the rest that is of one process is. */
apr_uint64_t *ta_trust_vain_searches(const ta_env *env);

/** Sends a request to a provider with its TLS settings and our timeouts. */
apr_status_t ta_trust_send(const ta_env *env, const ta_provider *provider, ta_http_request *request,
                           ta_http_response **response, ta_fault *fault);

#endif
