/*
 * Which template makes which page, how long a page may become, and what a browser may do with
 * our pages.
 */
#include "page/page.h"

#include <string.h>

#include <openssl/evp.h>

#include <apr_strings.h>

#include "page/page_source.h"
#include "util/secret.h"

#define STYLE        "style.css"
#define PAGE_BYTES   65536
#define LIST_BYTES   (8 * PAGE_BYTES) /* 50 sessions, and all of hostile users */
#define DIGEST_BYTES 45               /* SHA-256 in base64, with its NUL */

static const char *const templates[TA_PAGE_COUNT] = {
    [TA_PAGE_LOGIN] = "login.html",           [TA_PAGE_LOGOUT] = "logout.html",
    [TA_PAGE_SIGNED_OUT] = "signed-out.html", [TA_PAGE_UNAUTHORIZED] = "unauthorized.html",
    [TA_PAGE_ERROR] = "error.html",           [TA_PAGE_SESSIONS] = "sessions.html",
};

/* The administrator's file of a name, else ours. */
static const char *find_source(const void *context, const char *name)
{
    const apr_array_header_t *files = context;

    for (int i = 0; files && i < files->nelts; i++) {
        const ta_page_file *file = &APR_ARRAY_IDX(files, i, ta_page_file);

        if (strcmp(file->name, name) == 0) {
            return file->text;
        }
    }
    return ta_page_source_find(name);
}

/* CSP 3 section 2.3.1. Without a hash there is no style. */
static const char *make_style_source(apr_pool_t *p, const apr_array_header_t *files)
{
    const char *style = find_source(files, STYLE);
    unsigned char digest[TA_SHA256_LEN];
    unsigned char encoded[DIGEST_BYTES];

    if (ta_secret_sha256(style, strlen(style), digest) != APR_SUCCESS) {
        return "'none'";
    }
    EVP_EncodeBlock(encoded, digest, sizeof(digest));
    return apr_pstrcat(p, "'sha256-", (const char *)encoded, "'", NULL);
}

static apr_status_t parse(apr_pool_t *p, const apr_array_header_t *files, const char *name,
                          ta_template **template, const char **error)
{
    ta_template_library library = {.find = find_source, .context = files};

    return ta_template_parse(p, name, find_source(files, name), &library, template, error);
}

/* Each by itself, so that what is wrong is found also in a file that no page includes.
 * @return NULL, or what is wrong */
static const char *check_files(apr_pool_t *p, const apr_array_header_t *files)
{
    /* its hash is of the file as it is */
    if (strstr(find_source(files, STYLE), "{{")) {
        return STYLE ":1: a style sheet has no tags, so no \"{{\"";
    }
    for (int i = 0; i < files->nelts; i++) {
        const char *error;
        ta_template *template;

        if (parse(p, files, APR_ARRAY_IDX(files, i, ta_page_file).name, &template, &error) !=
            APR_SUCCESS) {
            return error;
        }
    }
    return NULL;
}

const ta_page_set *ta_page_make_set(apr_pool_t *p, const apr_array_header_t *files,
                                    const char **error)
{
    ta_page_set *set = apr_palloc(p, sizeof(*set));

    *error = files ? check_files(p, files) : NULL;
    if (*error) {
        return NULL;
    }
    for (int page = 0; page < TA_PAGE_COUNT; page++) {
        if (parse(p, files, templates[page], &set->templates[page], error) != APR_SUCCESS) {
            return NULL;
        }
    }
    set->has_files = files != NULL;
    set->style_source = make_style_source(p, files);
    return set;
}

apr_status_t ta_page_render(apr_pool_t *p, const ta_look *look, const ta_language *language,
                            ta_page_id page, const ta_values *values, const char **html)
{
    ta_template *template;
    const char *error;
    ta_text out;
    apr_status_t rv = APR_SUCCESS;

    if (page >= TA_PAGE_COUNT) {
        return APR_EINVAL;
    }
    if (look && look->pages) {
        template = look->pages->templates[page];
    } else {
        rv = parse(p, NULL, templates[page], &template, &error);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ta_text_init(&out, p, page == TA_PAGE_SESSIONS ? LIST_BYTES : PAGE_BYTES);
    ta_template_render(template, values, language, &out);
    return ta_text_finish(&out, html);
}

/* True when there is nothing in it that could begin another source or directive. */
static int is_origin(const char *origin)
{
    const char *host = "";

    if (strncmp(origin, "https://", 8) == 0) {
        host = origin + 8;
    } else if (strncmp(origin, "http://", 7) == 0) {
        host = origin + 7;
    }
    return *host && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]")] == '\0';
}

static int are_origins(apr_pool_t *tmp, const char *words)
{
    char *copy = apr_pstrdup(tmp, words ? words : "");
    char *state;
    char *word = apr_strtok(copy, " ", &state);
    int good = word != NULL;

    for (; good && word; word = apr_strtok(NULL, " ", &state)) {
        good = is_origin(word);
    }
    return good;
}

const char *ta_page_policy(apr_pool_t *p, const ta_look *look, const char *form_origins)
{
    int is_added = are_origins(p, form_origins);
    const char *style =
        look && look->pages ? look->pages->style_source : make_style_source(p, NULL);
    int has_pictures = look && (look->logo || look->background || look->has_icons);

    return apr_pstrcat(
        p, "default-src 'none'; style-src ", style, look && look->stylesheet ? " 'self'" : "",
        has_pictures ? "; img-src 'self'" : "", "; form-action 'self'", is_added ? " " : "",
        is_added ? form_origins : "", "; frame-ancestors 'none'; base-uri 'none'", NULL);
}
