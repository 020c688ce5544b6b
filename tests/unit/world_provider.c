/*
 * The OpenID provider of the world. It is strict about what it is asked (client, redirect URI,
 * PKCE, each code once), and lies only where it is told to.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "jose/jws.h"
#include "oidc/authorization.h"
#include "oidc/discovery.h"
#include "signer.h"
#include "util/form.h"
#include "util/url.h"

/* What an authorization code stands for. */
typedef struct world_code {
    const char *client_id;
    const char *redirect_uri;
    const char *nonce;
    const char *challenge;
    const char *scope;
    int is_used;
} world_code;

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

EVP_PKEY *world_op_key(apr_pool_t *p)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    assert_non_null(key);
    apr_pool_cleanup_register(p, key, free_key, apr_pool_cleanup_null);
    return key;
}

static const char *random_text(world *w)
{
    const char *text = ta_session_id_make(w->pool);

    world_keep_secret(w, text);
    return text;
}

world_op *world_op_make(world *w, const char *base)
{
    world_op *op = apr_pcalloc(w->pool, sizeof(*op));

    op->base = base;
    op->client_id = apr_psprintf(w->pool, "client-%d", w->ops->nelts);
    op->client_secret = random_text(w);
    op->codes = apr_hash_make(w->pool);
    op->sub = "sub-of-alice";
    op->user = "'preferred_username':'alice','name':'Alice','email':'alice@example.com',"
               "'email_verified':true,'groups':['users','admins']";
    world_op_rotate(w, op, "first");
    APR_ARRAY_PUSH(w->ops, world_op *) = op;
    return op;
}

void world_op_rotate(world *w, world_op *op, const char *kid)
{
    op->key = op->published = world_op_key(w->pool);
    op->kid = op->published_kid = kid;
}

static const char *discovery_document(world *w, const world_op *op)
{
    return apr_psprintf(w->pool,
                        "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s/authorize\","
                        "\"token_endpoint\":\"%s/token\",\"userinfo_endpoint\":\"%s/userinfo\","
                        "\"jwks_uri\":\"%s/keys\",\"end_session_endpoint\":\"%s/end-session\","
                        "\"authorization_response_iss_parameter_supported\":%s}",
                        op->base, op->base, op->base, op->base, op->base, op->base,
                        op->promises_iss ? "true" : "false");
}

static const char *key_set(world *w, const world_op *op)
{
    const char *more = apr_psprintf(w->pool, ",\"kid\":\"%s\"", op->published_kid);

    return apr_psprintf(w->pool, "{\"keys\":[%s]}", signer_jwk(w->pool, op->published, more));
}

/* The claims of an ID token, one of them perhaps a lie. */
static const char *id_token_claims(world *w, const world_op *op, const world_code *code)
{
    const struct {
        const char *name;
        const char *json;
    } claims[] = {
        {"iss", apr_psprintf(w->pool, "\"%s\"", op->base)},
        {"sub", apr_psprintf(w->pool, "\"%s\"", op->sub)},
        {"aud", apr_psprintf(w->pool, "\"%s\"", code->client_id)},
        {"nonce", apr_psprintf(w->pool, "\"%s\"", code->nonce)},
        {"iat", apr_psprintf(w->pool, "%" APR_INT64_T_FMT, w->now)},
        {"exp", apr_psprintf(w->pool, "%" APR_INT64_T_FMT, w->now + 600)},
        {"sid", op->sid ? apr_psprintf(w->pool, "\"%s\"", op->sid) : NULL},
        {"azp", NULL},
        {"email", NULL},
        {"groups", NULL},
        {"at_hash", NULL},
        {"type", NULL},
    };
    const char *text = "";

    for (size_t i = 0; i < COUNT(claims); i++) {
        int is_lie = op->claim && strcmp(op->claim, claims[i].name) == 0;
        const char *json = is_lie ? op->json : claims[i].json;

        if (json) {
            text = apr_pstrcat(w->pool, text, *text ? "," : "{", "\"", claims[i].name,
                               "\":", world_quotes(w->pool, json), NULL);
        }
    }
    return apr_pstrcat(w->pool, text, "}", NULL);
}

static const char *id_token(world *w, world_op *op, const world_code *code)
{
    signing how = {.algorithm = "ES256", .key = op->key};
    const char *header = op->header
                             ? world_quotes(w->pool, op->header)
                             : apr_psprintf(w->pool, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", op->kid);
    char *token =
        apr_pstrdup(w->pool, signer_token(w->pool, &how, header, id_token_claims(w, op, code)));

    if (op->breaks_signature) {
        char *last = strrchr(token, '.') + 10;

        *last = *last == 'A' ? 'B' : 'A';
    }
    world_keep_secret(w, token);
    op->last_id_token = token;
    return token;
}

static const char *refuse_code(int *status)
{
    *status = 400;
    return "{\"error\":\"invalid_grant\",\"error_description\":\"the code is not good\"}";
}

static const char *answer_token(world *w, world_op *op, const ta_http_request *request, int *status)
{
    ta_bytes body = {(const unsigned char *)request->form, strlen(request->form)};
    const char *token = op->id_token;
    const char *verifier;
    world_code *code;
    ta_form *form;

    assert_int_equal(ta_form_parse(w->pool, body, &form), APR_SUCCESS);
    verifier = ta_form_get(form, "code_verifier");
    world_keep_secret(w, verifier);
    assert_string_equal(request->basic,
                        apr_pstrcat(w->pool, op->client_id, ":", op->client_secret, NULL));
    assert_string_equal(ta_form_get(form, "grant_type"), "authorization_code");
    code = apr_hash_get(op->codes, ta_form_get(form, "code"), APR_HASH_KEY_STRING);
    if (!code || code->is_used++ ||
        strcmp(code->redirect_uri, ta_form_get(form, "redirect_uri")) != 0 ||
        strcmp(code->challenge, ta_authorization_challenge(w->pool, verifier)) != 0) {
        return refuse_code(status);
    }
    token = token ? token : id_token(w, op, code);
    return apr_psprintf(w->pool,
                        "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
                        "\"refresh_token\":\"%s\",\"id_token\":\"%s\"}",
                        random_text(w), random_text(w), token);
}

static const char *answer_userinfo(world *w, const world_op *op, const ta_http_request *request)
{
    assert_non_null(request->bearer);
    assert_null(request->form);
    return apr_psprintf(w->pool, "{\"sub\":\"%s\",%s}", op->sub, world_quotes(w->pool, op->user));
}

static const char *answer(world *w, world_op *op, const ta_http_request *request, int *status)
{
    const char *path = request->url + strlen(op->base);

    if (strcmp(path, "/.well-known/openid-configuration") == 0) {
        op->discoveries++;
        return discovery_document(w, op);
    }
    if (strcmp(path, "/keys") == 0) {
        op->key_sets++;
        return key_set(w, op);
    }
    if (strcmp(path, "/token") == 0) {
        op->tokens++;
        return answer_token(w, op, request, status);
    }
    if (strcmp(path, "/userinfo") == 0) {
        op->userinfos++;
        return answer_userinfo(w, op, request);
    }
    op->others++;
    *status = 404;
    return "{}";
}

static apr_status_t send_request(void *context, apr_pool_t *p, const ta_http_request *request,
                                 ta_http_response **response, ta_fault *fault)
{
    world *w = context;
    world_op *op = world_find_op(w, request->url);
    int status = 200;
    const char *body;

    *response = NULL;
    /* nothing is ever sent to a host that nobody configured */
    assert_non_null(op);
    assert_true(request->timeout_seconds > 0 && request->timeout_seconds <= 30);
    assert_false(request->insecure);
    body = answer(w, op, request, &status);
    if (op->down && strncmp(request->url + strlen(op->base), op->down, strlen(op->down)) == 0) {
        return ta_fault_set(fault, p, TA_REASON_PROVIDER_UNREACHABLE, "no answer from the world");
    }
    if (op->path && strcmp(request->url + strlen(op->base), op->path) == 0) {
        body = op->content_type ? op->body : world_quotes(w->pool, op->body);
    }
    *response = apr_pcalloc(p, sizeof(**response));
    (*response)->status = op->status ? op->status : status;
    (*response)->content_type = "application/json";
    if (body == op->body && op->content_type) {
        (*response)->content_type = op->content_type;
    }
    /* a NUL behind the body, as the port promises */
    (*response)->body.data = (const unsigned char *)world_foreign(p, body);
    (*response)->body.len = strlen(body);
    return APR_SUCCESS;
}

ta_http world_http(world *w)
{
    return (ta_http){.send = send_request, .context = w};
}

const char *world_op_authorize(world *w, const char *url)
{
    world_op *op = world_find_op(w, url);
    world_code *code = apr_pcalloc(w->pool, sizeof(*code));
    const char *state = url_parameter(w->pool, url, "state");
    const char *text = random_text(w);
    const char *callback;

    assert_non_null(op);
    assert_string_equal(url_parameter(w->pool, url, "response_type"), "code");
    assert_string_equal(url_parameter(w->pool, url, "code_challenge_method"), "S256");
    assert_int_equal(strlen(state), 43);
    world_keep_secret(w, state);
    code->client_id = url_parameter(w->pool, url, "client_id");
    code->redirect_uri = url_parameter(w->pool, url, "redirect_uri");
    code->nonce = url_parameter(w->pool, url, "nonce");
    code->challenge = url_parameter(w->pool, url, "code_challenge");
    assert_string_equal(code->client_id, op->client_id);
    assert_int_equal(strlen(code->challenge), 43);
    if (code->nonce) {
        assert_int_equal(strlen(code->nonce), 43);
        assert_string_not_equal(code->nonce, state);
    }
    apr_hash_set(op->codes, text, APR_HASH_KEY_STRING, code);
    callback = url_with(w->pool, code->redirect_uri, "code", text);
    callback = url_with(w->pool, callback, "state", state);
    if (op->response_iss && !*op->response_iss) {
        return callback;
    }
    return url_with(w->pool, callback, "iss", op->response_iss ? op->response_iss : op->base);
}
