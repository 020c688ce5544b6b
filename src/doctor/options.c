/*
 * Reading the command line, by a table of what there is.
 */
#include "doctor/options.h"

#include <stddef.h>
#include <string.h>

#include <apr_getopt.h>
#include <apr_strings.h>

typedef enum kind { FLAG, TEXT, LIST } kind;

static const struct {
    const char *name;
    kind kind;
    size_t member;
    const char *help;
} options[] = {
    {"server", TEXT, offsetof(ta_options, server),
     "command of the web server that is asked for its configuration (default: apache2ctl, "
     "httpd or apachectl)"},
    {"dump", TEXT, offsetof(ta_options, dump),
     "file with its answer to -t -D TINYAUTH_DUMP instead"},
    {"provider", TEXT, offsetof(ta_options, provider), "id of the only provider to look at"},
    {"client-id", TEXT, offsetof(ta_options, client_id), "with a URL: our client ID there"},
    {"secret-file", TEXT, offsetof(ta_options, secret_file),
     "with a URL: file that holds the client secret, or shall hold it"},
    {"ca-file", TEXT, offsetof(ta_options, ca_file),
     "with a URL: PEM file of the authorities that may sign the provider's certificate"},
    {"callback", LIST, offsetof(ta_options, callbacks), "with a URL: a callback URL of ours"},
    {"logout-callback", LIST, offsetof(ta_options, logout_callbacks),
     "with a URL: a logout callback URL of ours"},
    {"api-key-file", TEXT, offsetof(ta_options, api_key_file),
     "file with an API key of a Pocket ID administrator: creates or repairs the client there"},
    {"name", TEXT, offsetof(ta_options, name), "what a new client is called at Pocket ID"},
    {"allow-group", LIST, offsetof(ta_options, groups),
     "user group that may use the client (default for a new client: the groups that Require "
     "oauth-group names)"},
    {"unrestricted", FLAG, offsetof(ta_options, unrestricted), "everybody may use the client"},
    {"dry-run", FLAG, offsetof(ta_options, dry_run), "show what would be done, and do nothing"},
    {"yes", FLAG, offsetof(ta_options, yes), "do it without asking"},
    {"help", FLAG, offsetof(ta_options, help), "show this"},
    {"version", FLAG, offsetof(ta_options, version), "show the version"},
};

#define OPTIONS (sizeof(options) / sizeof(*options))
#define FIRST   256 /* apr_getopt_long: no letter stands for the option */

static void set(ta_options *read, apr_size_t i, const char *value)
{
    void *member = (char *)read + options[i].member;

    switch (options[i].kind) {
    case FLAG:
        *(int *)member = 1;
        break;
    case TEXT:
        *(const char **)member = value;
        break;
    case LIST:
        APR_ARRAY_PUSH(*(apr_array_header_t **)member, const char *) = value;
        break;
    }
}

static int describes_client(const ta_options *read)
{
    return read->client_id || read->secret_file || read->ca_file || read->callbacks->nelts ||
           read->logout_callbacks->nelts;
}

static int says_how_to_repair(const ta_options *read)
{
    return read->groups->nelts || read->unrestricted || read->name || read->dry_run || read->yes;
}

static const char *check(const ta_options *read)
{
    if (!read->url && describes_client(read)) {
        return "--client-id, --secret-file, --ca-file, --callback and --logout-callback need the "
               "provider's URL; without a URL the server's configuration says all that";
    }
    if (read->url && (read->server || read->dump)) {
        return "--server and --dump need no URL: the server's configuration names the provider";
    }
    if (!read->api_key_file && says_how_to_repair(read)) {
        return "--allow-group, --unrestricted, --name, --dry-run and --yes need --api-key-file";
    }
    if (read->groups->nelts && read->unrestricted) {
        return "--allow-group and --unrestricted exclude each other";
    }
    if (read->url && read->api_key_file && (!read->client_id || !read->callbacks->nelts)) {
        return "with a URL, --api-key-file needs --client-id and --callback";
    }
    return NULL;
}

const char *ta_options_read(apr_pool_t *p, int argc, const char *const *argv, ta_options **result)
{
    apr_getopt_option_t known[OPTIONS + 1];
    ta_options *read = apr_pcalloc(p, sizeof(*read));
    apr_getopt_t *state;
    const char *value;
    apr_status_t rv;
    int option;

    *result = read;
    read->callbacks = apr_array_make(p, 1, sizeof(const char *));
    read->logout_callbacks = apr_array_make(p, 1, sizeof(const char *));
    read->groups = apr_array_make(p, 1, sizeof(const char *));
    memset(known, 0, sizeof(known));
    for (apr_size_t i = 0; i < OPTIONS; i++) {
        known[i].name = options[i].name;
        known[i].optch = FIRST + (int)i;
        known[i].has_arg = options[i].kind != FLAG;
    }
    apr_getopt_init(&state, p, argc, argv);
    state->interleave = 1;
    state->errfn = NULL;
    while ((rv = apr_getopt_long(state, known, &option, &value)) == APR_SUCCESS) {
        set(read, (apr_size_t)(option - FIRST), value);
    }
    if (rv != APR_EOF) {
        return "an option is not known, or its value is missing: see --help";
    }
    if (state->ind < argc) {
        read->url = state->argv[state->ind++];
    }
    return state->ind < argc ? "there is more than one URL" : check(read);
}

const char *ta_options_usage(apr_pool_t *p)
{
    const char *usage = "Usage: tinyauth-doctor [option…]        looks at this server's "
                        "configuration\n"
                        "       tinyauth-doctor [option…] URL    looks at a provider\n\n"
                        "Checks step by step what has to be right for people to log in, and says "
                        "what to do.\nThe exit status is 0 where nothing is wrong, 1 where "
                        "something is, 2 where it could not look.\n\n";

    for (apr_size_t i = 0; i < OPTIONS; i++) {
        usage = apr_psprintf(p, "%s  --%s%s\n      %s\n", usage, options[i].name,
                             options[i].kind == FLAG ? "" : " VALUE", options[i].help);
    }
    return usage;
}
