/*
 * Key sets: whatever a provider publishes, only whole public keys of the kinds and sizes that
 * we know come out of it.
 */
#include "fuzz.h"

#include "jose/key_set.h"

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    ta_key_set *set, *copy;

    if (ta_key_set_parse(p, input, &set) != APR_SUCCESS) {
        return;
    }
    FUZZ_HOLDS(set->keys->nelts <= TA_KEY_SET_KEYS);
    for (int i = 0; i < set->keys->nelts; i++) {
        const ta_jwk *jwk = APR_ARRAY_IDX(set->keys, i, const ta_jwk *);

        FUZZ_HOLDS(jwk->key && (jwk->kind == TA_KEY_RSA) == (jwk->curve == NULL));
        FUZZ_HOLDS(jwk->kind != TA_KEY_RSA || (EVP_PKEY_get_bits(jwk->key) >= TA_JWK_RSA_MIN_BITS &&
                                               EVP_PKEY_get_bits(jwk->key) <= TA_JWK_RSA_MAX_BITS));
    }
    copy = ta_key_set_copy(p, set);
    FUZZ_HOLDS(copy->keys->nelts == set->keys->nelts);
    for (apr_size_t i = 0; ta_algorithm_at(i); i++) {
        FUZZ_HOLDS(ta_key_set_candidates(p, copy, ta_algorithm_at(i), NULL)->nelts >=
                   ta_key_set_candidates(p, copy, ta_algorithm_at(i), "a")->nelts);
    }
}
