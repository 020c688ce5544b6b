/*
 * Looking at the directives as they stand in the files. Sections merge only per request, so
 * this finds what one section says by itself; the rest is decided when a request comes.
 */
#include "httpd/config_walk.h"

#include <http_config.h>
#include <http_log.h>

#include <apr_strings.h>

#include "httpd/config.h"
#include "httpd/module.h"
#include "httpd/setup.h"
#include "httpd/values.h"

APLOG_USE_MODULE(tinyauth);

/* What one section says. */
struct findings {
    const ap_directive_t *auth_type; /* NULL where it has none */
    const char *type;                /* its argument */
    const ap_directive_t *require;   /* the first Require */
    const ap_directive_t *ours;      /* the first Require oauth-… */
    const ap_directive_t *page;      /* SetHandler of a page that must be protected */
};

static int is(const ap_directive_t *directive, const char *name)
{
    return ap_cstr_casecmp(directive->directive, name) == 0;
}

static const char *first_word(apr_pool_t *p, const ap_directive_t *directive)
{
    const char *args = directive->args;

    return ap_getword_conf(p, &args);
}

/* "Require oauth-group x", also behind "not". */
static int requires_ours(apr_pool_t *p, const ap_directive_t *directive)
{
    const char *args = directive->args;
    const char *word = ap_getword_conf(p, &args);

    if (ap_cstr_casecmp(word, "not") == 0) {
        word = ap_getword_conf(p, &args);
    }
    return ap_cstr_casecmpn(word, "oauth-", 6) == 0;
}

/* "SetHandler tinyauth-admin" */
static int is_private_page(apr_pool_t *p, const ap_directive_t *directive)
{
    const char *handler;

    if (!is(directive, "SetHandler")) {
        return 0;
    }
    handler = first_word(p, directive);
    return ap_cstr_casecmp(handler, "tinyauth-admin") == 0 ||
           ap_cstr_casecmp(handler, "tinyauth-metrics") == 0;
}

/* Containers of Require lines belong to the section around them. */
static int is_part_of_section(const ap_directive_t *directive)
{
    return is(directive, "<RequireAll") || is(directive, "<RequireAny") ||
           is(directive, "<RequireNone") || is(directive, "<Limit") ||
           is(directive, "<LimitExcept");
}

static void find(apr_pool_t *p, const ap_directive_t *first, struct findings *found)
{
    for (const ap_directive_t *each = first; each; each = each->next) {
        if (is(each, "AuthType")) {
            found->auth_type = each;
            found->type = first_word(p, each);
        } else if (is(each, "Require")) {
            found->require = found->require ? found->require : each;
            if (!found->ours && requires_ours(p, each)) {
                found->ours = each;
            }
        } else if (is_private_page(p, each)) {
            found->page = each;
        } else if (is_part_of_section(each)) {
            found->require = found->require ? found->require : each;
            find(p, each->first_child, found);
        }
    }
}

static int has_site_anywhere(server_rec *s)
{
    for (; s; s = s->next) {
        if (ta_config_of_server(s)->site) {
            return 1;
        }
    }
    return 0;
}

static int has_require(apr_pool_t *p, const ap_directive_t *section)
{
    struct findings found = {.type = NULL};

    find(p, section->first_child, &found);
    return found.require != NULL;
}

/* The path of a <Location>, or NULL. */
static const char *location_path(apr_pool_t *p, const ap_directive_t *section)
{
    const char *path = is(section, "<Location") ? first_word(p, section) : NULL;

    return path ? apr_pstrmemdup(p, path, strcspn(path, ">")) : NULL;
}

/* A section around this one, or a <Location> of a shorter path, has a Require that may reach
 * here. */
static int is_required_around(apr_pool_t *p, const ap_directive_t *section)
{
    const char *path = location_path(p, section);

    for (const ap_directive_t *at = section; at; at = at->parent) {
        const ap_directive_t *each = at->parent ? at->parent->first_child : ap_conftree;

        if (at != section && has_require(p, at)) {
            return 1;
        }
        for (; path && each; each = each->next) {
            const char *other = location_path(p, each);

            if (other && strncmp(path, other, strlen(other)) == 0 && has_require(p, each)) {
                return 1;
            }
        }
    }
    return 0;
}

/* The page itself refuses where it sees that nothing protects it; the numbers do not. */
static void warn_of_open_page(apr_pool_t *p, server_rec *s, const ap_directive_t *section,
                              const struct findings *found)
{
    if (found->page && !found->require && !is_required_around(p, section) && ta_setup_may_warn()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "TA0514: %s:%d: SetHandler %s without a Require in its section: write who may "
                     "see it, as Require oauth-group with a group of administrators, or Require ip",
                     found->page->filename, found->page->line_num, first_word(p, found->page));
    }
}

/* AuthType is an expression; what it comes to is seen when a request comes. */
static int is_other_type(const char *type)
{
    return type && ap_cstr_casecmp(type, "Tinyauth") != 0 && !strstr(type, "%{");
}

static int check_section(apr_pool_t *p, server_rec *s, const ap_directive_t *section)
{
    struct findings found = {.type = NULL};
    int is_ours;

    find(p, section->first_child, &found);
    is_ours = found.type && ap_cstr_casecmp(found.type, "Tinyauth") == 0;
    if (found.ours && is_other_type(found.type)) {
        ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s,
                     "TA0140: %s:%d: Require %s needs AuthType Tinyauth, but line %d of this "
                     "section says AuthType %s: nobody could ever pass",
                     found.ours->filename, found.ours->line_num, found.ours->args,
                     found.auth_type->line_num, found.type);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    warn_of_open_page(p, s, section, &found);
    if (is_ours && !found.require && ta_setup_may_warn()) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
            "TA0141: %s:%d: AuthType Tinyauth without a Require does not say who may pass: "
            "that of a section around it counts, and where there is none httpd answers "
            "500. Write Require valid-user, or Require oauth-group with the groups that "
            "may pass",
            found.auth_type->filename, found.auth_type->line_num);
    }
    if (is_ours && !has_site_anywhere(s) && ta_setup_may_warn()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s,
                     "TA0143: %s:%d: AuthType Tinyauth, but no provider is described anywhere: "
                     "nobody can be let in. Write a <TinyauthProvider> section",
                     found.auth_type->filename, found.auth_type->line_num);
    }
    return OK;
}

static int is_known_anywhere(server_rec *s, const char *id)
{
    for (; s; s = s->next) {
        if (ta_config_find_section(ta_config_of_server(s), id)) {
            return 1;
        }
    }
    return 0;
}

static int check_ids(apr_pool_t *p, server_rec *s, const ap_directive_t *directive)
{
    apr_array_header_t *ids = ta_values_split(p, directive->args);

    for (int i = 0; i < ids->nelts; i++) {
        const char *words = APR_ARRAY_IDX(ids, i, const char *);
        const char *id = ap_getword_conf(p, &words);

        if (!is_known_anywhere(s, id)) {
            ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s,
                         "TA0142: %s:%d: TinyauthProviders names provider \"%s\", which is not "
                         "described anywhere: write <TinyauthProvider %s>, or another id",
                         directive->filename, directive->line_num, id, id);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

static int walk(apr_pool_t *p, server_rec *s, const ap_directive_t *first)
{
    for (const ap_directive_t *each = first; each; each = each->next) {
        int rv = OK;

        if (is(each, "TinyauthProviders")) {
            rv = check_ids(p, s, each);
        } else if (each->first_child) {
            if (!is(each, "<VirtualHost") && !is_part_of_section(each)) {
                rv = check_section(p, s, each);
            }
            if (rv == OK) {
                rv = walk(p, s, each->first_child);
            }
        }
        if (rv != OK) {
            return rv;
        }
    }
    return OK;
}

int ta_config_walk(apr_pool_t *tmp, server_rec *main_server)
{
    return walk(tmp, main_server, ap_conftree);
}

static const ap_directive_t *find_outside_hosts(const ap_directive_t *first, const char *name)
{
    const ap_directive_t *found = NULL;

    for (const ap_directive_t *each = first; each && !found; each = each->next) {
        if (is(each, name)) {
            found = each;
        } else if (each->first_child && !is(each, "<VirtualHost")) {
            found = find_outside_hosts(each->first_child, name);
        }
    }
    return found;
}

const char *ta_config_walk_place(apr_pool_t *p, const char *directive)
{
    const ap_directive_t *found = find_outside_hosts(ap_conftree, directive);

    return found ? apr_psprintf(p, "%s:%d", found->filename, found->line_num) : NULL;
}

/* The <VirtualHost> of a server, or NULL for the main server. */
static const ap_directive_t *find_host(const ap_directive_t *first, const server_rec *s)
{
    const ap_directive_t *found = NULL;

    for (const ap_directive_t *each = first; each && !found && s->defn_name; each = each->next) {
        if (is(each, "<VirtualHost") && each->line_num == (int)s->defn_line_number &&
            strcmp(each->filename, s->defn_name) == 0) {
            found = each;
        }
    }
    return found;
}

const char *ta_config_walk_find(apr_pool_t *p, const server_rec *s, const char *directive)
{
    const ap_directive_t *host = find_host(ap_conftree, s);
    const ap_directive_t *found =
        find_outside_hosts(host ? host->first_child : ap_conftree, directive);

    return found ? first_word(p, found) : NULL;
}

/* AuthType Tinyauth, or a Require of ours, outside of the virtual hosts below. */
static int asks(apr_pool_t *tmp, const ap_directive_t *first)
{
    for (const ap_directive_t *each = first; each; each = each->next) {
        if ((is(each, "AuthType") && ap_cstr_casecmp(first_word(tmp, each), "Tinyauth") == 0) ||
            (is(each, "Require") && requires_ours(tmp, each)) ||
            (each->first_child && !is(each, "<VirtualHost") && asks(tmp, each->first_child))) {
            return 1;
        }
    }
    return 0;
}

int ta_config_walk_asks(apr_pool_t *tmp, const server_rec *s)
{
    const ap_directive_t *host = find_host(ap_conftree, s);

    return asks(tmp, ap_conftree) || (host && asks(tmp, host->first_child));
}

/* The words of one "Require oauth-group admins /regex/" that are names. */
static void collect_groups(apr_array_header_t *groups, const ap_directive_t *directive)
{
    const char *args = directive->args;

    if (ap_cstr_casecmp(ap_getword_conf(groups->pool, &args), "oauth-group") != 0) {
        return;
    }
    while (*args) {
        const char *group = ap_getword_conf(groups->pool, &args);
        int known = *group == '/' || !*group;

        for (int i = 0; i < groups->nelts && !known; i++) {
            known = strcmp(APR_ARRAY_IDX(groups, i, const char *), group) == 0;
        }
        if (!known) {
            APR_ARRAY_PUSH(groups, const char *) = group;
        }
    }
}

static void walk_groups(apr_array_header_t *groups, const ap_directive_t *first)
{
    for (const ap_directive_t *each = first; each; each = each->next) {
        if (is(each, "Require")) {
            collect_groups(groups, each);
        } else if (each->first_child && !is(each, "<RequireNone")) {
            walk_groups(groups, each->first_child);
        }
    }
}

apr_array_header_t *ta_config_walk_groups(apr_pool_t *p)
{
    apr_array_header_t *groups = apr_array_make(p, 4, sizeof(const char *));

    walk_groups(groups, ap_conftree);
    return groups;
}
