/*
 * The userinfo request and its answer (OIDC Core 5.3).
 */
#ifndef TA_OIDC_USERINFO_H
#define TA_OIDC_USERINFO_H

#include <apr_pools.h>

#include "net/http.h"
#include "oidc/discovery.h"
#include "util/json.h"

/** Fills in URL, Accept and Authorization: Bearer of a GET. */
void ta_userinfo_request(const ta_metadata *metadata, const char *access_token,
                         ta_http_request *request);

/**
 * Reads the answer, which is either JSON or a signed JWT that the caller has to verify.
 * @param claims set to the claims, or NULL where the answer is a JWT
 * @param jwt    set to the compact JWT, or NULL where the answer is JSON
 * @param fault  USERINFO_REFUSED (401, 403), PROVIDER_UNREACHABLE (429, 5xx),
 *               USERINFO_MALFORMED (other status, other media type, no JSON object)
 */
apr_status_t ta_userinfo_answer_parse(apr_pool_t *p, const ta_http_response *response,
                                      const ta_json **claims, const char **jwt, ta_fault *fault);

/**
 * OIDC Core 5.3.2: sub must be there and equal the ID token's. Plain OAuth (id_token_sub
 * NULL): sub, or id as text or number, must be there.
 * @param sub set to the subject (in p)
 * @param fault USERINFO_SUBJECT
 */
apr_status_t ta_userinfo_check_subject(apr_pool_t *p, const ta_json *claims,
                                       const char *id_token_sub, const char **sub, ta_fault *fault);

#endif
