/*
 * From what was written to what is in force: once the whole configuration has been read, each
 * server's settings are checked and become its site. "httpd -t" does the same, and so finds
 * what is wrong.
 */
#ifndef TA_HTTPD_SETUP_H
#define TA_HTTPD_SETUP_H

#include <httpd.h>

/** pre_config: what must be there before directives are read. */
int ta_setup_begin(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);

/** check_config: reads the environment, checks everything, makes the sites. */
int ta_setup_finish(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

/** True where warnings about the configuration are to be written: it is read twice when httpd
 *  starts, and nobody wants to read everything twice. */
int ta_setup_may_warn(void);

#endif
