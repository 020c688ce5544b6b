/*
 * The provider's side of a back-channel logout.
 */
#include "backchannel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <apr_strings.h>

#include "signer.h"

const char *backchannel_sign(world *w, const char *header, const char *payload)
{
    signing how = {.algorithm = "ES256", .key = w->op->key};
    const char *token =
        signer_token(w->pool, &how, world_quotes(w->pool, header), world_quotes(w->pool, payload));

    world_keep_secret(w, token);
    return token;
}

const char *backchannel_token(world *w, const char *about, const char *jti)
{
    return backchannel_sign(w, BACKCHANNEL_HEAD,
                            apr_psprintf(w->pool,
                                         "{" BACKCHANNEL_ISS "," BACKCHANNEL_AUD
                                         ",'iat':%" APR_INT64_T_FMT ",'exp':%" APR_INT64_T_FMT
                                         ",'jti':'%s'," BACKCHANNEL_EVENTS ",%s}",
                                         w->now, w->now + 120, jti, about));
}

ta_reply *backchannel_post(world *w, const char *token)
{
    const char *body = token ? apr_pstrcat(w->pool, "logout_token=", token, NULL) : "";
    visit v = {.url = BACKCHANNEL, .method = "POST", .body = body, .accept = "*/*"};

    return browser_send(browser_make(w), &v);
}

browser *backchannel_log_in(world *w, const char *sub, const char *sid)
{
    browser *b = browser_make(w);

    w->op->sub = sub;
    w->op->sid = sid;
    assert_passed(browser_log_in(b, WORLD_APP "/page"), "alice");
    return b;
}

int backchannel_is_logged_in(browser *b)
{
    return browser_get(b, WORLD_APP "/page")->status == 200;
}

void backchannel_assert_refused(world *w, const ta_reply *reply, ta_reason reason)
{
    const char *member =
        apr_psprintf(w->pool, "\"reason\":\"%s\"", ta_reason_info_get(reason)->code);

    assert_int_equal(reply->status, 400);
    assert_string_equal(reply->content_type, "application/json");
    assert_holds(reply->body, member);
    assert_holds(reply->body, "\"error\":");
    assert_int_equal(reply->cookies->nelts, 0);
    assert_true(world_has_logged(w, "TA0500"));
}
