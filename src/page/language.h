/*
 * Languages of our pages: which there are, which one a browser gets, and what a message is in
 * it. English is in the pages themselves; the others are the files of po/.
 */
#ifndef TA_PAGE_LANGUAGE_H
#define TA_PAGE_LANGUAGE_H

#include <apr.h>

#define TA_LANGUAGE_CONTEXT                                                                        \
    '\004' /* between a message's context and its words, as gettext has it */

/* A language; NULL is English everywhere below. */
typedef struct ta_catalogue ta_language;

/** The languages in a row, NULL beyond the last; English is not among them. */
const ta_language *ta_language_at(apr_size_t index);

/**
 * The language of a tag (BCP 47, in any case of letters).
 * @param result set to the language
 * @return 1, or 0 where we do not have it (RFC 4647 section 3.4: nor anything less special)
 */
int ta_language_find(const char *tag, apr_size_t len, const ta_language **result);

/** The language for an Accept-Language header (RFC 9110 section 12.5.4; NULL: none was sent):
 *  the first, by weight, that we have, else English. */
const ta_language *ta_language_choose(const char *accept);

/** BCP 47 tag: "en". */
const char *ta_language_tag(const ta_language *language);

/** "ltr" or "rtl". */
const char *ta_language_direction(const ta_language *language);

/** A message in a language; its English words where there is no translation.
 *  @param key English, behind a context and TA_LANGUAGE_CONTEXT where it has one */
const char *ta_language_text(const ta_language *language, const char *key);

#endif
