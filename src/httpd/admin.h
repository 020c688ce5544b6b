/*
 * SetHandler tinyauth-admin: the administrator's page, where somebody has written Require for it.
 */
#ifndef TA_HTTPD_ADMIN_H
#define TA_HTTPD_ADMIN_H

#include <httpd.h>

/** handler: answers where SetHandler says tinyauth-admin. */
int ta_admin_handle(request_rec *r);

#endif
