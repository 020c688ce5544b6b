/*
 * A host's names, where its logins live, and its cookie.
 */
#include "doctor/checkup_host.h"

#include <string.h>

#include "doctor/secret_file.h"
#include "flow/site.h"
#include "util/url.h"

static int is_served_here(const ta_layout *layout, const char *origin)
{
    for (int i = 0; i < layout->origins->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(layout->origins, i, const char *), origin) == 0) {
            return 1;
        }
    }
    return 0;
}

static void check_login_host(ta_report *report, const ta_layout *layout, const ta_url *own,
                             const ta_url *login)
{
    if (strcmp(own->scheme, login->scheme) != 0) {
        ta_report_line(report, TA_REPORT_WRONG, "login host",
                       "logins live on %s, but this host is %s", login->origin, own->origin);
        ta_report_advice(report,
                         "All hosts that share a login must be https, or all http. Behind "
                         "something that ends TLS write ServerName https://%s.",
                         own->host);
    } else if (is_served_here(layout, login->origin)) {
        ta_report_line(report, TA_REPORT_GOOD, "login host", "logins live on %s", login->origin);
    } else {
        ta_report_line(report, TA_REPORT_WARNING, "login host",
                       "logins live on %s, which no virtual host here is", login->origin);
        ta_report_advice(report,
                         "Write a virtual host with that ServerName, unless another machine serves "
                         "it.");
    }
}

static void check_cookie(ta_report *report, const ta_layout_host *host, const ta_url *own)
{
    if (!host->cookie_domain) {
        ta_report_line(report, TA_REPORT_GOOD, "cookie", "for this host alone");
    } else if (ta_site_domain_covers(host->cookie_domain, own->host)) {
        ta_report_line(report, TA_REPORT_GOOD, "cookie", "for %s and every host below it",
                       host->cookie_domain);
    } else {
        ta_report_line(report, TA_REPORT_WRONG, "cookie",
                       "TinyauthCookieDomain %s does not cover %s: browsers refuse the cookie, and "
                       "logging in goes round in circles",
                       host->cookie_domain, own->host);
        ta_report_advice(report, "Write a domain that the host is in, or take the directive out.");
    }
}

void ta_checkup_host_run(apr_pool_t *p, ta_report *report, const ta_layout *layout,
                         const ta_layout_host *host)
{
    ta_url *own, *login;

    ta_report_heading(report, "Host %s (%s)", host->origin ? host->origin : "without a usable name",
                      host->place);
    if (!host->origin || ta_url_parse(p, host->origin, &own) != APR_SUCCESS) {
        ta_report_line(report, TA_REPORT_WRONG, "name", "ServerName is no host name");
        ta_report_advice(report, "Write ServerName with the name that people type.");
        return;
    }
    if (strcmp(own->scheme, "http") == 0 && !ta_url_host_is_loopback(own->host)) {
        ta_report_line(report, TA_REPORT_WARNING, "TLS",
                       "none: anybody on the way can take over a session");
        ta_report_advice(report,
                         "Serve it by https; behind something that ends TLS write "
                         "ServerName https://%s.",
                         own->host);
    }
    if (host->app_origin && strcmp(host->app_origin, own->origin) != 0 &&
        ta_url_parse(p, host->app_origin, &login) == APR_SUCCESS) {
        check_login_host(report, layout, own, login);
    }
    check_cookie(report, host, own);
    if (host->secret_file) {
        ta_secret_file_check(p, report, "TinyauthSecretFile", host->secret_file);
    }
}
