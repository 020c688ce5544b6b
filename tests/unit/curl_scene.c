/*
 * How a test of the HTTP port is set up, and what an answer and a failure look like.
 */
#include "curl_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "net/curl.h"

static apr_pool_t *root;

int scene_start(void **state)
{
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};

    (void)state;
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
        unsetenv(proxies[i]);
    }
    return apr_initialize() != APR_SUCCESS || apr_pool_create(&root, NULL) != APR_SUCCESS ||
           ta_curl_start() != APR_SUCCESS;
}

int scene_end(void **state)
{
    (void)state;
    apr_pool_destroy(root);
    apr_terminate();
    return 0;
}

int scene_answer_json(loopback_connection *connection, const char *request)
{
    (void)request;
    return loopback_reply(connection, JSON_HEAD, "{\"a\":1}");
}

void scene_open(struct scene *scene, loopback_answer answer, const char *tls)
{
    *scene = (struct scene){.server = loopback_start(answer, tls)};
    apr_pool_create(&scene->pool, root);
    assert_int_equal(ta_curl_make(scene->pool, "test/1.0", &scene->http), APR_SUCCESS);
    scene->request.url = apr_pstrdup(scene->pool, loopback_url(scene->server, "/path?code=s3cret"));
    scene->request.timeout_seconds = 10;
}

void scene_close(struct scene *scene)
{
    apr_pool_destroy(scene->pool);
    loopback_stop(scene->server);
}

apr_status_t scene_send(struct scene *scene)
{
    scene->fault = (ta_fault){.reason = TA_REASON_NONE};
    return scene->http->send(scene->http->context, scene->pool, &scene->request, &scene->response,
                             &scene->fault);
}

void scene_assert_sent(struct scene *scene)
{
    assert_int_equal(scene_send(scene), APR_SUCCESS);
    assert_non_null(scene->response);
    assert_int_equal(scene->fault.reason, TA_REASON_NONE);
}

static void assert_failed(struct scene *scene, apr_status_t status, const char *why)
{
    assert_int_equal(scene_send(scene), status);
    assert_null(scene->response);
    assert_int_equal(scene->fault.reason, TA_REASON_PROVIDER_UNREACHABLE);
    if (!strstr(scene->fault.detail, why)) {
        fail_msg("\"%s\" is not in \"%s\"", why, scene->fault.detail);
    }
    assert_null(strstr(scene->fault.detail, "s3cret"));
}

void scene_assert_failed(struct scene *scene, const char *why)
{
    assert_failed(scene, APR_EGENERAL, why);
}

void scene_assert_unsent(struct scene *scene, const char *why)
{
    assert_failed(scene, APR_ECONNREFUSED, why);
}

void scene_assert_was_sent(const struct scene *scene, const char *text)
{
    if (!strstr(loopback_last(scene->server), text)) {
        fail_msg("\"%s\" was not sent", text);
    }
}

void scene_assert_was_not_sent(const struct scene *scene, const char *text)
{
    if (strcasestr(loopback_last(scene->server), text)) {
        fail_msg("\"%s\" was sent", text);
    }
}
