/*
 * The directives, one line each; what a value must be is decided where it is set.
 */
#include "httpd/directives.h"

#include <apr_strings.h>

#include "httpd/config.h"
#include "httpd/provider_settings.h"
#include "httpd/site_settings.h"
#include "httpd/values.h"

/* "must be On or Off" → "TinyauthEngine must be On or Off" */
static const char *complain(cmd_parms *cmd, const char *error)
{
    return error ? apr_pstrcat(cmd->pool, cmd->cmd->name, " ", error, NULL) : NULL;
}

static const char *set_site(cmd_parms *cmd, void *directory, const char *value)
{
    ta_server_config *config = ta_config_of_server(cmd->server);

    (void)directory;
    /* two sections that seem to have a TinyauthWhitelist each would share the last one */
    if (config->open) {
        return apr_psprintf(cmd->pool,
                            "%s is for all providers of this server: write it outside of "
                            "<TinyauthProvider %s>",
                            cmd->cmd->name, config->open->provider.id);
    }
    return complain(
        cmd, ta_site_settings_apply(cmd->pool, cmd->temp_pool, config, cmd->cmd->name, value));
}

static const char *set_site_words(cmd_parms *cmd, void *directory, const char *args)
{
    return set_site(cmd, directory, ta_values_join_words(cmd->temp_pool, args));
}

static const char *set_store(cmd_parms *cmd, void *directory, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    return error ? error : set_site(cmd, directory, value);
}

static const char *set_provider(cmd_parms *cmd, void *directory, const char *value)
{
    ta_server_config *config = ta_config_of_server(cmd->server);

    (void)directory;
    if (!config->open) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " belongs in a <TinyauthProvider id> section",
                           NULL);
    }
    return complain(cmd, ta_provider_settings_apply(cmd->pool, cmd->temp_pool, config->open,
                                                    cmd->cmd->name, value));
}

static const char *set_provider_words(cmd_parms *cmd, void *directory, const char *args)
{
    return set_provider(cmd, directory, ta_values_join_words(cmd->temp_pool, args));
}

/* "pocketid>" → "pocketid"; whatever else stands there makes it none. */
static const char *section_id(cmd_parms *cmd, const char *args)
{
    const char *end = strrchr(args, '>');
    const char *inside = end ? apr_pstrmemdup(cmd->pool, args, (apr_size_t)(end - args)) : "";
    const char *rest = inside;
    const char *id = ap_getword_conf(cmd->pool, &rest);

    return *rest ? inside : id;
}

/* What httpd allows in no such section, and what is for all providers, was refused when it was
 * read. The rest would count outside of it, as if it did not stand there. */
static const char *check_members(cmd_parms *cmd, const ap_directive_t *each, const char *id)
{
    while (each && ta_provider_settings_has(each->directive)) {
        each = each->next;
    }
    if (!each) {
        return NULL;
    }
    cmd->err_directive = each;
    return apr_psprintf(cmd->pool,
                        "%s%s is no setting of a provider: write it outside of "
                        "<TinyauthProvider %s>",
                        each->directive, *each->directive == '<' ? ">" : "", id);
}

static const char *open_provider(cmd_parms *cmd, void *directory, const char *args)
{
    ta_server_config *config = ta_config_of_server(cmd->server);
    const char *error = ap_check_cmd_context(
        cmd, NOT_IN_DIRECTORY | NOT_IN_LOCATION | NOT_IN_FILES | NOT_IN_LIMIT | NOT_IN_HTACCESS);
    const char *id = section_id(cmd, args);
    ap_directive_t *members = cmd->directive->first_child;
    ta_section *section;

    (void)directory;
    if (error) {
        return error;
    }
    if (config->open) {
        return "<TinyauthProvider> cannot stand inside another: close the other one before it";
    }
    if (!ta_provider_id_is_valid(id)) {
        return apr_psprintf(cmd->pool,
                            "<TinyauthProvider> needs an id of 1 to %d letters a-z, digits and "
                            "dashes, not \"%s\": write <TinyauthProvider pocketid>",
                            TA_PROVIDER_ID_LEN, id);
    }
    section = ta_config_find_section(config, id);
    if (section) {
        return apr_psprintf(cmd->pool, "provider \"%s\" is described already at %s", id,
                            section->where);
    }
    section = apr_pcalloc(cmd->pool, sizeof(*section));
    section->provider.id = id;
    section->where =
        apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
    APR_ARRAY_PUSH(config->sections, ta_section *) = section;
    config->open = section;
    error = ap_walk_config(members, cmd, cmd->context);
    config->open = NULL;
    return error ? error : check_members(cmd, members, id);
}

static const char *add_provider(cmd_parms *cmd, void *directory, const char *id)
{
    ta_directory_config *config = directory;

    if (!ta_provider_id_is_valid(id)) {
        return apr_psprintf(cmd->pool, "TinyauthProviders takes ids of providers, not \"%s\"", id);
    }
    if (!config->scope.providers) {
        config->scope.providers = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(config->scope.providers, const char *) = id;
    return NULL;
}

static const char *set_unauthenticated(cmd_parms *cmd, void *directory, const char *value)
{
    static const char *const names[] = {
        [TA_UNAUTHENTICATED_AUTO] = "auto",
        [TA_UNAUTHENTICATED_LOGIN] = "login",
        [TA_UNAUTHENTICATED_DENY] = "deny",
    };
    ta_directory_config *config = directory;

    for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++) {
        if (ap_cstr_casecmp(value, names[i]) == 0) {
            config->unauthenticated = i;
            config->scope.unauthenticated = (ta_unauthenticated)i;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool,
                        "TinyauthUnauthenticated must be auto, login or deny, not \"%s\"", value);
}

static const char *set_headers(cmd_parms *cmd, void *directory, int flag)
{
    ta_directory_config *config = directory;

    (void)cmd;
    config->headers = flag;
    return NULL;
}

static const char *add_explained(cmd_parms *cmd, void *directory, const char *user)
{
    ta_directory_config *config = directory;

    if (!config->explained) {
        config->explained = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(config->explained, const char *) = user;
    return NULL;
}

#define SITE(name, help)           AP_INIT_TAKE1(name, set_site, NULL, RSRC_CONF, help)
#define PROVIDER(name, help)       AP_INIT_TAKE1(name, set_provider, NULL, RSRC_CONF, help)
#define PROVIDER_WORDS(name, help) AP_INIT_RAW_ARGS(name, set_provider_words, NULL, RSRC_CONF, help)

const command_rec ta_directives[] = {
    /* a provider */
    AP_INIT_RAW_ARGS("<TinyauthProvider", open_provider, NULL, RSRC_CONF,
                     "id: begins the description of an OpenID provider"),
    PROVIDER("TinyauthName", "what the login button says"),
    PROVIDER("TinyauthIcon", "picture on the login button"),
    PROVIDER("TinyauthIssuer", "the provider's URL: everything else is discovered"),
    PROVIDER("TinyauthClientID", "client ID that the provider gave"),
    PROVIDER("TinyauthClientSecret", "client secret that the provider gave"),
    PROVIDER("TinyauthClientSecretFile", "file with the client secret in its first line"),
    PROVIDER("TinyauthAuthURL", "authorization endpoint, where it is not discovered"),
    PROVIDER("TinyauthTokenURL", "token endpoint, where it is not discovered"),
    PROVIDER("TinyauthUserInfoURL", "userinfo endpoint, where it is not discovered"),
    PROVIDER("TinyauthJwksURL", "key set, where it is not discovered"),
    PROVIDER("TinyauthEndSessionURL", "end-session endpoint, where it is not discovered"),
    PROVIDER("TinyauthRedirectURL", "callback URL as it is registered at the provider"),
    PROVIDER_WORDS("TinyauthScopes", "scopes to ask for"),
    PROVIDER("TinyauthTokenAuth", "auto, basic, post or none"),
    PROVIDER_WORDS("TinyauthIdTokenAlg", "signature algorithms that are accepted"),
    PROVIDER("TinyauthGroupsClaim", "claim that holds the groups"),
    PROVIDER_WORDS("TinyauthUserClaim", "claims of which the first becomes REMOTE_USER"),
    PROVIDER("TinyauthTrustEmail", "On: believe e-mails that are not verified"),
    PROVIDER("TinyauthInsecure", "On: do not verify the provider's TLS certificate"),
    PROVIDER("TinyauthCACertificateFile", "PEM file of the authorities to trust"),
    /* a server or virtual host */
    SITE("TinyauthEngine", "Off: this host has nothing to do with us"),
    SITE("TinyauthAppURL", "scheme and host where logins live"),
    SITE("TinyauthPath", "prefix of our pages"),
    SITE("TinyauthAutoRedirect", "id of the provider that needs no login page"),
    AP_INIT_RAW_ARGS("TinyauthWhitelist", set_site_words, NULL, RSRC_CONF,
                     "e-mails that may log in, with commas between, or one /regex/"),
    SITE("TinyauthTitle", "title of our pages"),
    /* as raw arguments, for httpd would refuse "", which names nobody */
    AP_INIT_RAW_ARGS("TinyauthContact", set_site_words, NULL, RSRC_CONF,
                     "whom people may ask: an e-mail address, a URL, or words"),
    SITE("TinyauthLanguage", "language of our pages, or auto: as the browser asks"),
    SITE("TinyauthLogo", "picture at the head of our pages"),
    SITE("TinyauthBackground", "picture behind our pages"),
    SITE("TinyauthStylesheet", "CSS file that our pages use besides their own"),
    SITE("TinyauthTemplateDir", "folder with files that replace our pages"),
    SITE("TinyauthCookieDomain", "domain that shares one session cookie"),
    SITE("TinyauthSessionExpiry", "seconds without use after which a session ends"),
    SITE("TinyauthSessionMaxLifetime", "seconds from the login after which a session ends"),
    SITE("TinyauthRevalidate", "seconds after which the provider is asked again who the user is"),
    AP_INIT_TAKE1("TinyauthSessionStore", set_store, NULL, RSRC_CONF,
                  "shm[:size][,file=path], shmcb[:path(bytes)], redis:server or memcache:server"),
    SITE("TinyauthAuditLog", "file or |program that takes a line of JSON for each event"),
    SITE("TinyauthSecretFile", "file with a secret of 32 characters or more that machines share"),
    /* a directory */
    AP_INIT_ITERATE("TinyauthProviders", add_provider, NULL, OR_AUTHCFG,
                    "ids of the providers that may be used here"),
    AP_INIT_TAKE1("TinyauthUnauthenticated", set_unauthenticated, NULL, OR_AUTHCFG,
                  "auto, login or deny: what somebody hears who is not logged in"),
    AP_INIT_FLAG("TinyauthHeaders", set_headers, NULL, OR_AUTHCFG,
                 "Off: tell the application nothing about the user"),
    AP_INIT_ITERATE("TinyauthExplain", add_explained, NULL, OR_AUTHCFG,
                    "users who are told which Require refused them"),
    {.name = NULL},
};
