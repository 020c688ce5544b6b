/*
 * Before anything else sees a request: what only we may say is taken out of it.
 */
#ifndef TA_HTTPD_CLEANSE_H
#define TA_HTTPD_CLEANSE_H

#include <httpd.h>

/** post_read_request: removes identity headers that the client sent, keeps our cookies away
 *  from the application, and makes the request's context. */
int ta_cleanse_request(request_rec *r);

/** Removes identity headers from a request, in every spelling that a back end could read so. */
void ta_cleanse_identity_headers(request_rec *r);

/** Whether a table of variables or notes may hold one of ours: few begin with our letter. */
int ta_cleanse_may_hold_ours(const apr_table_t *table);

#endif
