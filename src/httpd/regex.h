/*
 * The regular expressions of filters: httpd's own (PCRE).
 */
#ifndef TA_HTTPD_REGEX_H
#define TA_HTTPD_REGEX_H

#include "util/filter.h"

/** The port; static, may be used by any thread. */
const ta_regex_port *ta_regex_port_get(void);

#endif
