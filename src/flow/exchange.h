/*
 * From a code, or from the tokens of a session, to a person: token request, ID token, userinfo,
 * claims, in this order, and each checked before the next is touched. Makes nothing but network
 * requests.
 */
#ifndef TA_FLOW_EXCHANGE_H
#define TA_FLOW_EXCHANGE_H

#include "flow/env.h"
#include "oidc/claims.h"
#include "oidc/discovery.h"
#include "oidc/token.h"

typedef struct ta_exchange {
    const ta_provider *provider;
    const ta_metadata *metadata;
    const char *code; /* of a login; the others are NULL after it */
    const char *redirect_uri;
    const char *code_verifier;
    const char *nonce;
    const char *sub; /* after the login: who it has to be still */
} ta_exchange;

/**
 * Redeems a code: exactly one token request, at most one userinfo request.
 * @param tokens   set to what the provider gave
 * @param identity set to who the user is
 * @param fault    why not
 * @return APR_SUCCESS, or APR_EGENERAL with fault set
 */
apr_status_t ta_exchange_code(const ta_env *env, const ta_exchange *exchange, ta_tokens **tokens,
                              ta_identity **identity, ta_fault *fault);

/** Asks for new tokens. What the provider does not send anew is taken from tokens. Does not look
 *  at them yet: they have to be stored before they are used.
 *  @param tokens in: the session's; out: the ones to store
 *  @return APR_SUCCESS; APR_EGENERAL when the refresh token is as good or bad as before;
 *          APR_INCOMPLETE when nobody knows whether the provider spent it; both with fault set */
apr_status_t ta_exchange_refresh(const ta_env *env, const ta_exchange *exchange, ta_tokens *tokens,
                                 ta_fault *fault);

/**
 * Asks the provider who the user of a session is now: a new ID token is verified as at login
 * (without nonce), an old one was, and userinfo is asked.
 * @param is_new whether the ID token came with this refresh
 */
apr_status_t ta_exchange_identify(const ta_env *env, const ta_exchange *exchange,
                                  const ta_tokens *tokens, int is_new, ta_identity **identity,
                                  ta_fault *fault);

#endif
