/*
 * --api-key-file: shows what is to be done at Pocket ID, asks, and does it.
 */
#ifndef TA_DOCTOR_REPAIR_H
#define TA_DOCTOR_REPAIR_H

#include "doctor/checkup.h"
#include "doctor/options.h"

/**
 * Creates or repairs the client of a checkup that was run.
 * @param report where the steps and their outcome go
 * @return 1 when something was changed
 */
int ta_repair_client(const ta_checkup *checkup, const ta_options *options, const char *api_key,
                     ta_report *report);

#endif
