/*
 * Looking at ourselves as a client of the provider: whether it knows us, and our secret.
 */
#ifndef TA_DOCTOR_CHECKUP_CLIENT_H
#define TA_DOCTOR_CHECKUP_CLIENT_H

#include "doctor/checkup.h"

/** Runs the checks of the client; checkup->metadata is known. */
void ta_checkup_client_run(ta_checkup *checkup);

#endif
