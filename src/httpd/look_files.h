/*
 * The administrator's own files for our pages: pictures, a style sheet, templates. All are read
 * while the configuration is read; children never open them.
 */
#ifndef TA_HTTPD_LOOK_FILES_H
#define TA_HTTPD_LOOK_FILES_H

#include <apr_tables.h>

#include "page/page.h"
#include "util/asset.h"

/* Each function returns NULL, or words about what is wrong that follow the setting's name. */

/** A picture. @param kind first part of its public name: "logo" */
const char *ta_look_files_read_picture(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                       const char *kind, const ta_asset **asset);

/** A style sheet. */
const char *ta_look_files_read_style(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                     const ta_asset **asset);

/** The pages, with the templates in a folder: all its files whose names end in .html or .css.
 *  @param pages set to them */
const char *ta_look_files_read_pages(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                     const ta_page_set **pages);

#endif
