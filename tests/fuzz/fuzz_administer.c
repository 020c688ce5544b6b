/*
 * The administrators' page: whatever the address and the form say, nothing is ended without the
 * page's token, nothing on the page is markup that came from outside, and every address on it
 * stays on this host.
 *
 *     path and query
 *     Accept header
 *     user's name in a record
 *     form
 */
#include "fuzz.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/administer.h"
#include "util/utf8.h"

static const ta_seal_key key = {{1, 2, 3}};

/* One login, until it is removed. */
typedef struct shelf {
    ta_bytes record;
    int removals;
} shelf;

static apr_status_t iterate(void *context, apr_pool_t *tmp, ta_store_visit found,
                            void *visit_context)
{
    static const unsigned char name[TA_STORE_KEY_LEN] = {7};
    const shelf *s = context;

    (void)tmp;
    return s->removals ? APR_SUCCESS : found(visit_context, name, s->record);
}

static apr_status_t drop(void *context, apr_pool_t *tmp, const unsigned char *name)
{
    shelf *s = context;

    (void)tmp, (void)name;
    s->removals++;
    return APR_SUCCESS;
}

static void check_line(void *context, ta_log_level level, apr_status_t status, const char *line)
{
    (void)context, (void)level, (void)status;
    FUZZ_HOLDS(fuzz_is_one_line(line));
}

static void check_reply(apr_pool_t *p, const ta_reply *reply)
{
    const char *location = reply->location;

    if (location) {
        FUZZ_HOLDS(fuzz_is_one_line(location));
        FUZZ_HOLDS(location[0] == '/' && location[1] != '/' && location[1] != '\\');
    }
    FUZZ_HOLDS(!reply->body || !strstr(reply->body, "<fuzz"));
    if (reply->body && reply->content_type &&
        strcmp(reply->content_type, "application/json") == 0) {
        ta_bytes bytes = {(const unsigned char *)reply->body, strlen(reply->body)};
        const ta_json *parsed;

        FUZZ_HOLDS(ta_json_parse_object(p, bytes, &parsed) == APR_SUCCESS);
    }
}

static ta_record make_record(apr_pool_t *p, const ta_site *site, const char *user)
{
    ta_record record = {.created = WORLD_NOW, .last_used = WORLD_NOW, .checked = WORLD_NOW};
    const ta_provider *provider = APR_ARRAY_IDX(site->providers, 0, ta_provider *);

    (void)p;
    memcpy(record.provider, provider->fingerprint, sizeof(record.provider));
    ta_record_set_text(&record, TA_RECORD_AUDIENCE, WORLD_APP);
    ta_record_set_text(&record, TA_RECORD_PROVIDER, WORLD_ID);
    ta_record_set_text(&record, TA_RECORD_USER, user);
    ta_record_set_text(&record, TA_RECORD_SUB, "sub");
    return record;
}

static void ask(ta_env *env, const ta_administrator *administrator, shelf *s)
{
    check_reply(env->pool, ta_administer_handle(env, administrator));
    FUZZ_HOLDS(s->removals == 0);
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const ta_log log = {.write = check_line};
    const ta_administrator administrator = {.user = "root"};
    ta_site site = {.path = "/tinyauth",
                    .title = "Tinyauth",
                    .key = key,
                    .lifetime = {.idle = 3600, .absolute = 86400}};
    ta_request request = {
        .method = "GET",
        .scheme = "https",
        .host = "app.example.com",
        .origin = WORLD_APP,
        .server_origin = WORLD_APP,
        .target = fuzz_take_line(p, &input),
        .accept = fuzz_take_line(p, &input),
        .id = "-",
    };
    const char *user = fuzz_take_line(p, &input);
    shelf s = {.removals = 0};
    ta_store store = {.iterate = iterate, .remove = drop, .context = &s};
    ta_env env = {.pool = p,
                  .log = &log,
                  .store = &store,
                  .site = &site,
                  .request = &request,
                  .now = WORLD_NOW};
    const char *query = strchr(request.target, '?');
    ta_bytes query_bytes = {(const unsigned char *)(query ? query + 1 : ""),
                            query ? strlen(query + 1) : 0};
    ta_form *form;
    ta_record record;

    /* what httpd, or our reading of a form, refuses never comes here; names are UTF-8 */
    if (request.target[0] != '/' || !ta_utf8_is_valid(user, strlen(user)) ||
        ta_form_parse(p, query_bytes, &form) != APR_SUCCESS) {
        return;
    }
    request.path = apr_pstrmemdup(p, request.target, strcspn(request.target, "?"));
    request.query = form;
    site.providers = apr_array_make(p, 1, sizeof(ta_provider *));
    APR_ARRAY_PUSH(site.providers, ta_provider *) = fuzz_provider(p);
    record = make_record(p, &site, user);
    FUZZ_HOLDS(ta_record_write(p, &record, &s.record) == APR_SUCCESS);
    ask(&env, &administrator, &s);
    if (ta_form_parse(p, input, &form) == APR_SUCCESS) {
        request.method = "POST";
        request.body = form;
        ask(&env, &administrator, &s);
    }
}
