/*
 * The authorization providers. Words and /expressions/ are prepared when the configuration is
 * read; a request only compares. httpd asks each provider twice, first without a user.
 */
#include "httpd/require.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <ap_provider.h>
#include <mod_auth.h>

#include <apr_strings.h>

#include "httpd/context.h"
#include "httpd/module.h"
#include "httpd/regex.h"
#include "util/filter.h"

APLOG_USE_MODULE(tinyauth);

#define ALIAS "<AuthzProviderAlias"

/* A Require line, prepared. */
typedef struct ta_require {
    const char *claim; /* of oauth-claim, else NULL */
    const char *line;  /* "Require oauth-group admins (/etc/apache2/x.conf:12)" */
    int is_negated;    /* behind "not", or in <RequireNone> */
    int is_alias;      /* of <AuthzProviderAlias>: whether it is negated each use decides */
    ta_filter *filter;
} ta_require;

static const char *parse_words(cmd_parms *cmd, const char *args, ta_require *require)
{
    if (!*args) {
        return apr_psprintf(cmd->pool, "Require %s needs at least one value: write who may pass",
                            cmd->directive->args);
    }
    while (*args) {
        const char *word = ap_getword_conf(cmd->pool, &args);
        const char *error = ta_filter_add(cmd->pool, require->filter, word);

        if (error) {
            return error;
        }
    }
    return NULL;
}

/* httpd turns the answer round; whoever is in doubt has to know. */
static int is_negated(cmd_parms *cmd)
{
    const char *args = cmd->directive ? cmd->directive->args : "";
    int negated = ap_cstr_casecmp(ap_getword_conf(cmd->temp_pool, &args), "not") == 0;

    for (const ap_directive_t *each = cmd->directive; each; each = each->parent) {
        negated ^= ap_cstr_casecmp(each->directive, "<RequireNone") == 0;
    }
    return negated;
}

static ta_require *make_require(cmd_parms *cmd)
{
    ta_require *require = apr_pcalloc(cmd->pool, sizeof(*require));

    require->filter = ta_filter_make(cmd->pool, ta_regex_port_get());
    require->is_alias = ap_cstr_casecmp(cmd->directive->directive, ALIAS) == 0;
    require->is_negated = is_negated(cmd);
    require->line =
        apr_psprintf(cmd->pool, "%s %s (%s:%d)", require->is_alias ? ALIAS : "Require",
                     cmd->directive->args, cmd->directive->filename, cmd->directive->line_num);
    return require;
}

static const char *parse_values(cmd_parms *cmd, const char *line, const void **parsed)
{
    ta_require *require = make_require(cmd);

    *parsed = require;
    return parse_words(cmd, line, require);
}

static const char *parse_claim(cmd_parms *cmd, const char *line, const void **parsed)
{
    ta_require *require = make_require(cmd);
    const char *rest = line;

    *parsed = require;
    require->claim = ap_getword_conf(cmd->pool, &rest);
    if (!*require->claim || !*rest) {
        return "Require oauth-claim needs the claim's name and at least one value: write "
               "Require oauth-claim department IT";
    }
    return parse_words(cmd, rest, require);
}

/* When in doubt the answer is no, also where httpd makes the contrary of what we say. An alias
 * does not know; authenticate.c asks for both answers. */
static authz_status in_doubt(ta_context *context, const ta_require *require)
{
    if (context && require->is_alias) {
        context->has_doubts = 1;
        return context->do_doubts_grant ? AUTHZ_GRANTED : AUTHZ_DENIED;
    }
    return require->is_negated ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

/* The identity behind a request that a Require of ours asks about, or NULL and what to say. */
static const ta_session *get_session(request_rec *r, const ta_require *require,
                                     ta_context **context, authz_status *status)
{
    *context = ta_context_get(r);
    *status = AUTHZ_DENIED_NO_USER;
    if (!r->user) {
        ta_context_imply_auth_type(r);
        return NULL;
    }
    if (*context && !(*context)->is_authenticated && ta_context_is_auth_type_ours(r)) {
        /* a user that somebody else set (SSLUserName) before we were asked is nobody of ours */
        return NULL;
    }
    if (!*context || !ta_context_is_auth_type_ours(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "TA0160: Require oauth-… needs AuthType Tinyauth, but AuthType %s is in "
                      "force for %s: denied",
                      ap_auth_type(r) ? ap_auth_type(r) : "None", r->uri);
        /* nobody asks an alias a second time here; of an error httpd makes no contrary */
        *status = require->is_alias ? AUTHZ_GENERAL_ERROR : in_doubt(*context, require);
        return NULL;
    }
    return (*context)->session;
}

/* Why a group was wanted in vain; shown and logged when Require denies in the end. */
static void note_groups(request_rec *r, ta_context *context, const ta_filter *filter)
{
    apr_uint32_t flags = context->session->login.flags;
    ta_denial *denial = &context->denial;

    denial->reason = flags & TA_RECORD_GROUPS_ABSENT      ? TA_REASON_GROUPS_ABSENT
                     : flags & TA_RECORD_GROUPS_MALFORMED ? TA_REASON_GROUPS_MALFORMED
                     : ta_record_next(&context->session->login, TA_RECORD_GROUPS, NULL)
                         ? TA_REASON_NOT_IN_GROUP
                         : TA_REASON_GROUPS_EMPTY;
    if (!denial->groups) {
        denial->groups = apr_array_make(r->pool, 2, sizeof(const char *));
    }
    for (int i = 0; i < filter->items->nelts; i++) {
        const ta_filter_item *item = &APR_ARRAY_IDX(filter->items, i, ta_filter_item);

        if (item->text) {
            APR_ARRAY_PUSH(denial->groups, const char *) = item->text;
        }
    }
}

static int has_match(const ta_record *login, ta_record_slot slot, const ta_filter *filter,
                     const void *regex)
{
    const char *value = NULL;

    while ((value = ta_record_next(login, slot, value)) != NULL) {
        if (filter->regex->match(regex, value)) {
            return 1;
        }
    }
    return 0;
}

static int has_value(const ta_session *session, ta_record_slot slot, const ta_filter *filter)
{
    for (int i = 0; i < filter->items->nelts; i++) {
        const ta_filter_item *item = &APR_ARRAY_IDX(filter->items, i, ta_filter_item);

        if (item->text ? ta_record_has(&session->login, slot, item->text, item->len)
                       : has_match(&session->login, slot, filter, item->regex)) {
            return 1;
        }
    }
    return 0;
}

/* Whose groups the provider did not send, or sent in a way that we cannot read, may be in any. */
static int are_groups_known(const ta_session *session)
{
    return !(session->login.flags & (TA_RECORD_GROUPS_ABSENT | TA_RECORD_GROUPS_MALFORMED));
}

/* What one kind of Require says of somebody who is signed in. */
typedef authz_status (*decision)(request_rec *r, ta_context *context, const ta_require *require);

/* Which line it was, for those to whom TinyauthExplain tells it. */
static void note_line(request_rec *r, ta_context *context, const ta_require *require,
                      authz_status status)
{
    ta_denial *denial = &context->denial;

    if (!denial->is_explained || status != (require->is_negated ? AUTHZ_GRANTED : AUTHZ_DENIED)) {
        return;
    }
    if (!denial->lines) {
        denial->lines = apr_array_make(r->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(denial->lines, const char *) = require->line;
}

/* httpd asks the first time without a user. */
static authz_status ask(request_rec *r, const void *parsed, decision decide)
{
    const ta_require *require = parsed;
    ta_context *context;
    authz_status status = AUTHZ_DENIED;

    if (!get_session(r, require, &context, &status)) {
        return status;
    }
    status = decide(r, context, require);
    note_line(r, context, require, status);
    return status;
}

static authz_status grant_if(int fits)
{
    return fits ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static authz_status decide_group(request_rec *r, ta_context *context, const ta_require *require)
{
    if (has_value(context->session, TA_RECORD_GROUPS, require->filter)) {
        return AUTHZ_GRANTED;
    }
    note_groups(r, context, require->filter);
    return are_groups_known(context->session) ? AUTHZ_DENIED : in_doubt(context, require);
}

static authz_status decide_user(request_rec *r, ta_context *context, const ta_require *require)
{
    const ta_record *login = &context->session->login;

    (void)r;
    return grant_if(ta_filter_match(require->filter, ta_record_text(login, TA_RECORD_USER)));
}

static authz_status decide_email(request_rec *r, ta_context *context, const ta_require *require)
{
    const ta_record *login = &context->session->login;

    (void)r;
    if (!ta_filter_match_email(require->filter, ta_record_text(login, TA_RECORD_EMAIL))) {
        return AUTHZ_DENIED;
    }
    /* an e-mail that nobody verified proves nothing */
    if (!(login->flags & TA_RECORD_EMAIL_VERIFIED)) {
        context->denial.reason = TA_REASON_EMAIL_UNVERIFIED;
        return in_doubt(context, require);
    }
    return AUTHZ_GRANTED;
}

/* Names and values of the claims stand in turn. */
static int has_claim(const ta_record *login, const ta_require *require)
{
    const char *name = ta_record_next(login, TA_RECORD_CLAIMS, NULL);
    const char *value;

    for (; name && (value = ta_record_next(login, TA_RECORD_CLAIMS, name)) != NULL;
         name = ta_record_next(login, TA_RECORD_CLAIMS, value)) {
        if (strcmp(name, require->claim) == 0 && ta_filter_match(require->filter, value)) {
            return 1;
        }
    }
    return 0;
}

static authz_status decide_claim(request_rec *r, ta_context *context, const ta_require *require)
{
    const ta_record *login = &context->session->login;
    const ta_provider *provider =
        ta_site_find_provider(context->env.site, ta_record_text(login, TA_RECORD_PROVIDER));

    /* the groups are kept apart from the other claims */
    if (provider && strcmp(require->claim, provider->groups_claim) == 0) {
        return decide_group(r, context, require);
    }
    return grant_if(has_claim(login, require));
}

static authz_status check_group(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return ask(r, parsed, decide_group);
}

static authz_status check_user(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return ask(r, parsed, decide_user);
}

static authz_status check_email(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return ask(r, parsed, decide_email);
}

static authz_status check_claim(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return ask(r, parsed, decide_claim);
}

static const authz_provider group_provider = {check_group, parse_values};
static const authz_provider user_provider = {check_user, parse_values};
static const authz_provider email_provider = {check_email, parse_values};
static const authz_provider claim_provider = {check_claim, parse_claim};

static const struct {
    const char *name;
    const authz_provider *provider;
} providers[] = {
    {"oauth-group", &group_provider},
    {"oauth-user", &user_provider},
    {"oauth-email", &email_provider},
    {"oauth-claim", &claim_provider},
};

void ta_require_register(apr_pool_t *p)
{
    for (apr_size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
        ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, providers[i].name,
                                  AUTHZ_PROVIDER_VERSION, providers[i].provider,
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}
