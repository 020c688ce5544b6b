/*
 * Whether a token that the provider signed is an ID token for us, for this login, and for
 * now. Each rule is a function of its own; the tables at the end say which of them hold for
 * an ID token, for a signed userinfo answer, and for a logout token.
 */
#include "oidc/id_token.h"

#include <string.h>

#include <openssl/evp.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "oidc/claims.h"
#include "util/base64url.h"
#include "util/secret.h"

#define MEDIA_TYPE_PREFIX "application/"

typedef struct token_under_test {
    apr_pool_t *pool;
    const ta_jws *jws;
    const ta_json *claims;
    const ta_id_token_expected *expected;
    ta_fault *fault;
} token_under_test;

typedef apr_status_t (*token_rule)(const token_under_test *token);

/* RFC 8725 3.11: a typ that ends in +jwt says which kind of token it is ("at+jwt" of RFC 9068,
 * "logout+jwt" of Back-Channel Logout); of all of them only "id+jwt" is an ID token. */
static apr_status_t check_header_type(const token_under_test *token)
{
    static const char suffix[] = "+jwt";
    const char *typ = token->jws->typ;
    apr_size_t len = typ != NULL ? strlen(typ) : 0;

    if (len < strlen(suffix) || apr_cstr_casecmp(typ + len - strlen(suffix), suffix) != 0) {
        return APR_SUCCESS;
    }
    /* RFC 7515 4.1.9: "application/" may be left out */
    if (apr_cstr_casecmpn(typ, MEDIA_TYPE_PREFIX, strlen(MEDIA_TYPE_PREFIX)) == 0) {
        typ += strlen(MEDIA_TYPE_PREFIX);
    }
    if (apr_cstr_casecmp(typ, "id+jwt") == 0) {
        return APR_SUCCESS;
    }
    return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_TYPE,
                        "typ of the token is %s, which is another kind of token",
                        ta_fault_quote(token->pool, typ));
}

static int contains_word(const char *text, const char *word)
{
    apr_size_t len = strlen(word);

    for (; *text != '\0'; text++) {
        if (apr_cstr_casecmpn(text, word, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The same key signs a provider's other tokens. Providers tell them apart in a claim: Pocket ID
 * by type ("id-token", "oauth-access-token"), Keycloak by typ, Cognito by token_use. */
static apr_status_t check_claimed_type(const token_under_test *token)
{
    static const char *const names[] = {"type", "typ", "token_use"};
    static const char *const words[] = {"access", "bearer", "refresh", "logout"};

    for (apr_size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *type = ta_json_string(token->claims, names[i]);

        for (apr_size_t j = 0; type != NULL && j < sizeof(words) / sizeof(words[0]); j++) {
            if (contains_word(type, words[j])) {
                return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_TYPE,
                                    "the token's claim %s is %s, which is no ID token", names[i],
                                    ta_fault_quote(token->pool, type));
            }
        }
    }
    return APR_SUCCESS;
}

/* OIDC Core 3.1.3.7 (2): iss must exactly match the issuer */
static apr_status_t check_issuer(const token_under_test *token)
{
    const char *issuer = token->expected->provider->issuer;
    const char *iss = ta_json_string(token->claims, "iss");

    if (issuer == NULL || iss == NULL || strcmp(iss, issuer) != 0) {
        return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_ISSUER,
                            "iss of the token is %s, expected %s", ta_fault_quote(token->pool, iss),
                            ta_fault_quote(token->pool, issuer));
    }
    return APR_SUCCESS;
}

/* OIDC Core 2: sub is required */
static apr_status_t check_subject(const token_under_test *token)
{
    const char *sub = ta_json_string(token->claims, "sub");

    if (!ta_claims_is_subject(sub)) {
        return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_SUBJECT,
                            "the token has no usable sub: it is %s",
                            ta_fault_quote(token->pool, sub));
    }
    return APR_SUCCESS;
}

static apr_status_t check_one_audience(const token_under_test *token, const ta_json *value,
                                       const char *name)
{
    const char *client_id = token->expected->provider->client_id;
    const char *found = ta_json_text(value);

    if (found == NULL || strcmp(found, client_id) != 0) {
        return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_AUDIENCE,
                            "%s of the token holds %s, expected %s alone", name,
                            ta_fault_quote(token->pool, found),
                            ta_fault_quote(token->pool, client_id));
    }
    return APR_SUCCESS;
}

/* OIDC Core 3.1.3.7 (3): aud must contain our client_id, and no audience that we do not
 * trust; we trust no other */
static apr_status_t check_audience(const token_under_test *token)
{
    const ta_json *aud = ta_json_get(token->claims, "aud");

    if (ta_json_type_of(aud) != TA_JSON_ARRAY) {
        return check_one_audience(token, aud, "aud");
    }
    if (ta_json_length(aud) == 0) {
        return check_one_audience(token, NULL, "aud");
    }
    for (apr_size_t i = 0; i < ta_json_length(aud); i++) {
        if (check_one_audience(token, ta_json_item(aud, i), "aud") != APR_SUCCESS) {
            return APR_EGENERAL;
        }
    }
    return APR_SUCCESS;
}

/* OIDC Core 3.1.3.7 (5): azp, when present, must be our client_id */
static apr_status_t check_authorized_party(const token_under_test *token)
{
    const ta_json *azp = ta_json_get(token->claims, "azp");

    return azp == NULL ? APR_SUCCESS : check_one_audience(token, azp, "azp");
}

static apr_status_t refuse_time(const token_under_test *token, const char *name)
{
    return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_TIME,
                        "%s of the token is missing or no time", name);
}

/* OIDC Core 3.1.3.7 (9): the current time must be before exp */
static apr_status_t check_expiry(const token_under_test *token)
{
    apr_int64_t now = token->expected->now;
    apr_int64_t exp;

    if (ta_json_seconds(token->claims, "exp", &exp) != APR_SUCCESS) {
        return refuse_time(token, "exp");
    }
    if (exp <= now - TA_ID_TOKEN_SKEW) {
        return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_EXPIRED,
                            "the token expired at %" APR_INT64_T_FMT ", it is %" APR_INT64_T_FMT,
                            exp, now);
    }
    return APR_SUCCESS;
}

/* Back-Channel Logout 2.4: exp came into the last draft, and many providers leave it out */
static apr_status_t check_expiry_if_there(const token_under_test *token)
{
    return ta_json_get(token->claims, "exp") == NULL ? APR_SUCCESS : check_expiry(token);
}

static apr_status_t check_begun(const token_under_test *token, const char *name, int required)
{
    apr_int64_t now = token->expected->now;
    apr_int64_t time;
    apr_status_t status = ta_json_seconds(token->claims, name, &time);

    if (status == APR_ENOENT && !required) {
        return APR_SUCCESS;
    }
    if (status != APR_SUCCESS) {
        return refuse_time(token, name);
    }
    if (time > now + TA_ID_TOKEN_SKEW) {
        return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_TIME,
                            "%s of the token is %" APR_INT64_T_FMT ", it is %" APR_INT64_T_FMT
                            "; is one of the clocks wrong?",
                            name, time, now);
    }
    return APR_SUCCESS;
}

/* OIDC Core 2: iat is required; a token from the future is none of today's */
static apr_status_t check_issued_at(const token_under_test *token)
{
    return check_begun(token, "iat", 1);
}

/* RFC 7519 4.1.5: before nbf the token must not be accepted */
static apr_status_t check_not_before(const token_under_test *token)
{
    return check_begun(token, "nbf", 0);
}

/* OIDC Core 3.1.3.7 (11): nonce must be there and be the one that was sent */
static apr_status_t check_nonce(const token_under_test *token)
{
    const char *nonce = token->expected->nonce;

    if (nonce != NULL && !ta_secret_equal(ta_json_string(token->claims, "nonce"), nonce)) {
        return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_NONCE,
                            "nonce of the token is %s this login's",
                            ta_json_get(token->claims, "nonce") == NULL ? "missing, expected"
                                                                        : "not");
    }
    return APR_SUCCESS;
}

/* OIDC Core 3.1.3.6: base64url of the left half of the hash of the access token's ASCII */
static int hash_fits(const token_under_test *token, const char *at_hash, const char *digest)
{
    const char *access_token = token->expected->access_token;
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t len = 0;

    if (EVP_Q_digest(NULL, digest, NULL, access_token, strlen(access_token), hash, &len) != 1) {
        return 0;
    }
    return ta_secret_equal(ta_base64url_encode(token->pool, hash, len / 2), at_hash);
}

static apr_status_t check_access_token_hash(const token_under_test *token)
{
    const ta_algorithm *algorithm = token->jws->algorithm;
    const ta_json *member = ta_json_get(token->claims, "at_hash");
    const char *at_hash = ta_json_text(member);

    if (member == NULL || token->expected->access_token == NULL) {
        return APR_SUCCESS;
    }
    if (at_hash != NULL && hash_fits(token, at_hash, algorithm->hash)) {
        return APR_SUCCESS;
    }
    /* no text says which hash goes with EdDSA: some providers take SHA-256 */
    if (at_hash != NULL && algorithm->kind == TA_KEY_OKP && hash_fits(token, at_hash, "SHA256")) {
        return APR_SUCCESS;
    }
    return ta_fault_set(token->fault, token->pool, TA_REASON_ID_TOKEN_HASH,
                        "at_hash of the token does not belong to the access token that came "
                        "with it");
}

/* What costs nothing and tells most first; the hash last. */
static const token_rule id_token_rules[] = {
    check_header_type, check_claimed_type,      check_issuer,
    check_subject,     check_audience,          check_authorized_party,
    check_expiry,      check_issued_at,         check_not_before,
    check_nonce,       check_access_token_hash, NULL,
};

static const token_rule userinfo_rules[] = {check_issuer, check_subject, check_audience, NULL};

static const token_rule logout_rules[] = {
    check_issuer,
    check_audience,
    check_authorized_party,
    check_expiry_if_there,
    check_issued_at,
    check_not_before,
    NULL,
};

static apr_status_t check_rules(apr_pool_t *p, const token_rule *rules, const ta_jws *jws,
                                const ta_id_token_expected *expected, const ta_json **claims,
                                ta_fault *fault)
{
    token_under_test token = {.pool = p, .jws = jws, .expected = expected, .fault = fault};

    *claims = NULL;
    if (ta_json_parse_object(p, jws->payload, &token.claims) != APR_SUCCESS) {
        return ta_fault_set(fault, p, TA_REASON_ID_TOKEN_MALFORMED,
                            "the token's payload is no JSON object");
    }
    for (; *rules != NULL; rules++) {
        if ((*rules)(&token) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
    }
    *claims = token.claims;
    return APR_SUCCESS;
}

apr_status_t ta_id_token_check(apr_pool_t *p, const ta_jws *jws,
                               const ta_id_token_expected *expected, const ta_json **claims,
                               ta_fault *fault)
{
    return check_rules(p, id_token_rules, jws, expected, claims, fault);
}

apr_status_t ta_id_token_check_userinfo(apr_pool_t *p, const ta_jws *jws,
                                        const ta_provider *provider, const ta_json **claims,
                                        ta_fault *fault)
{
    ta_id_token_expected expected = {.provider = provider};

    return check_rules(p, userinfo_rules, jws, &expected, claims, fault);
}

apr_status_t ta_id_token_check_logout(apr_pool_t *p, const ta_jws *jws, const ta_provider *provider,
                                      apr_int64_t now, const ta_json **claims, ta_fault *fault)
{
    ta_id_token_expected expected = {.provider = provider, .now = now};

    return check_rules(p, logout_rules, jws, &expected, claims, fault);
}
