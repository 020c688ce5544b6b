/*
 * Refresh and userinfo as Pocket ID has them: a refresh token is good once, and a refresh ends
 * the access token before it.
 */
#include "world_renew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "signer.h"
#include "util/form.h"

#define PAGE WORLD_APP "/page"

static const char *fresh_token(const renew_scene *scene)
{
    const char *text = ta_session_id_make(scene->world->pool);

    world_keep_secret(scene->world, text);
    return text;
}

static ta_http_response *answer(apr_pool_t *p, int status, const char *body)
{
    ta_http_response *response = apr_pcalloc(p, sizeof(*response));

    response->status = status;
    response->content_type = "application/json";
    response->body.data = (const unsigned char *)world_foreign(p, body);
    response->body.len = strlen(body);
    return response;
}

static const char *new_id_token(const renew_scene *scene)
{
    const world *w = scene->world;
    signing how = {.algorithm = "ES256", .key = scene->key ? scene->key : w->op->key};
    const char *token = signer_token(
        w->pool, &how, apr_psprintf(w->pool, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", w->op->kid),
        apr_psprintf(w->pool,
                     "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"iat\":%" APR_INT64_T_FMT
                     ",\"exp\":%" APR_INT64_T_FMT "}",
                     w->op->base, scene->sub ? scene->sub : w->op->sub, w->op->client_id, w->now,
                     w->now + 600));

    world_keep_secret(scene->world, token);
    return token;
}

/* Tokens for a code or a refresh token; the ones before are dead. */
static const char *issue(renew_scene *scene, const char *id_token)
{
    apr_pool_t *p = scene->world->pool;
    const char *body;

    scene->access_token = fresh_token(scene);
    scene->refresh_token = scene->gives_refresh_token ? fresh_token(scene) : NULL;
    body =
        apr_psprintf(p, "{\"access_token\":\"%s\",\"token_type\":\"bearer\"", scene->access_token);
    if (scene->expires_in >= 0) {
        body = apr_psprintf(p, "%s,\"expires_in\":%d", body, scene->expires_in);
    }
    if (scene->refresh_token) {
        body = apr_psprintf(p, "%s,\"refresh_token\":\"%s\"", body, scene->refresh_token);
    }
    if (id_token) {
        body = apr_psprintf(p, "%s,\"id_token\":\"%s\"", body, id_token);
    }
    return apr_pstrcat(p, body, "}", NULL);
}

static apr_status_t refresh(renew_scene *scene, apr_pool_t *p, const ta_form *form,
                            ta_http_response **response, ta_fault *fault)
{
    const char *token = ta_form_get(form, "refresh_token");
    void (*meanwhile)(renew_scene *) = scene->meanwhile;
    const char *body;
    int is_good;

    assert_non_null(token);
    assert_null(ta_form_get(form, "redirect_uri"));
    APR_ARRAY_PUSH(scene->sent, const char *) = apr_pstrdup(scene->world->pool, token);
    scene->meanwhile = NULL;
    if (meanwhile) {
        meanwhile(scene);
    }
    if (scene->refresh_fails == APR_ECONNREFUSED || scene->refresh_status == 429) {
        is_good = 0; /* nothing happened */
    } else {
        is_good = scene->refresh_token && strcmp(token, scene->refresh_token) == 0;
    }
    body = is_good ? issue(scene, scene->gives_id_token ? new_id_token(scene) : NULL)
                   : "{\"error\":\"invalid_grant\"}";
    if (scene->refresh_fails != APR_SUCCESS) {
        (void)ta_fault_set(fault, p, TA_REASON_PROVIDER_UNREACHABLE, "no answer from the scene");
        return scene->refresh_fails;
    }
    *response = scene->refresh_status
                    ? answer(p, scene->refresh_status, world_quotes(p, scene->refresh_body))
                    : answer(p, is_good ? 200 : 400, body);
    return APR_SUCCESS;
}

static int is_at(const ta_http_request *request, const char *path)
{
    apr_size_t len = strlen(request->url), path_len = strlen(path);

    return len > path_len && strcmp(request->url + len - path_len, path) == 0;
}

static apr_status_t send_request(void *context, apr_pool_t *p, const ta_http_request *request,
                                 ta_http_response **response, ta_fault *fault)
{
    renew_scene *scene = context;
    ta_form *form;
    apr_status_t rv;

    if (is_at(request, "/userinfo")) {
        scene->userinfos++;
        if (scene->userinfo_status || strcmp(request->bearer, scene->access_token) != 0) {
            *response = answer(p, scene->userinfo_status ? scene->userinfo_status : 401, "{}");
            return APR_SUCCESS;
        }
        return scene->honest.send(scene->honest.context, p, request, response, fault);
    }
    if (is_at(request, "/token")) {
        ta_bytes body = {(const unsigned char *)request->form, strlen(request->form)};

        assert_int_equal(ta_form_parse(p, body, &form), APR_SUCCESS);
        if (strcmp(ta_form_get(form, "grant_type"), "refresh_token") == 0) {
            return refresh(scene, p, form, response, fault);
        }
        rv = scene->honest.send(scene->honest.context, p, request, response, fault);
        assert_int_equal(rv, APR_SUCCESS);
        assert_int_equal((*response)->status, 200);
        *response = answer(p, 200, issue(scene, scene->world->op->last_id_token));
        return APR_SUCCESS;
    }
    return scene->honest.send(scene->honest.context, p, request, response, fault);
}

renew_scene *renew_scene_make(world *w)
{
    renew_scene *scene = apr_pcalloc(w->pool, sizeof(*scene));

    scene->world = w;
    scene->browser = browser_make(w);
    scene->honest = w->http;
    scene->sent = apr_array_make(w->pool, 8, sizeof(const char *));
    scene->expires_in = 3600;
    scene->gives_refresh_token = 1;
    scene->gives_id_token = 1;
    w->http = (ta_http){.send = send_request, .context = scene};
    w->app->site.revalidate = 300;
    return scene;
}

void renew_scene_enter(renew_scene *scene)
{
    assert_passed(browser_log_in(scene->browser, PAGE), "alice");
    scene->userinfos = 0;
}

static ta_renewal ask(renew_scene *scene, const visit *v)
{
    const ta_env *env;

    (void)browser_send(scene->browser, v);
    env = scene->browser->env;
    assert_int_equal(ta_access_find_session(env, &scene->session), APR_SUCCESS);
    return ta_renew_session(env, scene->session);
}

ta_renewal renew_scene_visit(renew_scene *scene, const char *url)
{
    visit v = {.url = url};

    return ask(scene, &v);
}

ta_renewal renew_scene_fetch(renew_scene *scene)
{
    visit v = {.url = PAGE, .accept = "application/json"};

    return ask(scene, &v);
}

const char *renew_scene_group(const renew_scene *scene)
{
    return ta_record_next(&scene->session->login, TA_RECORD_GROUPS, NULL);
}

ta_record renew_scene_record(const renew_scene *scene)
{
    const world *w = scene->world;
    const world_record *found =
        apr_hash_get(w->store.records, scene->session->login_key, TA_STORE_KEY_LEN);
    ta_record record;

    assert_non_null(found);
    assert_int_equal(ta_record_read(found->bytes, &record), APR_SUCCESS);
    return record;
}

ta_tokens renew_scene_tokens(const renew_scene *scene)
{
    ta_session stored = *scene->session;
    ta_tokens tokens;
    apr_int64_t given;

    stored.login = renew_scene_record(scene);
    assert_int_equal(ta_session_open_tokens(scene->world->pool, &stored, &tokens, &given),
                     APR_SUCCESS);
    return tokens;
}
