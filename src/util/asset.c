/*
 * Which files may be shown, and what they are called.
 */
#include "util/asset.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "util/secret.h"

#define NAME_HASH_BYTES 8

static const struct kind {
    const char *ending;
    const char *type;
    int is_style;
} kinds[] = {
    {".svg", "image/svg+xml", 0}, {".png", "image/png", 0},   {".jpg", "image/jpeg", 0},
    {".jpeg", "image/jpeg", 0},   {".webp", "image/webp", 0}, {".avif", "image/avif", 0},
    {".gif", "image/gif", 0},     {".css", "text/css", 1},
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

const char *ta_asset_type(const char *file_name, int wants_style)
{
    const char *ending = strrchr(file_name, '.');

    for (apr_size_t i = 0; ending && i < KINDS; i++) {
        if (kinds[i].is_style == !!wants_style && apr_cstr_casecmp(ending, kinds[i].ending) == 0) {
            return kinds[i].type;
        }
    }
    return NULL;
}

static const char *ending_of(const char *type)
{
    for (apr_size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].type, type) == 0) {
            return kinds[i].ending;
        }
    }
    return "";
}

const ta_asset *ta_asset_make(apr_pool_t *p, const char *kind, const char *type, ta_bytes bytes)
{
    ta_asset *asset = apr_palloc(p, sizeof(*asset));
    unsigned char digest[TA_SHA256_LEN];
    const char *name;

    if (ta_secret_sha256(bytes.data, bytes.len, digest) != APR_SUCCESS) {
        return NULL;
    }
    name = apr_pstrcat(p, kind, "-", NULL);
    for (int i = 0; i < NAME_HASH_BYTES; i++) {
        name = apr_psprintf(p, "%s%02x", name, digest[i]);
    }
    asset->name = apr_pstrcat(p, name, ending_of(type), NULL);
    asset->type = type;
    asset->bytes = bytes;
    return asset;
}
