/*
 * Which of the claims say who the user is. Userinfo is the fresher of the two sources, so a
 * member that it has decides alone, even where it is null; what it does not mention is taken
 * from the ID token.
 */
#include "oidc/claims.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#define NAME_BYTES 256 /* of a claim's dotted name */

typedef struct merged_claims {
    apr_pool_t *pool;
    const ta_json *id_token;
    const ta_json *userinfo;
    apr_hash_t *userinfo_names; /* names of all members of userinfo, also of those that are null */
} merged_claims;

/* The claims on their way into the list of names and values. */
typedef struct claims_walk {
    const merged_claims *merged;
    const char *groups_claim;
    apr_array_header_t *claims;
    ta_fault *fault;
    int from_id_token; /* members that userinfo has are passed over */
    apr_size_t name_len;
    char name[NAME_BYTES + 1]; /* of where we are, dots between */
    apr_status_t status;
} claims_walk;

/* Claims that belong to the protocol and say nothing about the user. */
static const char *const protocol_claims[] = {
    "nonce", "at_hash", "c_hash", "exp", "iat", "nbf", "jti", "rat",
};

#define PROTOCOL_CLAIMS (sizeof(protocol_claims) / sizeof(protocol_claims[0]))

static int is_protocol_claim(const char *name)
{
    for (apr_size_t i = 0; i < PROTOCOL_CLAIMS; i++) {
        if (strcmp(protocol_claims[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int note_name(void *context, const char *name, const ta_json *value)
{
    const merged_claims *merged = context;

    (void)value;
    apr_hash_set(merged->userinfo_names, apr_pstrdup(merged->pool, name), APR_HASH_KEY_STRING,
                 merged);
    return 1;
}

static int userinfo_has(const merged_claims *merged, const char *name, apr_size_t len)
{
    return apr_hash_get(merged->userinfo_names, name, (apr_ssize_t)len) != NULL;
}

/* Whether userinfo has the member of that name, or one in which the dotted path begins. */
static int userinfo_decides(const merged_claims *merged, const char *path)
{
    apr_size_t len = 0;

    do {
        len += path[len] == '.';
        len += strcspn(path + len, ".");
        if (userinfo_has(merged, path, len)) {
            return 1;
        }
    } while (path[len] != '\0');
    return 0;
}

/* A claim by its name or dotted path. */
static const ta_json *find(const merged_claims *merged, const char *path)
{
    return ta_json_path(merged->pool,
                        userinfo_decides(merged, path) ? merged->userinfo : merged->id_token, path);
}

/* A string that is there and not empty, in p; or NULL. */
static const char *find_text(const merged_claims *merged, const char *name)
{
    const char *text = ta_json_text(find(merged, name));

    return text != NULL && *text != '\0' ? apr_pstrdup(merged->pool, text) : NULL;
}

/* The literal true; some providers send it as a string. */
static int says_verified(const ta_json *source)
{
    const char *text = ta_json_string(source, "email_verified");

    return ta_json_is_true(source, "email_verified") || (text && strcmp(text, "true") == 0);
}

/* email_verified vouches for the e-mail beside which it stands: where the two sources have
 * different ones, neither lends its flag to the other. */
static int is_verified(const merged_claims *merged, const char *email)
{
    const ta_json *source = userinfo_has(merged, "email_verified", strlen("email_verified"))
                                ? merged->userinfo
                                : merged->id_token;
    const char *beside = ta_json_string(source, "email");

    return beside != NULL && strcmp(beside, email) == 0 && says_verified(source);
}

static void read_email(const merged_claims *merged, const ta_provider *provider,
                       ta_identity *identity)
{
    const char *email = find_text(merged, "email");

    identity->email_by_userinfo = userinfo_decides(merged, "email");
    if (ta_claims_is_plain(email)) {
        identity->email = email;
        identity->email_verified = provider->trust_email || is_verified(merged, email);
    }
}

static const char *user_of_claim(const merged_claims *merged, const ta_identity *identity,
                                 const char *name)
{
    const ta_json *value;
    ta_json_type type;

    if (strcmp(name, "sub") == 0) {
        return identity->sub;
    }
    if (strcmp(name, "email") == 0) {
        return identity->email_verified ? identity->email : NULL;
    }
    value = find(merged, name);
    type = ta_json_type_of(value);
    return type == TA_JSON_STRING || type == TA_JSON_NUMBER ? ta_json_scalar(merged->pool, value)
                                                            : NULL;
}

static apr_status_t read_user(const merged_claims *merged, const ta_provider *provider,
                              ta_identity *identity, ta_fault *fault)
{
    const apr_array_header_t *names = provider->user_claims;
    const char *tried = "";

    for (int i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        const char *user = user_of_claim(merged, identity, name);

        /* it becomes REMOTE_USER, a header and a log field */
        if (ta_claims_is_plain(user)) {
            identity->user = apr_pstrdup(merged->pool, user);
            return APR_SUCCESS;
        }
        tried = apr_pstrcat(merged->pool, tried, i > 0 ? " " : "", name, NULL);
    }
    return ta_fault_set(fault, merged->pool, TA_REASON_IDENTITY_EMPTY,
                        "none of the claims of TinyauthUserClaim (%s) can name the user; email "
                        "counts only when it is verified",
                        ta_fault_quote(merged->pool, tried));
}

static void add_group(apr_pool_t *p, apr_hash_t *seen, apr_array_header_t *groups,
                      const char *group)
{
    if (*group != '\0' && apr_hash_get(seen, group, APR_HASH_KEY_STRING) == NULL) {
        const char *copy = apr_pstrdup(p, group);

        apr_hash_set(seen, copy, APR_HASH_KEY_STRING, copy);
        APR_ARRAY_PUSH(groups, const char *) = copy;
    }
}

/* An item that is no string spoils the whole list: who knows what it was to take away. */
static ta_groups_state read_group_items(apr_pool_t *p, const ta_json *array,
                                        apr_array_header_t *groups)
{
    apr_hash_t *seen = apr_hash_make(p);

    for (apr_size_t i = 0; i < ta_json_length(array); i++) {
        const char *group = ta_json_text(ta_json_item(array, i));

        if (group == NULL) {
            apr_array_clear(groups);
            return TA_GROUPS_MALFORMED;
        }
        add_group(p, seen, groups, group);
    }
    return TA_GROUPS_PRESENT;
}

static apr_status_t read_groups(const merged_claims *merged, const char *groups_claim,
                                ta_identity *identity, ta_fault *fault)
{
    const ta_json *claim = find(merged, groups_claim);

    identity->groups = apr_array_make(merged->pool, 8, sizeof(const char *));
    identity->groups_by_userinfo = userinfo_decides(merged, groups_claim);
    if (ta_json_length(claim) > TA_CLAIMS_GROUPS) {
        return ta_fault_set(fault, merged->pool, TA_REASON_TOKEN_MALFORMED,
                            "the groups claim has %" APR_SIZE_T_FMT " groups, at most %d are taken",
                            ta_json_length(claim), TA_CLAIMS_GROUPS);
    }
    switch (ta_json_type_of(claim)) {
    case TA_JSON_NULL:
        identity->groups_state = TA_GROUPS_ABSENT;
        break;
    case TA_JSON_STRING:
        /* one group, commas and all: splitting it would let a name make another group */
        add_group(merged->pool, apr_hash_make(merged->pool), identity->groups, ta_json_text(claim));
        identity->groups_state = TA_GROUPS_PRESENT;
        break;
    case TA_JSON_ARRAY:
        identity->groups_state = read_group_items(merged->pool, claim, identity->groups);
        break;
    case TA_JSON_BOOLEAN:
    case TA_JSON_NUMBER:
    case TA_JSON_OBJECT:
    default:
        identity->groups_state = TA_GROUPS_MALFORMED;
        break;
    }
    return APR_SUCCESS;
}

static int add_claim(claims_walk *walk, const ta_json *value)
{
    apr_pool_t *p = walk->merged->pool;
    const char *text = ta_json_scalar(p, value);
    ta_claim *claim;

    if (text == NULL || *text == '\0') {
        return 1;
    }
    if (walk->claims->nelts >= TA_CLAIMS_VALUES) {
        walk->status =
            ta_fault_set(walk->fault, p, TA_REASON_TOKEN_MALFORMED,
                         "the claims have more than %d values together", TA_CLAIMS_VALUES);
        return 0;
    }
    claim = apr_array_push(walk->claims);
    claim->name = apr_pstrmemdup(p, walk->name, walk->name_len);
    claim->value = apr_pstrdup(p, text);
    return 1;
}

static int visit_member(void *context, const char *name, const ta_json *value);

/* Puts a value under the name where the walk is. */
static int walk_value(claims_walk *walk, const ta_json *value)
{
    switch (ta_json_type_of(value)) {
    case TA_JSON_OBJECT:
        ta_json_each(value, visit_member, walk);
        break;
    case TA_JSON_ARRAY:
        for (apr_size_t i = 0; i < ta_json_length(value); i++) {
            if (!walk_value(walk, ta_json_item(value, i))) {
                break;
            }
        }
        break;
    case TA_JSON_NULL:
        break;
    case TA_JSON_BOOLEAN:
    case TA_JSON_NUMBER:
    case TA_JSON_STRING:
    default:
        return add_claim(walk, value);
    }
    return walk->status == APR_SUCCESS;
}

/* Members of the top level that are not listed. A nameless one must not make its own members
 * look like members of the top level. */
static int is_passed_over(const claims_walk *walk, const char *name)
{
    return *name == '\0' || is_protocol_claim(name) ||
           (walk->from_id_token && userinfo_has(walk->merged, name, strlen(name)));
}

/* Goes one step down into a member, and back. */
static int visit_member(void *context, const char *name, const ta_json *value)
{
    claims_walk *walk = context;
    apr_size_t outer_len = walk->name_len;
    apr_size_t len = strlen(name);
    apr_size_t dot = outer_len > 0 ? 1 : 0;

    if (outer_len == 0 && is_passed_over(walk, name)) {
        return 1;
    }
    if (outer_len + dot + len > NAME_BYTES) {
        walk->status = ta_fault_set(walk->fault, walk->merged->pool, TA_REASON_TOKEN_MALFORMED,
                                    "a claim's name is longer than %d bytes: %s", NAME_BYTES,
                                    ta_fault_quote(walk->merged->pool, name));
        return 0;
    }
    memcpy(walk->name + outer_len, ".", dot);
    memcpy(walk->name + outer_len + dot, name, len + 1);
    walk->name_len = outer_len + dot + len;
    if (strcmp(walk->name, walk->groups_claim) != 0) {
        walk_value(walk, value);
    }
    walk->name_len = outer_len;
    walk->name[outer_len] = '\0';
    return walk->status == APR_SUCCESS;
}

static apr_status_t list_claims(const merged_claims *merged, const char *groups_claim,
                                ta_identity *identity, ta_fault *fault)
{
    claims_walk walk = {
        .merged = merged,
        .groups_claim = groups_claim,
        .claims = apr_array_make(merged->pool, 16, sizeof(ta_claim)),
        .fault = fault,
        .status = APR_SUCCESS,
    };

    ta_json_each(merged->userinfo, visit_member, &walk);
    walk.from_id_token = 1;
    if (walk.status == APR_SUCCESS) {
        ta_json_each(merged->id_token, visit_member, &walk);
    }
    identity->claims = walk.claims;
    return walk.status;
}

static int is_control(unsigned char byte, unsigned char next)
{
    /* U+0080 to U+009F are C2 80 to C2 9F in UTF-8 */
    return byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next <= 0x9f);
}

int ta_claims_is_plain(const char *text)
{
    if (text == NULL || *text == '\0') {
        return 0;
    }
    for (; *text != '\0'; text++) {
        if (is_control((unsigned char)text[0], (unsigned char)text[1])) {
            return 0;
        }
    }
    return 1;
}

int ta_claims_is_subject(const char *text)
{
    return ta_claims_is_plain(text) && strlen(text) <= TA_CLAIMS_SUBJECT;
}

apr_status_t ta_claims_identity(apr_pool_t *p, const ta_provider *provider, const ta_json *id_token,
                                const ta_json *userinfo, const char *sub, ta_identity **result,
                                ta_fault *fault)
{
    ta_identity *identity = apr_pcalloc(p, sizeof(*identity));
    merged_claims merged = {
        .pool = p,
        .id_token = id_token,
        .userinfo = userinfo,
        .userinfo_names = apr_hash_make(p),
    };
    const char *sid = ta_json_string(id_token, "sid");

    *result = NULL;
    ta_json_each(userinfo, note_name, &merged);
    identity->sub = apr_pstrdup(p, sub);
    identity->sid = ta_claims_is_plain(sid) ? apr_pstrdup(p, sid) : NULL;
    identity->name = find_text(&merged, "name");
    read_email(&merged, provider, identity);
    if (read_user(&merged, provider, identity, fault) != APR_SUCCESS ||
        read_groups(&merged, provider->groups_claim, identity, fault) != APR_SUCCESS ||
        list_claims(&merged, provider->groups_claim, identity, fault) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    *result = identity;
    return APR_SUCCESS;
}
