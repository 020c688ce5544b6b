/*
 * Our own URLs among httpd's: found before anybody maps them elsewhere, open to everybody, and
 * answered before anybody else would.
 */
#ifndef TA_HTTPD_OWN_URLS_H
#define TA_HTTPD_OWN_URLS_H

#include <httpd.h>

/** translate_name, first: notes in the context that the URL is ours. */
int ta_own_urls_translate(request_rec *r);

/** map_to_storage, first: there is no file behind it. */
int ta_own_urls_map(request_rec *r);

/** header_parser, first: gives the request settings of its own. httpd does not authenticate an
 *  internal redirect (an ErrorDocument, say) out of a request with the same settings, and ours
 *  passed without anybody's being authenticated. */
int ta_own_urls_part(request_rec *r);

/** access_checker_ex, first: open to everybody. */
int ta_own_urls_allow(request_rec *r);

/** handler, first: answers, and sends the replies of our other hooks. */
int ta_own_urls_handle(request_rec *r);

#endif
