/*
 * Looking at one host of the server: what in its configuration does not fit together.
 */
#ifndef TA_DOCTOR_CHECKUP_HOST_H
#define TA_DOCTOR_CHECKUP_HOST_H

#include <apr_pools.h>

#include "doctor/layout.h"
#include "doctor/report.h"

/** Runs every check of a host. */
void ta_checkup_host_run(apr_pool_t *p, ta_report *report, const ta_layout *layout,
                         const ta_layout_host *host);

#endif
