/*
 * tinyauth-doctor: says what is wrong between this server and its providers, and what to do.
 * It is the module's own core, which knows no httpd, with a command line instead of requests.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "doctor/checkup.h"
#include "doctor/checkup_host.h"
#include "doctor/layout.h"
#include "doctor/options.h"
#include "doctor/repair.h"
#include "doctor/report.h"
#include "doctor/secret_file.h"
#include "doctor/server.h"
#include "net/curl.h"
#include "ta_version.h"

#define STATUS_WRONG 1
#define STATUS_BLIND 2 /* could not even look */

typedef struct doctor {
    apr_pool_t *pool;
    const ta_options *options;
    const char *api_key; /* NULL where nothing is to be changed */
    apr_file_t *out;
    ta_report *report;
    ta_http *http;
    ta_layout *layout;
    int has_changed;
} doctor;

static int give_up(const char *why)
{
    (void)fprintf(stderr, "tinyauth-doctor: %s\n", why);
    return STATUS_BLIND;
}

/* --- what there is to look at ----------------------------------------------------------- */

/* The server's own warnings, which are about its configuration as well. */
static void pass_on(const doctor *d, const char *said)
{
    char *state = NULL;
    int count = 0;

    for (char *line = apr_strtok(apr_pstrdup(d->pool, said), "\r\n", &state); line;
         line = apr_strtok(NULL, "\r\n", &state)) {
        const char *ours = strstr(line, "TA0");

        if (ours) {
            if (count++ == 0) {
                ta_report_heading(d->report, "What httpd says");
            }
            ta_report_line(d->report, TA_REPORT_WARNING, "configuration", "%s", ours);
        }
    }
}

static const char *ask_server(doctor *d)
{
    const char *command = d->options->server ? d->options->server : ta_server_find();
    const char *error, *said;
    ta_bytes dump;

    if (!command) {
        return "no apache2ctl, httpd or apachectl is there: name it with --server, or give the "
               "URL of a provider";
    }
    error = ta_server_ask(d->pool, command, &dump, &said);
    if (error) {
        return apr_pstrcat(d->pool, error, *said ? "\n" : "", said, NULL);
    }
    pass_on(d, said);
    error = ta_layout_parse(d->pool, dump, &d->layout);
    return error ? apr_pstrcat(d->pool, "the answer of ", command, " cannot be used: ", error, NULL)
                 : NULL;
}

static const char *read_dump(doctor *d)
{
    const char *error;
    apr_finfo_t info;
    apr_file_t *file;
    ta_bytes dump;
    char *bytes;

    if (apr_file_open(&file, d->options->dump, APR_READ, APR_OS_DEFAULT, d->pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        return apr_pstrcat(d->pool, d->options->dump, " cannot be read", NULL);
    }
    dump.len = (apr_size_t)info.size;
    bytes = apr_palloc(d->pool, dump.len + 1);
    if (apr_file_read_full(file, bytes, dump.len, NULL) != APR_SUCCESS) {
        return apr_pstrcat(d->pool, d->options->dump, " cannot be read", NULL);
    }
    dump.data = (unsigned char *)bytes;
    error = ta_layout_parse(d->pool, dump, &d->layout);
    return error ? apr_pstrcat(d->pool, d->options->dump, " cannot be used: ", error, NULL) : NULL;
}

/* A provider of which nothing is configured yet. */
static const char *describe_provider(doctor *d)
{
    const ta_options *options = d->options;
    ta_layout_client *client;

    d->layout = ta_layout_make(d->pool);
    client = ta_layout_add_client(d->pool, d->layout, "the command line");
    client->provider.id = options->provider ? options->provider : "pocketid";
    client->provider.issuer = options->url;
    client->provider.client_id = options->client_id;
    client->provider.ca_file = options->ca_file;
    client->secret_file = options->secret_file;
    client->has_secret = options->secret_file != NULL;
    client->callbacks = options->callbacks;
    client->logout_callbacks = options->logout_callbacks;
    switch (ta_provider_judge_url(d->pool, &client->provider, options->url)) {
    case TA_PROVIDER_URL_SAFE:
        break;
    case TA_PROVIDER_URL_PLAIN:
        return "the URL is plain http: a provider must be https, unless it is on this machine";
    case TA_PROVIDER_URL_MALFORMED:
    default:
        return "that is no URL of a provider: write https://pocket-id.example.com";
    }
    return ta_provider_finish(d->pool, &client->provider) == APR_SUCCESS ? NULL
                                                                         : "OpenSSL cannot hash";
}

static const char *get_layout(doctor *d)
{
    if (d->options->url) {
        return describe_provider(d);
    }
    return d->options->dump ? read_dump(d) : ask_server(d);
}

/* --- looking at it ---------------------------------------------------------------------- */

static ta_checkup begin_checkup(const doctor *d, const ta_layout_client *client, ta_report *report)
{
    ta_checkup checkup = {
        .pool = d->pool,
        .report = report,
        .http = d->http,
        .layout = d->layout,
        .client = client,
        .now = apr_time_sec(apr_time_now()),
    };

    return checkup;
}

/* What to write once the client is there. */
static void show_section(const doctor *d, const ta_layout_client *client)
{
    ta_report_heading(d->report, "Write into the server's configuration");
    apr_file_printf(d->out,
                    "    <TinyauthProvider %s>\n"
                    "        TinyauthName             \"Pocket ID\"\n"
                    "        TinyauthIssuer           %s\n"
                    "        TinyauthClientID         %s\n",
                    client->provider.id, client->provider.issuer, client->provider.client_id);
    if (client->secret_file) {
        apr_file_printf(d->out, "        TinyauthClientSecretFile %s\n", client->secret_file);
    }
    apr_file_printf(d->out, "    </TinyauthProvider>\n");
}

static void look_at_client(doctor *d, const ta_layout_client *client)
{
    ta_checkup checkup;

    if (d->api_key) {
        /* what is wrong now is about to change: nobody needs to read it */
        checkup = begin_checkup(d, client, ta_report_make(d->pool, NULL, 0));
        ta_checkup_run(&checkup);
        d->has_changed |= ta_repair_client(&checkup, d->options, d->api_key, d->report);
    }
    ta_report_heading(d->report, "Provider %s (%s)", client->provider.id, client->where);
    checkup = begin_checkup(d, client, d->report);
    ta_checkup_run(&checkup);
    if (d->options->url && d->has_changed) {
        show_section(d, client);
    }
}

static int is_wanted(const doctor *d, const ta_layout_client *client)
{
    return d->options->url || !d->options->provider ||
           strcmp(client->provider.id, d->options->provider) == 0;
}

/* An API key is of one Pocket ID, and lets whoever sees it do anything there: it goes to one
 * provider alone, which somebody has named where there are several. */
static const char *check_key_has_one_place(const doctor *d)
{
    const char *issuer = NULL;

    for (int i = 0; d->api_key && i < d->layout->clients->nelts; i++) {
        const ta_layout_client *client = APR_ARRAY_IDX(d->layout->clients, i, ta_layout_client *);
        const char *each = is_wanted(d, client) ? client->provider.issuer : NULL;

        if (issuer && each && strcmp(issuer, each) != 0) {
            return apr_psprintf(
                d->pool,
                "an API key is of one Pocket ID, and there are %s and %s: say which "
                "with --provider ID",
                issuer, each);
        }
        issuer = issuer ? issuer : each;
    }
    return NULL;
}

static const char *look(doctor *d)
{
    const char *error = check_key_has_one_place(d);
    int count = 0;

    if (error) {
        return error;
    }

    for (int i = 0; i < d->layout->hosts->nelts; i++) {
        ta_checkup_host_run(d->pool, d->report, d->layout,
                            APR_ARRAY_IDX(d->layout->hosts, i, ta_layout_host *));
    }
    for (int i = 0; i < d->layout->clients->nelts; i++) {
        ta_layout_client *client = APR_ARRAY_IDX(d->layout->clients, i, ta_layout_client *);

        if (is_wanted(d, client)) {
            look_at_client(d, client);
            count++;
        }
    }
    return count ? NULL
                 : "no such provider is described: write a <TinyauthProvider> section, or give the "
                   "URL of a provider";
}

static void sum_up(const doctor *d)
{
    int wrong = ta_report_count(d->report, TA_REPORT_WRONG);
    int warnings = ta_report_count(d->report, TA_REPORT_WARNING);

    if (d->has_changed && !d->options->url) {
        ta_report_heading(d->report, "Reload httpd for what is new to count: apachectl graceful");
    }
    if (wrong) {
        ta_report_heading(d->report, "%d wrong, %d to look at", wrong, warnings);
    } else if (warnings) {
        ta_report_heading(d->report, "Nothing is wrong; %d to look at", warnings);
    } else {
        ta_report_heading(d->report, "All is well");
    }
}

static const char *prepare(doctor *d)
{
    int utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

    if (apr_file_open_stdout(&d->out, d->pool) != APR_SUCCESS || ta_curl_start() != APR_SUCCESS ||
        ta_curl_make(d->pool, "tinyauth-doctor/" TINYAUTH_VERSION, &d->http) != APR_SUCCESS) {
        return "libcurl cannot be set up";
    }
    d->report = ta_report_make(d->pool, d->out, utf8);
    if (d->options->api_key_file &&
        ta_secret_file_read(d->pool, d->options->api_key_file, &d->api_key) != APR_SUCCESS) {
        return apr_pstrcat(d->pool, d->options->api_key_file,
                           " cannot be read, or holds no API key in its first line", NULL);
    }
    return get_layout(d);
}

int main(int argc, const char *const *argv)
{
    doctor d = {.api_key = NULL};
    ta_options *options;
    const char *error;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS ||
        apr_pool_create(&d.pool, NULL) != APR_SUCCESS) {
        return give_up("APR cannot be set up");
    }
    (void)atexit(apr_terminate);
    error = ta_options_read(d.pool, argc, argv, &options);
    if (error) {
        return give_up(error);
    }
    if (options->help || options->version) {
        apr_file_open_stdout(&d.out, d.pool);
        apr_file_puts(options->help ? ta_options_usage(d.pool)
                                    : "tinyauth-doctor " TINYAUTH_VERSION "\n",
                      d.out);
        return 0;
    }
    d.options = options;
    error = prepare(&d);
    if (!error) {
        error = look(&d);
    }
    if (error) {
        return give_up(error);
    }
    sum_up(&d);
    return ta_report_count(d.report, TA_REPORT_WRONG) ? STATUS_WRONG : 0;
}
