/*
 * Finding languages. Browsers name regions where our translations differ by script, or not at
 * all; the aliases below lead from the one to the other.
 */
#include "page/language.h"

#include <string.h>

#include <apr_cstr.h>

#include "page/catalogue.h"
#include "util/preference.h"

#define TAG_BYTES 64 /* a longer tag is none that we know */

static const struct {
    const char *tag;
    const char *means;
} aliases[] = {
    {"zh", "zh-Hans"},    {"zh-CN", "zh-Hans"}, {"zh-SG", "zh-Hans"}, {"zh-MY", "zh-Hans"},
    {"zh-TW", "zh-Hant"}, {"zh-HK", "zh-Hant"}, {"zh-MO", "zh-Hant"}, {"iw", "he"},
};

static const char *const right_to_left[] = {"ar", "fa", "he", "ur"};

const ta_language *ta_language_at(apr_size_t index)
{
    return ta_catalogue_at(index);
}

static int find_exactly(const char *tag, const ta_language **result)
{
    for (apr_size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++) {
        if (apr_cstr_casecmp(aliases[i].tag, tag) == 0) {
            tag = aliases[i].means;
            break;
        }
    }
    if (apr_cstr_casecmp(tag, "en") == 0) {
        *result = NULL;
        return 1;
    }
    for (apr_size_t i = 0; ta_catalogue_at(i); i++) {
        if (apr_cstr_casecmp(ta_catalogue_at(i)->tag, tag) == 0) {
            *result = ta_catalogue_at(i);
            return 1;
        }
    }
    return 0;
}

int ta_language_find(const char *tag, apr_size_t len, const ta_language **result)
{
    char range[TAG_BYTES];
    char *dash;

    if (!len || len >= sizeof(range)) {
        return 0;
    }
    memcpy(range, tag, len);
    range[len] = '\0';
    /* RFC 4647 3.4: shortened from the end, a single letter along with what follows it */
    while (!find_exactly(range, result)) {
        dash = strrchr(range, '-');
        if (!dash) {
            return 0;
        }
        *dash = '\0';
        if (dash - range >= 2 && dash[-2] == '-') {
            dash[-2] = '\0';
        }
    }
    return 1;
}

/* Of those with the same weight the first wins; "*" is whatever we have, and that is English. */
const ta_language *ta_language_choose(const char *accept)
{
    const ta_language *best = NULL;
    int best_weight = 0;
    ta_preference range;

    while (ta_preference_next(&accept, &range)) {
        const ta_language *language;

        if (range.weight > best_weight && ta_language_find(range.name, range.len, &language)) {
            best = language;
            best_weight = range.weight;
        }
    }
    return best;
}

const char *ta_language_tag(const ta_language *language)
{
    return language ? language->tag : "en";
}

const char *ta_language_direction(const ta_language *language)
{
    for (apr_size_t i = 0; i < sizeof(right_to_left) / sizeof(*right_to_left); i++) {
        if (strcmp(ta_language_tag(language), right_to_left[i]) == 0) {
            return "rtl";
        }
    }
    return "ltr";
}

const char *ta_language_text(const ta_language *language, const char *key)
{
    const char *words = strchr(key, TA_LANGUAGE_CONTEXT);

    for (apr_size_t i = 0; language && i < language->count; i++) {
        if (strcmp(language->messages[i].key, key) == 0) {
            return language->messages[i].text;
        }
    }
    return words ? words + 1 : key;
}
