/*
 * What the tests of the HTTP port share: one server, one port, one request.
 */
#ifndef TA_TESTS_UNIT_CURL_SCENE_H
#define TA_TESTS_UNIT_CURL_SCENE_H

#include <apr_pools.h>

#include "loopback.h"
#include "net/http.h"

#define JSON_HEAD "200 OK\r\nContent-Type: application/json"

struct scene {
    apr_pool_t *pool;
    ta_http *http;
    loopback *server;
    ta_http_request request;
    ta_http_response *response;
    ta_fault fault;
};

/** For the group: APR, libcurl, no proxies from the environment. */
int scene_start(void **state);
int scene_end(void **state);

/** A server (https where there is a certificate), a port and a GET with a secret in its query. */
void scene_open(struct scene *scene, loopback_answer answer, const char *certificate);
void scene_close(struct scene *scene);

/** Answers {"a":1}. */
int scene_answer_json(loopback_connection *connection, const char *request);

/** Sends the request as it stands. */
apr_status_t scene_send(struct scene *scene);

/** Sends it, and there is an answer. */
void scene_assert_sent(struct scene *scene);

/** Sends it, and there is none: the log learns which host and why, and nothing of the query. */
void scene_assert_failed(struct scene *scene, const char *why);

/** The same, and nothing was sent. */
void scene_assert_unsent(struct scene *scene, const char *why);

/** Whether the last request held a text (in any case of letters). */
void scene_assert_was_sent(const struct scene *scene, const char *text);
void scene_assert_was_not_sent(const struct scene *scene, const char *text);

#endif
