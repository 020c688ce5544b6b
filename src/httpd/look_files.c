/*
 * Reading the administrator's files, with words about what is wrong with them.
 */
#include "httpd/look_files.h"

#include <stdlib.h>

#include <httpd.h>
#include <http_config.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include "page/page.h"
#include "page/page_source.h"

#define TEMPLATE_BYTES 65536
#define TEMPLATES_MAX  64

/* The whole of a file, with a NUL behind it. */
static const char *read_file(apr_pool_t *p, apr_pool_t *tmp, const char *full, apr_size_t limit,
                             ta_bytes *bytes)
{
    apr_finfo_t info;
    apr_file_t *file;
    apr_size_t len;
    char *data;
    apr_status_t rv = apr_file_open(&file, full, APR_READ | APR_BINARY, APR_OS_DEFAULT, tmp);

    *bytes = (ta_bytes){(const unsigned char *)"", 0};
    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file);
    }
    if (rv == APR_SUCCESS && info.filetype != APR_REG) {
        rv = APR_EINVAL;
    }
    if (rv == APR_SUCCESS && (info.size == 0 || info.size > (apr_off_t)limit)) {
        return apr_psprintf(p, "names %s, which is %s: it may have up to %" APR_SIZE_T_FMT " bytes",
                            full, info.size ? "too large" : "empty", limit);
    }
    if (rv == APR_SUCCESS) {
        data = apr_pcalloc(p, (apr_size_t)info.size + 1);
        rv = apr_file_read_full(file, data, (apr_size_t)info.size, &len);
        *bytes = (ta_bytes){(const unsigned char *)data, len};
        apr_file_close(file);
    }
    return rv == APR_SUCCESS ? NULL
                             : apr_psprintf(p, "names %s, which cannot be read: %pm", full, &rv);
}

static const char *read_asset(apr_pool_t *p, apr_pool_t *tmp, const char *path, const char *kind,
                              int is_style, const ta_asset **asset)
{
    const char *full = ap_server_root_relative(p, path);
    const char *type = ta_asset_type(path, is_style);
    const char *error;
    ta_bytes bytes;

    if (!type) {
        return apr_psprintf(p, "must name %s, not \"%s\"",
                            is_style ? "a file that ends in .css"
                                     : "a picture that ends in .svg, .png, .jpg, .webp, .avif or "
                                       ".gif",
                            path);
    }
    error = read_file(p, tmp, full ? full : path, TA_ASSET_BYTES, &bytes);
    if (error) {
        return error;
    }
    *asset = ta_asset_make(p, kind, type, bytes);
    return *asset ? NULL : "cannot be used: OpenSSL cannot hash";
}

const char *ta_look_files_read_picture(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                       const char *kind, const ta_asset **asset)
{
    return read_asset(p, tmp, path, kind, 0, asset);
}

const char *ta_look_files_read_style(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                     const ta_asset **asset)
{
    return read_asset(p, tmp, path, "style", 1, asset);
}

static int is_template(const char *name)
{
    const char *ending = strrchr(name, '.');

    return ending && *name != '.' && (strcmp(ending, ".html") == 0 || strcmp(ending, ".css") == 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const ta_page_file *)a)->name, ((const ta_page_file *)b)->name);
}

/* The names of the templates, sorted: folders have no order. */
static apr_status_t list_templates(apr_pool_t *p, apr_pool_t *tmp, const char *full,
                                   apr_array_header_t *files)
{
    apr_finfo_t info;
    apr_dir_t *folder;
    apr_status_t rv = apr_dir_open(&folder, full, tmp);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    while (files->nelts < TEMPLATES_MAX &&
           apr_dir_read(&info, APR_FINFO_NAME, folder) == APR_SUCCESS) {
        if (is_template(info.name)) {
            APR_ARRAY_PUSH(files, ta_page_file) = (ta_page_file){apr_pstrdup(p, info.name), NULL};
        }
    }
    apr_dir_close(folder);
    qsort(files->elts, (size_t)files->nelts, sizeof(ta_page_file), compare_names);
    return APR_SUCCESS;
}

/* Reads the texts; true in `replaces` when one of them stands in place of one of ours. */
static const char *read_templates(apr_pool_t *p, apr_pool_t *tmp, const char *full,
                                  apr_array_header_t *files, int *replaces)
{
    for (int i = 0; i < files->nelts; i++) {
        ta_page_file *file = &APR_ARRAY_IDX(files, i, ta_page_file);
        const char *error;
        ta_bytes bytes;

        error = read_file(p, tmp, apr_pstrcat(tmp, full, "/", file->name, NULL), TEMPLATE_BYTES,
                          &bytes);
        if (error) {
            return error;
        }
        if (strlen((const char *)bytes.data) != bytes.len) {
            return apr_psprintf(p, "names %s/%s, which is no text", full, file->name);
        }
        file->text = (const char *)bytes.data;
        *replaces |= ta_page_source_find(file->name) != NULL;
    }
    return NULL;
}

const char *ta_look_files_read_pages(apr_pool_t *p, apr_pool_t *tmp, const char *path,
                                     const ta_page_set **pages)
{
    apr_array_header_t *files = apr_array_make(p, 8, sizeof(ta_page_file));
    const char *full = ap_server_root_relative(p, path);
    const char *error;
    int replaces = 0;
    apr_status_t rv = list_templates(p, tmp, full ? full : path, files);

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "names %s, which cannot be read: %pm", full ? full : path, &rv);
    }
    error = read_templates(p, tmp, full, files, &replaces);
    if (error) {
        return error;
    }
    if (!replaces) {
        return apr_psprintf(p,
                            "names %s, where there is no file with the name of one of our pages, "
                            "such as login.html",
                            full);
    }
    *pages = ta_page_make_set(p, files, &error);
    return *pages ? NULL : apr_psprintf(p, "names a page that cannot be made: %s/%s", full, error);
}
