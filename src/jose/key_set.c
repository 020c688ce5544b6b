/*
 * Which keys of a provider we keep, and which of them we try for a signature. A key that we
 * cannot use never spoils the others: providers publish encryption keys and new kinds of keys
 * beside the one that signs.
 */
#include "jose/key_set.h"

#include <string.h>

#include "util/json.h"

static ta_key_set *make_key_set(apr_pool_t *p, int size)
{
    ta_key_set *set = apr_pcalloc(p, sizeof(*set));

    set->keys = apr_array_make(p, size, sizeof(ta_jwk *));
    return set;
}

static void read_keys(apr_pool_t *p, const ta_json *list, ta_key_set *set)
{
    apr_size_t count = ta_json_length(list);
    apr_size_t read = count < TA_KEY_SET_KEYS ? count : TA_KEY_SET_KEYS;

    for (apr_size_t i = 0; i < read; i++) {
        ta_jwk *jwk;

        /* RFC 7517 5: keys that are not understood, miss members, or have values out of range
         * should be ignored */
        if (ta_jwk_parse(p, ta_json_item(list, i), &jwk) == APR_SUCCESS) {
            APR_ARRAY_PUSH(set->keys, ta_jwk *) = jwk;
        } else {
            set->skipped++;
        }
    }
    set->skipped += (int)(count - read);
}

static int alg_fits(const ta_jwk *jwk, const ta_algorithm *algorithm)
{
    const ta_algorithm *own;

    if (jwk->alg == NULL) {
        return 1;
    }
    own = ta_algorithm_find(jwk->alg);
    if (own == NULL) {
        return 0;
    }
    /* RFC 9864 2.2: Ed25519 is what EdDSA means with that curve */
    return own == algorithm || (own->kind == TA_KEY_OKP && algorithm->kind == TA_KEY_OKP);
}

static int key_fits(const ta_jwk *jwk, const ta_algorithm *algorithm, const char *kid)
{
    if (jwk->kind != algorithm->kind) {
        return 0;
    }
    /* RFC 7518 3.4: each ES algorithm has one curve */
    if (algorithm->curve != NULL &&
        (jwk->curve == NULL || strcmp(jwk->curve, algorithm->curve) != 0)) {
        return 0;
    }
    /* RFC 7517 4.2: "enc" keys do not sign */
    if (jwk->use != NULL && strcmp(jwk->use, "sig") != 0) {
        return 0;
    }
    if (kid != NULL && (jwk->kid == NULL || strcmp(jwk->kid, kid) != 0)) {
        return 0;
    }
    return alg_fits(jwk, algorithm);
}

apr_status_t ta_key_set_parse(apr_pool_t *p, ta_bytes document, ta_key_set **result)
{
    const ta_json *root;
    const ta_json *list;
    ta_key_set *set;
    apr_pool_t *tmp;

    *result = NULL;
    if (apr_pool_create(&tmp, p) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    if (ta_json_parse_object(tmp, document, &root) != APR_SUCCESS) {
        apr_pool_destroy(tmp);
        return APR_EINVAL;
    }
    /* RFC 7517 5: "A JWK Set [...] MUST have a "keys" member, which is an array of JWKs" */
    list = ta_json_get(root, "keys");
    if (ta_json_type_of(list) != TA_JSON_ARRAY) {
        apr_pool_destroy(tmp);
        return APR_EINVAL;
    }
    set = make_key_set(p, TA_KEY_SET_KEYS);
    read_keys(p, list, set);
    apr_pool_destroy(tmp);
    *result = set;
    return APR_SUCCESS;
}

ta_key_set *ta_key_set_copy(apr_pool_t *p, const ta_key_set *set)
{
    ta_key_set *copy = make_key_set(p, set->keys->nelts);

    copy->skipped = set->skipped;
    for (int i = 0; i < set->keys->nelts; i++) {
        ta_jwk *jwk = ta_jwk_copy(p, APR_ARRAY_IDX(set->keys, i, const ta_jwk *));

        if (jwk != NULL) {
            APR_ARRAY_PUSH(copy->keys, ta_jwk *) = jwk;
        }
    }
    return copy;
}

apr_array_header_t *ta_key_set_candidates(apr_pool_t *p, const ta_key_set *set,
                                          const ta_algorithm *algorithm, const char *kid)
{
    apr_array_header_t *fitting = apr_array_make(p, 4, sizeof(ta_jwk *));

    for (int i = 0; i < set->keys->nelts; i++) {
        ta_jwk *jwk = APR_ARRAY_IDX(set->keys, i, ta_jwk *);

        if (key_fits(jwk, algorithm, kid)) {
            APR_ARRAY_PUSH(fitting, ta_jwk *) = jwk;
        }
    }
    return fitting;
}
