/*
 * Who listens to the flow: counters, audit log, and the notes for LogFormat.
 */
#ifndef TA_HTTPD_EVENT_SINK_H
#define TA_HTTPD_EVENT_SINK_H

#include <httpd.h>

#include "flow/event.h"

/** Fills in who listens to the events of a request. */
void ta_event_sink_fill(request_rec *r, ta_events *events);

/** log_transaction: sets the notes tinyauth-user, -sub, -provider, -reason and -session. */
int ta_event_sink_set_notes(request_rec *r);

#endif
