/*
 * Reading lists with weights. Whatever is in them, nothing is refused: what cannot be read is
 * what the client does not want.
 */
#include "util/preference.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>

#define BLANKS " \t"

/* RFC 9110 12.4.2: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static int read_weight(const char *text, apr_size_t len)
{
    int weight, unit = 100;

    if (!len || (text[0] != '0' && text[0] != '1') || (len > 1 && text[1] != '.') || len > 5) {
        return 0;
    }
    weight = (text[0] - '0') * 1000;
    for (apr_size_t i = 2; i < len; i++, unit /= 10) {
        if (!apr_isdigit(text[i])) {
            return 0;
        }
        weight += (text[i] - '0') * unit;
    }
    return weight <= 1000 ? weight : 0;
}

static apr_size_t trimmed(const char *text, apr_size_t len)
{
    while (len && strchr(BLANKS, text[len - 1])) {
        len--;
    }
    return len;
}

/* The weight among parameters: text stands at the first ';', or at the end of the element. */
static int find_weight(const char *text, const char *end)
{
    while (text < end) {
        apr_size_t len;

        text += 1;
        text += strspn(text, BLANKS);
        len = strcspn(text, ";,");
        if (len >= 2 && (text[0] == 'q' || text[0] == 'Q') && text[1] == '=') {
            return read_weight(text + 2, trimmed(text + 2, len - 2));
        }
        text += len;
    }
    return 1000;
}

int ta_preference_next(const char **at, ta_preference *result)
{
    const char *begin = *at ? *at + strspn(*at, BLANKS ",") : "";
    const char *end = begin + strcspn(begin, ",");

    if (!*begin) {
        return 0;
    }
    result->name = begin;
    result->len = trimmed(begin, strcspn(begin, ";,"));
    result->weight = find_weight(begin + strcspn(begin, ";,"), end);
    *at = end;
    return 1;
}

int ta_preference_weight(const char *list, const char *name)
{
    apr_size_t len = strlen(name);
    ta_preference found;
    int weight = 0;

    while (ta_preference_next(&list, &found)) {
        if (found.len == len && apr_cstr_casecmpn(found.name, name, len) == 0 &&
            found.weight > weight) {
            weight = found.weight;
        }
    }
    return weight;
}
