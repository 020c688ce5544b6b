/*
 * Accept and Accept-Language headers: lists with weights, read to their end, and one of our
 * languages for each.
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "page/language.h"
#include "util/preference.h"

/* Each of a list is looked for in all of it: a long one would take all the time. */
#define SHORT 400

static int is_ours(const ta_language *language)
{
    const ta_language *each;

    for (apr_size_t i = 0; (each = ta_language_at(i)) != NULL; i++) {
        if (each == language) {
            return 1;
        }
    }
    return language == NULL;
}

/* The best weight of what is in the list and a language of ours. */
static int best_weight(const char *list)
{
    const ta_language *language;
    ta_preference each;
    int best = 0;

    while (ta_preference_next(&list, &each)) {
        if (each.weight > best && ta_language_find(each.name, each.len, &language)) {
            best = each.weight;
        }
    }
    return best;
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *list = fuzz_take_rest(p, &input);
    const char *end = list + strlen(list), *at = list, *before = list;
    const ta_language *chosen = ta_language_choose(list);
    ta_preference each;

    while (ta_preference_next(&at, &each)) {
        FUZZ_HOLDS(at > before && at <= end);
        FUZZ_HOLDS(each.name >= before && each.name + each.len <= at);
        FUZZ_HOLDS(!memchr(each.name, ',', each.len) && !memchr(each.name, ';', each.len));
        FUZZ_HOLDS(each.weight >= 0 && each.weight <= 1000);
        if (end - list < SHORT) {
            FUZZ_HOLDS(ta_preference_weight(list, apr_pstrmemdup(p, each.name, each.len)) >=
                       each.weight);
        }
        before = at;
    }
    FUZZ_HOLDS(is_ours(chosen));
    FUZZ_HOLDS(!chosen || best_weight(list) > 0);
}
