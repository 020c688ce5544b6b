/*
 * What counts as JSON here. A scan of the raw text refuses what json-c would let pass, json-c
 * parses, and then the members of the result are counted: fewer than were written means that
 * a name came twice, and another parser may have believed the other one.
 */
#include "util/json.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/json_visit.h>

#include <apr_strings.h>

#include "util/utf8.h"

#define SECONDS_MAX 253402300799.0 /* 9999-12-31T23:59:59Z */

/* The raw text, and what has been seen of it. */
typedef struct scan {
    const char *at;
    const char *end;
    int depth;          /* open brackets */
    apr_size_t members; /* ':' outside strings, one for each member as it was written */
} scan;

/* The value of four hexadecimal digits, or -1. */
static int read_hex4(const char *at, const char *end)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = at + i < end && at[i] ? strchr(digits, at[i]) : NULL;

        if (!digit) {
            return -1;
        }
        value = value << 4 | (int)((digit - digits) & 0xf);
    }
    return value;
}

/* Behind a backslash. */
static int scan_escape(scan *s)
{
    int value, low;

    if (s->at == s->end || *s->at++ != 'u') {
        return s->at < s->end;
    }
    value = read_hex4(s->at, s->end);
    /* an escaped NUL ends the string for json-c's names, and for everybody who uses strlen */
    if (value <= 0) {
        return 0;
    }
    s->at += 4;
    if (value < 0xd800 || value > 0xdfff) {
        return 1;
    }
    /* RFC 8259 section 8.2: what becomes of half a surrogate pair is anybody's guess */
    if (value >= 0xdc00 || s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u') {
        return 0;
    }
    low = read_hex4(s->at + 2, s->end);
    s->at += 6;
    return low >= 0xdc00 && low <= 0xdfff;
}

/* Behind a quote; up to and with the closing one. */
static int scan_string(scan *s)
{
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at++;

        if (c == '"') {
            return 1;
        }
        /* RFC 8259 section 7: control characters must be escaped */
        if (c < 0x20 || (c == '\\' && !scan_escape(s))) {
            return 0;
        }
    }
    return 0;
}

static int scan_word(scan *s)
{
    static const char *const words[] = {"true", "false", "null"};

    for (apr_size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        apr_size_t len = strlen(words[i]);

        if ((apr_size_t)(s->end - s->at) >= len && memcmp(s->at, words[i], len) == 0) {
            s->at += len;
            return 1;
        }
    }
    return 0;
}

static void skip_digits(scan *s)
{
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
}

/* RFC 8259 section 6: [ "-" ] int [ "." digits ] [ "e" [ "+" / "-" ] digits ] */
static int scan_number(scan *s)
{
    const char *start;

    s->at += *s->at == '-';
    start = s->at;
    skip_digits(s);
    if (s->at == start || (*start == '0' && s->at > start + 1)) {
        return 0;
    }
    if (s->at < s->end && *s->at == '.') {
        start = ++s->at;
        skip_digits(s);
        if (s->at == start) {
            return 0;
        }
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        s->at += s->at < s->end && (*s->at == '+' || *s->at == '-');
        start = s->at;
        skip_digits(s);
        return s->at > start;
    }
    return 1;
}

/* Punctuation and blanks. */
static int scan_mark(scan *s)
{
    char c = *s->at++;

    s->members += c == ':';
    s->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    return c && strchr("{}[],: \t\r\n", c) && s->depth <= TA_JSON_DEPTH;
}

/* Whether every token is one of RFC 8259. Their order is left to json-c. */
static int scan_text(scan *s)
{
    int is_valid = s->at < s->end;

    while (is_valid && s->at < s->end) {
        char c = *s->at;

        if (c == '"') {
            s->at++;
            is_valid = scan_string(s);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            is_valid = scan_number(s);
        } else if (c >= 'a' && c <= 'z') {
            is_valid = scan_word(s);
        } else {
            is_valid = scan_mark(s);
        }
    }
    return is_valid;
}

/* json-c's part. One more than our depth, since a scalar is a level to the tokener. */
static apr_status_t parse_text(ta_bytes bytes, json_object **root)
{
    json_tokener *tokener = json_tokener_new_ex(TA_JSON_DEPTH + 1);
    enum json_tokener_error error;

    if (!tokener) {
        return APR_ENOMEM;
    }
    /* strict also means that nothing but blanks may follow the document */
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *root = json_tokener_parse_ex(tokener, (const char *)bytes.data, (int)bytes.len);
    error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue) {
        /* a number ends only where something follows: the NUL says that nothing does */
        *root = json_tokener_parse_ex(tokener, "", 1);
        error = json_tokener_get_error(tokener);
    }
    json_tokener_free(tokener);
    return error == json_tokener_success ? APR_SUCCESS : APR_EINVAL;
}

/* Counts the members for json_c_visit, and stops at a number that is none. */
static int count_member(json_object *value, int flags, json_object *parent, const char *name,
                        size_t *index, void *userdata)
{
    apr_size_t *members = userdata;

    (void)parent;
    (void)index;
    /* 1e999: JSON by its grammar, but infinite */
    if (json_object_is_type(value, json_type_double) && !isfinite(json_object_get_double(value))) {
        return JSON_C_VISIT_RETURN_ERROR;
    }
    /* arrays and objects are visited a second time when they end */
    *members += name && !(flags & JSON_C_VISIT_SECOND);
    return JSON_C_VISIT_RETURN_CONTINUE;
}

static apr_status_t put_object(void *object)
{
    json_object_put(object);
    return APR_SUCCESS;
}

apr_status_t ta_json_parse(apr_pool_t *p, ta_bytes bytes, const ta_json **result)
{
    scan s = {.at = (const char *)bytes.data, .end = (const char *)bytes.data + bytes.len};
    apr_size_t members = 0;
    json_object *root = NULL;

    *result = NULL;
    if (bytes.len > INT_MAX || !ta_utf8_is_valid(s.at, bytes.len) || !scan_text(&s) ||
        parse_text(bytes, &root) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    apr_pool_cleanup_register(p, root, put_object, apr_pool_cleanup_null);
    if (json_c_visit(root, 0, count_member, &members) < 0 || members != s.members) {
        return APR_EINVAL;
    }
    *result = root;
    return APR_SUCCESS;
}

apr_status_t ta_json_parse_object(apr_pool_t *p, ta_bytes bytes, const ta_json **result)
{
    apr_status_t rv = ta_json_parse(p, bytes, result);

    if (rv == APR_SUCCESS && !json_object_is_type(*result, json_type_object)) {
        *result = NULL;
        rv = APR_EINVAL;
    }
    return rv;
}

ta_json_type ta_json_type_of(const ta_json *value)
{
    static const ta_json_type types[] = {
        [json_type_null] = TA_JSON_NULL,     [json_type_boolean] = TA_JSON_BOOLEAN,
        [json_type_double] = TA_JSON_NUMBER, [json_type_int] = TA_JSON_NUMBER,
        [json_type_object] = TA_JSON_OBJECT, [json_type_array] = TA_JSON_ARRAY,
        [json_type_string] = TA_JSON_STRING,
    };

    return types[json_object_get_type(value)];
}

const ta_json *ta_json_get(const ta_json *object, const char *name)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return value;
}

const ta_json *ta_json_path(apr_pool_t *tmp, const ta_json *object, const char *path)
{
    const char *rest = path;

    while (rest) {
        char *name = apr_pstrdup(tmp, rest);
        json_object *value = NULL;

        /* the longest beginning of the path that is a member's name goes first */
        while (!json_object_object_get_ex(object, name, &value)) {
            char *dot = strrchr(name, '.');

            if (!dot) {
                return NULL;
            }
            *dot = '\0';
        }
        object = value;
        rest += strlen(name);
        rest = *rest ? rest + 1 : NULL;
    }
    return object;
}

const char *ta_json_text(const ta_json *value)
{
    /* json-c takes no const here, since it caches texts of other types than string */
    return json_object_is_type(value, json_type_string)
               ? json_object_get_string((json_object *)value)
               : NULL;
}

const char *ta_json_string(const ta_json *object, const char *name)
{
    return ta_json_text(ta_json_get(object, name));
}

int ta_json_is_true(const ta_json *object, const char *name)
{
    const ta_json *value = ta_json_get(object, name);

    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

apr_status_t ta_json_seconds(const ta_json *object, const char *name, apr_int64_t *seconds)
{
    const ta_json *value = ta_json_get(object, name);
    double number;

    if (!value) {
        return APR_ENOENT;
    }
    if (ta_json_type_of(value) != TA_JSON_NUMBER) {
        return APR_EINVAL;
    }
    /* json-c clamps integers that are too large; what it makes of them is out of range too */
    number = json_object_get_double(value);
    if (!(number >= 0 && number <= SECONDS_MAX)) {
        return APR_EINVAL;
    }
    *seconds = (apr_int64_t)number;
    return APR_SUCCESS;
}

apr_size_t ta_json_length(const ta_json *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

const ta_json *ta_json_item(const ta_json *array, apr_size_t index)
{
    return index < ta_json_length(array) ? json_object_array_get_idx(array, index) : NULL;
}

void ta_json_each(const ta_json *object,
                  int (*visit)(void *context, const char *name, const ta_json *value),
                  void *context)
{
    struct lh_entry *entry;

    if (!json_object_is_type(object, json_type_object)) {
        return;
    }
    entry = lh_table_head(json_object_get_object(object));
    while (entry && visit(context, lh_entry_k(entry), lh_entry_v(entry))) {
        entry = lh_entry_next(entry);
    }
}

/* json-c makes the nearest that it can hold of an integer beyond 64 bits: two accounts with
 * different large numbers must not become one. */
static int is_clamped(const ta_json *value)
{
    return json_object_is_type(value, json_type_int) &&
           (json_object_get_uint64(value) == UINT64_MAX ||
            json_object_get_int64(value) == INT64_MIN);
}

const char *ta_json_scalar(apr_pool_t *p, const ta_json *value)
{
    switch (ta_json_type_of(value)) {
    case TA_JSON_STRING:
        return apr_pstrdup(p, ta_json_text(value));
    case TA_JSON_BOOLEAN:
        return json_object_get_boolean(value) ? "true" : "false";
    case TA_JSON_NUMBER:
        /* a number with fraction or exponent comes as it was written */
        return is_clamped(value)
                   ? NULL
                   : apr_pstrdup(p, json_object_to_json_string_ext((json_object *)value,
                                                                   JSON_C_TO_STRING_PLAIN));
    default:
        return NULL;
    }
}

void ta_json_append(ta_text *text, const ta_json *value)
{
    ta_text_append(text, json_object_to_json_string_ext((json_object *)value,
                                                        JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* What ends a string or, inside HTML, a script; and line ends of JavaScript. */
static int needs_escape(apr_uint32_t character)
{
    return character < 0x20 || character == '"' || character == '\\' || character == '<' ||
           character == '>' || character == 0x2028 || character == 0x2029;
}

void ta_json_append_string(ta_text *text, const char *string)
{
    apr_size_t left = string ? strlen(string) : 0;

    ta_text_append(text, string ? "\"" : "null");
    while (left) {
        apr_uint32_t character;
        apr_size_t len = ta_utf8_read(string, left, &character);

        if (!len) {
            ta_text_append(text, "\\ufffd");
            len = 1;
        } else if (needs_escape(character)) {
            ta_text_append_format(text, "\\u%04x", character);
        } else {
            ta_text_append_bytes(text, string, len);
        }
        string += len;
        left -= len;
    }
    ta_text_append(text, string ? "\"" : NULL);
}
