/*
 * The plan. Pocket ID replaces a client's record as a whole, so it is read, changed and written
 * back with everything that we do not know in it.
 */
#include "doctor/client_plan.h"

#include <string.h>

#include <apr_strings.h>

#include "doctor/secret_file.h"
#include "util/text.h"

#define RECORD_BYTES 262144
#define NAME_BYTES   50 /* Pocket ID takes no longer one */

struct ta_client_plan {
    const ta_pocket_id *pocket_id;
    const ta_client_wish *wish;
    const apr_array_header_t *groups; /* of const char*: that are to be allowed, by name */
    const ta_json *record;            /* NULL: there is no such client yet */
    const char *new_record;           /* NULL: the record stays */
    apr_array_header_t *new_groups;   /* of const char*: names of groups that are to be made */
    apr_array_header_t *group_ids;    /* of const char*: all that are to be allowed */
    int allow;                        /* the allowed groups change */
    int make_secret;
    apr_array_header_t *steps; /* of const char* */
};

static void add_step(ta_client_plan *plan, const char *step)
{
    APR_ARRAY_PUSH(plan->steps, const char *) = step;
}

static int has_text(const ta_json *list, const char *text)
{
    for (apr_size_t i = 0; i < ta_json_length(list); i++) {
        const char *item = ta_json_text(ta_json_item(list, i));

        if (item && strcmp(item, text) == 0) {
            return 1;
        }
    }
    return 0;
}

static int lacks(const ta_json *list, const apr_array_header_t *urls)
{
    for (int i = 0; i < urls->nelts; i++) {
        if (!has_text(list, APR_ARRAY_IDX(urls, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

/* The list as it is, and the URLs that are not in it. */
static void append_urls(ta_text *text, const ta_json *list, const apr_array_header_t *urls)
{
    apr_size_t count = ta_json_length(list);

    ta_text_append(text, "[");
    for (apr_size_t i = 0; i < count; i++) {
        ta_text_append(text, i ? "," : NULL);
        ta_json_append(text, ta_json_item(list, i));
    }
    for (int i = 0; i < urls->nelts; i++) {
        const char *url = APR_ARRAY_IDX(urls, i, const char *);

        if (!has_text(list, url)) {
            ta_text_append(text, count++ ? "," : NULL);
            ta_json_append_string(text, url);
        }
    }
    ta_text_append(text, "]");
}

/* --- the record ------------------------------------------------------------------------- */

struct rewriting {
    ta_text text;
    const ta_client_plan *plan;
    int restricts; /* -1: as it is */
};

/* The members that we change. True when it was one of them. */
static int rewrite_member(struct rewriting *rewriting, const char *name, const ta_json *value)
{
    const ta_layout_client *client = rewriting->plan->wish->client;
    ta_text *text = &rewriting->text;

    if (strcmp(name, "callbackURLs") == 0) {
        append_urls(text, value, client->callbacks);
    } else if (strcmp(name, "logoutCallbackURLs") == 0) {
        append_urls(text, value, client->logout_callbacks);
    } else if (strcmp(name, "pkceEnabled") == 0) {
        ta_text_append(text, "true");
    } else if (strcmp(name, "isGroupRestricted") == 0 && rewriting->restricts >= 0) {
        ta_text_append(text, rewriting->restricts ? "true" : "false");
    } else {
        return 0;
    }
    return 1;
}

static int copy_member(void *context, const char *name, const ta_json *value)
{
    struct rewriting *rewriting = context;

    ta_text_append(&rewriting->text, rewriting->text.len > 1 ? "," : NULL);
    ta_json_append_string(&rewriting->text, name);
    ta_text_append(&rewriting->text, ":");
    if (!rewrite_member(rewriting, name, value)) {
        ta_json_append(&rewriting->text, value);
    }
    return 1;
}

/* Where Pocket ID has no such member, it restricts a client that has groups, and no other. */
static int restricts_groups(const ta_client_plan *plan)
{
    if (plan->wish->unrestricted) {
        return 0;
    }
    return plan->groups->nelts ? 1 : -1;
}

static void rewrite_record(ta_client_plan *plan)
{
    const ta_layout_client *client = plan->wish->client;
    const ta_json *restricted = ta_json_get(plan->record, "isGroupRestricted");
    struct rewriting rewriting = {.plan = plan, .restricts = restricts_groups(plan)};
    int before = plan->steps->nelts;

    if (lacks(ta_json_get(plan->record, "callbackURLs"), client->callbacks)) {
        add_step(plan, apr_pstrcat(plan->pocket_id->pool, "add the callback URLs: ",
                                   apr_array_pstrcat(plan->pocket_id->pool, client->callbacks, ' '),
                                   NULL));
    }
    if (lacks(ta_json_get(plan->record, "logoutCallbackURLs"), client->logout_callbacks)) {
        add_step(plan, apr_pstrcat(
                           plan->pocket_id->pool, "add the logout callback URLs: ",
                           apr_array_pstrcat(plan->pocket_id->pool, client->logout_callbacks, ' '),
                           NULL));
    }
    if (!ta_json_is_true(plan->record, "pkceEnabled")) {
        add_step(plan, "require PKCE, which we always send");
    }
    if (restricted && rewriting.restricts >= 0 &&
        ta_json_is_true(plan->record, "isGroupRestricted") != rewriting.restricts) {
        add_step(plan, rewriting.restricts ? "restrict the client to its allowed groups"
                                           : "let everybody use the client");
    }
    if (plan->steps->nelts > before) {
        ta_text_init(&rewriting.text, plan->pocket_id->pool, RECORD_BYTES);
        ta_text_append(&rewriting.text, "{");
        ta_json_each(plan->record, copy_member, &rewriting);
        ta_text_append(&rewriting.text, "}");
        plan->new_record = rewriting.text.overflowed ? NULL : rewriting.text.data;
    }
}

static void write_record(ta_client_plan *plan)
{
    const ta_layout_client *client = plan->wish->client;
    apr_pool_t *p = plan->pocket_id->pool;
    int is_public = !client->has_secret;
    ta_text text;

    ta_text_init(&text, p, RECORD_BYTES);
    ta_text_append(&text, "{\"id\":");
    ta_json_append_string(&text, client->provider.client_id);
    ta_text_append(&text, ",\"name\":");
    ta_json_append_string(&text, apr_pstrndup(p, plan->wish->name, NAME_BYTES));
    ta_text_append(&text, ",\"callbackURLs\":");
    append_urls(&text, NULL, client->callbacks);
    ta_text_append(&text, ",\"logoutCallbackURLs\":");
    append_urls(&text, NULL, client->logout_callbacks);
    ta_text_append_format(&text, ",\"isPublic\":%s,\"pkceEnabled\":true,\"isGroupRestricted\":%s}",
                          is_public ? "true" : "false",
                          plan->wish->unrestricted ? "false" : "true");
    plan->new_record = text.overflowed ? NULL : text.data;
    add_step(plan, apr_psprintf(p, "create the %sclient %s with the callback URLs %s",
                                is_public ? "public " : "", client->provider.client_id,
                                apr_array_pstrcat(p, client->callbacks, ' ')));
}

/* --- groups ----------------------------------------------------------------------------- */

static void add_once(apr_array_header_t *ids, const char *id)
{
    for (int i = 0; i < ids->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(ids, i, const char *), id) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(ids, const char *) = id;
}

static const char *plan_groups(ta_client_plan *plan)
{
    const ta_json *allowed = ta_json_get(plan->record, "allowedUserGroups");
    const apr_array_header_t *groups = plan->groups;
    apr_pool_t *p = plan->pocket_id->pool;
    int before;

    for (apr_size_t i = 0; i < ta_json_length(allowed); i++) {
        const char *id = ta_json_string(ta_json_item(allowed, i), "id");

        if (id) {
            add_once(plan->group_ids, id);
        }
    }
    before = plan->group_ids->nelts;
    for (int i = 0; i < groups->nelts; i++) {
        const char *name = APR_ARRAY_IDX(groups, i, const char *), *id;
        const char *error = ta_pocket_id_find_group(plan->pocket_id, name, &id);

        if (error) {
            return error;
        }
        if (id) {
            add_once(plan->group_ids, id);
        } else {
            APR_ARRAY_PUSH(plan->new_groups, const char *) = name;
            add_step(plan,
                     apr_psprintf(p, "create the user group %s, without anybody in it", name));
        }
    }
    if (plan->group_ids->nelts > before || plan->new_groups->nelts) {
        plan->allow = 1;
        add_step(plan,
                 apr_psprintf(p, "allow the user groups %s", apr_array_pstrcat(p, groups, ' ')));
    }
    return NULL;
}

/* --- the secret ------------------------------------------------------------------------- */

static const char *cannot(const ta_client_plan *plan, const char *what, apr_status_t rv)
{
    apr_pool_t *p = plan->pocket_id->pool;

    return apr_psprintf(p, "%s: %s", what, apr_strerror(rv, apr_palloc(p, 256), 256));
}

static const char *plan_secret(ta_client_plan *plan)
{
    const ta_layout_client *client = plan->wish->client;
    const char *secret;
    apr_status_t rv;

    if (!client->has_secret ||
        (plan->record && plan->wish->has_secret && plan->wish->is_secret_accepted != 0)) {
        return NULL;
    }
    if (!client->secret_file) {
        return "the secret is written in the configuration itself: write TinyauthClientSecretFile "
               "instead, so that a new one has a place to go";
    }
    /* one that we may not read may be right, and httpd log people in with it */
    rv = ta_secret_file_read(plan->pocket_id->pool, client->secret_file, &secret);
    if (rv != APR_SUCCESS && rv != APR_EOF && !APR_STATUS_IS_ENOENT(rv)) {
        return cannot(plan,
                      apr_psprintf(plan->pocket_id->pool, "%s cannot be read. Run it as root",
                                   client->secret_file),
                      rv);
    }
    plan->make_secret = 1;
    add_step(plan, apr_psprintf(plan->pocket_id->pool,
                                "have a new secret made, and write it into %s (mode 0600)",
                                client->secret_file));
    return NULL;
}

/* Who may use the client: who was named; else whom the configuration lets in, where nobody may
 * use it yet. */
static const char *choose_groups(ta_client_plan *plan)
{
    const ta_client_wish *wish = plan->wish;
    const ta_json *allowed = ta_json_get(plan->record, "allowedUserGroups");

    plan->groups = wish->groups;
    if (wish->unrestricted || wish->groups->nelts) {
        return NULL;
    }
    if (plan->record &&
        (ta_json_length(allowed) || !ta_json_is_true(plan->record, "isGroupRestricted"))) {
        return NULL;
    }
    plan->groups = wish->default_groups;
    return plan->groups->nelts ? NULL
                               : "nobody may use the client: say who may, with --allow-group NAME "
                                 "or --unrestricted";
}

const char *ta_client_plan_make(const ta_pocket_id *pocket_id, const ta_client_wish *wish,
                                ta_client_plan **result)
{
    ta_client_plan *plan = apr_pcalloc(pocket_id->pool, sizeof(*plan));
    const char *error;

    *result = plan;
    /* Pocket ID would take whatever comes first for the right one */
    if (!wish->client->callbacks->nelts) {
        return "there is no callback URL, for no host has a usable name: write ServerName";
    }
    plan->pocket_id = pocket_id;
    plan->wish = wish;
    plan->new_groups = apr_array_make(pocket_id->pool, 2, sizeof(const char *));
    plan->group_ids = apr_array_make(pocket_id->pool, 2, sizeof(const char *));
    plan->steps = apr_array_make(pocket_id->pool, 4, sizeof(const char *));
    error = ta_pocket_id_get_client(pocket_id, wish->client->provider.client_id, &plan->record);
    error = error ? error : choose_groups(plan);
    if (error) {
        return error;
    }
    if (plan->record) {
        rewrite_record(plan);
    } else {
        write_record(plan);
    }
    if (plan->steps->nelts && !plan->new_record) {
        return "the client's record would become too long";
    }
    error = wish->unrestricted ? NULL : plan_groups(plan);
    return error ? error : plan_secret(plan);
}

const apr_array_header_t *ta_client_plan_steps(const ta_client_plan *plan)
{
    return plan->steps;
}

/* --- the doing -------------------------------------------------------------------------- */

static const char *do_record(ta_client_plan *plan)
{
    if (!plan->new_record) {
        return NULL;
    }
    return plan->record ? ta_pocket_id_replace_client(plan->pocket_id,
                                                      plan->wish->client->provider.client_id,
                                                      plan->new_record)
                        : ta_pocket_id_create_client(plan->pocket_id, plan->new_record);
}

static const char *do_groups(ta_client_plan *plan)
{
    for (int i = 0; i < plan->new_groups->nelts; i++) {
        const char *id;
        const char *error = ta_pocket_id_create_group(
            plan->pocket_id, APR_ARRAY_IDX(plan->new_groups, i, const char *), &id);

        if (error) {
            return error;
        }
        add_once(plan->group_ids, id);
    }
    return plan->allow
               ? ta_pocket_id_allow_groups(plan->pocket_id, plan->wish->client->provider.client_id,
                                           plan->group_ids)
               : NULL;
}

/* The secret goes into a draft, which was there before Pocket ID was asked. */
static const char *keep_secret(const ta_client_plan *plan, ta_secret_draft *draft,
                               const char *secret)
{
    apr_pool_t *p = plan->pocket_id->pool;
    apr_status_t rv = ta_secret_file_write(draft, secret);

    if (rv != APR_SUCCESS) {
        return cannot(plan,
                      apr_psprintf(p,
                                   "Pocket ID made a secret, but it cannot be written into %s. Run "
                                   "it again; the secret that got lost can be deleted at Pocket ID",
                                   draft->file),
                      rv);
    }
    rv = ta_secret_file_finish(draft);
    return rv == APR_SUCCESS
               ? NULL
               : cannot(plan,
                        apr_psprintf(p,
                                     "Pocket ID made a secret. Move it from %s to %s, where it "
                                     "cannot be put",
                                     draft->name, draft->file),
                        rv);
}

static const char *do_secret(ta_client_plan *plan)
{
    const char *file = plan->wish->client->secret_file;
    ta_secret_draft draft;
    const char *secret;
    const char *error;
    apr_status_t rv;

    if (!plan->make_secret) {
        return NULL;
    }
    /* first: where Pocket ID knows one secret, the old one is gone once there is a new one */
    rv = ta_secret_file_begin(plan->pocket_id->pool, file, &draft);
    if (rv != APR_SUCCESS) {
        return cannot(plan,
                      apr_psprintf(plan->pocket_id->pool,
                                   "no secret was made, for %s cannot be written. Run it as root",
                                   file),
                      rv);
    }
    error =
        ta_pocket_id_make_secret(plan->pocket_id, plan->wish->client->provider.client_id, &secret);
    if (error) {
        ta_secret_file_discard(&draft);
        return error;
    }
    return keep_secret(plan, &draft, secret);
}

void ta_client_plan_carry_out(ta_client_plan *plan, ta_report *report)
{
    static const struct {
        const char *what;
        const char *(*act)(ta_client_plan *plan);
    } acts[] = {{"client", do_record}, {"groups", do_groups}, {"secret", do_secret}};

    for (apr_size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        const char *error = acts[i].act(plan);

        if (error) {
            ta_report_line(report, TA_REPORT_WRONG, acts[i].what, "%s", error);
            return;
        }
        ta_report_line(report, TA_REPORT_GOOD, acts[i].what, "as it should be");
    }
}
