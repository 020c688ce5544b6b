/*
 * SetHandler tinyauth-metrics, and our section of mod_status's page.
 */
#ifndef TA_HTTPD_METRICS_PAGE_H
#define TA_HTTPD_METRICS_PAGE_H

#include <httpd.h>

/** handler: answers where the handler is tinyauth-metrics. */
int ta_metrics_page_handle(request_rec *r);

/** Adds the section to mod_status, whether that is loaded or not. */
void ta_metrics_page_register(void);

#endif
