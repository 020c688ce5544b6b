/*
 * A file of the administrator's that our pages show: read once, served as it is, and known by
 * a name that changes with its content, so that browsers may keep it for ever.
 */
#ifndef TA_UTIL_ASSET_H
#define TA_UTIL_ASSET_H

#include <apr_pools.h>

#include "util/bytes.h"

#define TA_ASSET_BYTES (2 * 1024 * 1024) /* the largest */

typedef struct ta_asset {
    const char *name; /* "logo-3f1c0a9b5d2e7f64.png" */
    const char *type; /* media type */
    ta_bytes bytes;
} ta_asset;

/**
 * The media type of a file by the end of its name.
 * @param wants_style a style sheet is wanted; else a picture
 * @return NULL where it is nothing of the kind
 */
const char *ta_asset_type(const char *file_name, int wants_style);

/**
 * Makes an asset.
 * @param p     pool of the asset
 * @param kind  first part of its name: "logo"
 * @param type  as ta_asset_type says
 * @param bytes the content; kept, not copied
 * @return NULL when OpenSSL cannot hash
 */
const ta_asset *ta_asset_make(apr_pool_t *p, const char *kind, const char *type, ta_bytes bytes);

#endif
