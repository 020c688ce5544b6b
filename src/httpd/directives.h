/*
 * The directives: the table that httpd reads.
 */
#ifndef TA_HTTPD_DIRECTIVES_H
#define TA_HTTPD_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

/** The command table of the module record. */
extern const command_rec ta_directives[];

#endif
