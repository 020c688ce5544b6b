/*
 * httpd's request_rec as the flow's request.
 */
#ifndef TA_HTTPD_REQUEST_MAP_H
#define TA_HTTPD_REQUEST_MAP_H

#include <httpd.h>

#include "flow/request.h"
#include "flow/site.h"

/** Prepares what requests say of their host, for each name, port and scheme that a server is
 *  known by. @param p of the configuration */
const struct ta_known_hosts *ta_request_map_prepare(apr_pool_t *p, const server_rec *s,
                                                    const ta_site *site);

/** Reads the query, which only URLs of ours need. */
void ta_request_map_read_query(request_rec *r, ta_request *request);

/** Fills in a request. @param cookies our cookies, as they were taken out of the header */
void ta_request_map_fill(request_rec *r, apr_array_header_t *cookies, ta_request *request);

/** The request's id, for page and log: mod_unique_id's where it is loaded (so not before
 *  translate_name), else httpd's log id, else our own, which others may guess. */
const char *ta_request_map_id(request_rec *r);

/**
 * Reads the body of a POST to one of our pages, and its form.
 * @param form set to the fields; NULL where it is no form or too long
 * @return OK, or the status to answer with
 */
int ta_request_map_read_form(request_rec *r, ta_form **form);

#endif
