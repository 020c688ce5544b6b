/*
 * The table of our URLs: path, allowed methods, and the function that answers.
 */
#include "flow/endpoint.h"

#include <string.h>

#include <apr_strings.h>

#include "flow/accept.h"
#include "flow/backchannel.h"
#include "flow/callback.h"
#include "flow/denied.h"
#include "flow/frontchannel.h"
#include "flow/login.h"
#include "flow/logout.h"

#define ASSETS "/assets/"

struct ta_endpoint {
    const char *page;  /* behind the site's path */
    const char *allow; /* methods, for the Allow header of a 405 */
    ta_reply *(*answer)(const ta_env *env);
    ta_reply *(*answer_for)(const ta_env *env, const char *provider_id); /* or this one */
};

static ta_reply *answer_error(const ta_env *env)
{
    ta_fault fault = {.reason = TA_REASON_NOT_FOUND};

    return ta_reply_refuse_and_log(env, &fault, NULL);
}

static const ta_asset *find_asset(const ta_site *site, const char *path)
{
    apr_size_t prefix = strlen(site->path);

    if (strncmp(path, site->path, prefix) != 0 ||
        strncmp(path + prefix, ASSETS, strlen(ASSETS)) != 0) {
        return NULL;
    }
    path += prefix + strlen(ASSETS);
    for (int i = 0; site->assets && i < site->assets->nelts; i++) {
        const ta_asset *asset = APR_ARRAY_IDX(site->assets, i, const ta_asset *);

        if (strcmp(asset->name, path) == 0) {
            return asset;
        }
    }
    return NULL;
}

static ta_reply *answer_asset(const ta_env *env)
{
    return ta_reply_asset(env, find_asset(env->site, env->request->path));
}

static const ta_endpoint pages[] = {
    {.page = "/login", .allow = "GET, HEAD", .answer = ta_login_handle},
    {.page = "/logout", .allow = "GET, HEAD, POST", .answer = ta_logout_handle},
    {.page = "/signed-out", .allow = "GET, HEAD", .answer = ta_logout_show_signed_out},
    {.page = "/unauthorized", .allow = "GET, HEAD", .answer = ta_denied_show},
    {.page = "/error", .allow = "GET, HEAD", .answer = answer_error},
    {.page = "/accept", .allow = "GET", .answer = ta_accept_handle},
};

static const ta_endpoint asset = {.page = "", .allow = "GET, HEAD", .answer = answer_asset};

/* HEAD is not among its methods: a preview must not spend the code. */
static const ta_endpoint callback = {.page = "", .allow = "GET", .answer = ta_callback_handle};

/* Behind these comes the id of a provider. They are ours on the login host alone. */
static const ta_endpoint provider_pages[] = {
    {.page = "/backchannel-logout/", .allow = "POST", .answer_for = ta_backchannel_handle},
    {.page = "/frontchannel-logout/", .allow = "GET", .answer_for = ta_frontchannel_handle},
};

static const char *provider_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

static const ta_endpoint *find_provider_page(const ta_site *site, const char *page)
{
    for (apr_size_t i = 0; i < sizeof(provider_pages) / sizeof(*provider_pages); i++) {
        apr_size_t len = strlen(provider_pages[i].page);

        if (strncmp(page, provider_pages[i].page, len) == 0 &&
            ta_site_find_provider(site, page + len)) {
            return &provider_pages[i];
        }
    }
    return NULL;
}

const ta_endpoint *ta_endpoint_find(const ta_site *site, const char *path, int is_login_host)
{
    apr_size_t prefix = strlen(site->path);

    if (strncmp(path, TA_CALLBACK_PATH, strlen(TA_CALLBACK_PATH)) == 0) {
        const char *id = path + strlen(TA_CALLBACK_PATH);

        return is_login_host && ta_site_find_provider(site, id) ? &callback : NULL;
    }
    if (strncmp(path, site->path, prefix) != 0) {
        return NULL;
    }
    for (apr_size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        if (strcmp(path + prefix, pages[i].page) == 0) {
            return &pages[i];
        }
    }
    if (find_asset(site, path)) {
        return &asset;
    }
    return is_login_host ? find_provider_page(site, path + prefix) : NULL;
}

int ta_endpoint_is_ours(const ta_site *site, const char *path)
{
    char merged[256];
    apr_size_t len = 0;

    /* ours are all shorter than this */
    for (; *path && len < sizeof(merged) - 1; path++) {
        if (*path != '/' || len == 0 || merged[len - 1] != '/') {
            merged[len++] = *path;
        }
    }
    merged[len] = '\0';
    return ta_endpoint_find(site, merged, 1) != NULL;
}

/* "GET" among "GET, HEAD, POST": whole words only. */
static int is_allowed(const char *allow, const char *method)
{
    apr_size_t len = strlen(method);

    for (const char *at = len ? strstr(allow, method) : NULL; at; at = strstr(at + 1, method)) {
        if ((at == allow || at[-1] == ' ') && (at[len] == ',' || at[len] == '\0')) {
            return 1;
        }
    }
    return 0;
}

ta_reply *ta_endpoint_run(const ta_env *env, const ta_endpoint *endpoint)
{
    ta_fault fault = {.reason = TA_REASON_METHOD};
    ta_reply *reply;

    if (is_allowed(endpoint->allow, env->request->method)) {
        return endpoint->answer ? endpoint->answer(env)
                                : endpoint->answer_for(env, provider_of(env->request->path));
    }
    reply = ta_reply_refuse_and_log(env, &fault, NULL);
    reply->allow = endpoint->allow;
    return reply;
}
