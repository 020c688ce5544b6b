/*
 * The conversation around a plan.
 */
#include "doctor/repair.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "doctor/client_plan.h"
#include "doctor/secret_file.h"

/* Whether somebody at the terminal says yes. */
static int is_agreed(void)
{
    char answer[16] = "";

    printf("      Do this? [y/N] ");
    (void)fflush(stdout);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int may_begin(const ta_options *options, ta_report *report)
{
    if (options->dry_run) {
        ta_report_advice(report, "Nothing was done (--dry-run).");
        return 0;
    }
    if (options->yes) {
        return 1;
    }
    if (!isatty(STDIN_FILENO)) {
        ta_report_advice(report, "Nothing was done: say --yes, or run it in a terminal.");
        return 0;
    }
    return is_agreed();
}

static const char *without_slash(apr_pool_t *p, const char *url)
{
    apr_size_t len = strlen(url);

    return len && url[len - 1] == '/' ? apr_pstrndup(p, url, len - 1) : url;
}

/* "My app": the name that was given, else the host of the first callback URL. */
static const char *name_of(apr_pool_t *p, const ta_checkup *checkup, const ta_options *options)
{
    const apr_array_header_t *callbacks = checkup->client->callbacks;
    const char *begin;

    if (options->name || !callbacks->nelts) {
        return options->name ? options->name : "Apache";
    }
    begin = strstr(APR_ARRAY_IDX(callbacks, 0, const char *), "//");
    return begin ? apr_pstrndup(p, begin + 2, strcspn(begin + 2, "/:")) : "Apache";
}

int ta_repair_client(const ta_checkup *checkup, const ta_options *options, const char *api_key,
                     ta_report *report)
{
    ta_pocket_id pocket_id = {
        .pool = checkup->pool,
        .http = checkup->http,
        .api_key = api_key,
        .insecure = checkup->provider.insecure,
        .ca_file = checkup->provider.ca_file,
    };
    ta_client_wish wish = {
        .client = checkup->client,
        .name = name_of(checkup->pool, checkup, options),
        .groups = options->groups,
        .default_groups = checkup->layout->groups,
        .unrestricted = options->unrestricted,
        .has_secret = checkup->provider.client_secret != NULL,
        .is_secret_accepted = checkup->is_secret_accepted,
    };
    const apr_array_header_t *steps;
    ta_client_plan *plan;
    const char *error;

    ta_report_heading(report, "Client %s of provider %s", checkup->provider.client_id,
                      checkup->provider.id);
    ta_secret_file_check(checkup->pool, report, "API key", options->api_key_file);
    if (!checkup->metadata) {
        ta_report_line(report, TA_REPORT_WRONG, "plan", "the provider cannot be asked: see below");
        return 0;
    }
    if (!checkup->is_pocket_id || !checkup->provider.issuer) {
        ta_report_line(report, TA_REPORT_NOTE, "plan", "the provider is not Pocket ID: left alone");
        return 0;
    }
    pocket_id.url = without_slash(checkup->pool, checkup->provider.issuer);
    error = ta_client_plan_make(&pocket_id, &wish, &plan);
    if (error) {
        ta_report_line(report, TA_REPORT_WRONG, "plan", "%s", error);
        return 0;
    }
    steps = ta_client_plan_steps(plan);
    for (int i = 0; i < steps->nelts; i++) {
        ta_report_line(report, TA_REPORT_NOTE, "to do", "%s",
                       APR_ARRAY_IDX(steps, i, const char *));
    }
    if (!steps->nelts) {
        ta_report_line(report, TA_REPORT_GOOD, "plan", "there is nothing to do");
        return 0;
    }
    if (!may_begin(options, report)) {
        return 0;
    }
    ta_client_plan_carry_out(plan, report);
    return 1;
}
