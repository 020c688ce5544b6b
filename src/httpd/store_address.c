/*
 * Reading the address and the options of a store outside, with words about what is wrong.
 */
#include "httpd/store_address.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "httpd/values.h"

#define USUAL_TIMEOUT   500
#define MINIMUM_TIMEOUT 10
#define MAXIMUM_TIMEOUT 900 /* whoever waits for a page gets one within a second */
#define PREFIX_BYTES    64  /* memcached takes names of 250 bytes */
#define DATABASES       65536

/* Sets one option. @return NULL, or words that follow its name. */
typedef const char *(*set_option)(apr_pool_t *p, const char *value, ta_store_address *address);

static const char *read_number(apr_pool_t *p, const char *value, int minimum, int maximum,
                               int *number)
{
    char *end;
    apr_int64_t read = apr_strtoi64(value, &end, 10);

    if (!apr_isdigit(*value) || *end || read < minimum || read > maximum) {
        return apr_psprintf(p, "must be a number from %d to %d, not \"%s\"", minimum, maximum,
                            value);
    }
    *number = (int)read;
    return NULL;
}

static const char *set_tls(apr_pool_t *p, const char *value, ta_store_address *address)
{
    (void)p, (void)value;
    address->tls = 1;
    return NULL;
}

static const char *set_ca(apr_pool_t *p, const char *value, ta_store_address *address)
{
    return ta_values_read_file_name(p, p, value, &address->ca_file);
}

static const char *set_user(apr_pool_t *p, const char *value, ta_store_address *address)
{
    address->server.user = apr_pstrdup(p, value);
    return NULL;
}

static const char *set_password(apr_pool_t *p, const char *value, ta_store_address *address)
{
    return ta_values_read_secret(p, p, value, &address->server.password);
}

static const char *set_database(apr_pool_t *p, const char *value, ta_store_address *address)
{
    return read_number(p, value, 0, DATABASES, &address->server.database);
}

static const char *set_timeout(apr_pool_t *p, const char *value, ta_store_address *address)
{
    return read_number(p, value, MINIMUM_TIMEOUT, MAXIMUM_TIMEOUT, &address->server.peer.timeout);
}

static const char *set_prefix(apr_pool_t *p, const char *value, ta_store_address *address)
{
    for (const char *c = value; *c; c++) {
        if (!apr_isalnum(*c) && !strchr(":._-", *c)) {
            return "must be letters, digits, and any of : . _ -";
        }
    }
    if (strlen(value) > PREFIX_BYTES) {
        return apr_psprintf(p, "must have at most %d characters", PREFIX_BYTES);
    }
    address->prefix = apr_pstrdup(p, value);
    return NULL;
}

static const struct option {
    const char *name;
    int has_value;
    int is_for_memcache;
    set_option set;
} options[] = {
    {"tls", 0, 0, set_tls},       {"ca", 1, 0, set_ca},
    {"user", 1, 0, set_user},     {"password-file", 1, 0, set_password},
    {"db", 1, 0, set_database},   {"timeout", 1, 1, set_timeout},
    {"prefix", 1, 1, set_prefix},
};

#define OPTIONS (sizeof(options) / sizeof(*options))

static const char *read_option(apr_pool_t *p, const ta_store_spec *spec, const char *word,
                               ta_store_address *address)
{
    const char *equals = strchr(word, '=');
    const char *name = equals ? apr_pstrmemdup(p, word, (apr_size_t)(equals - word)) : word;
    int is_memcache = strcmp(spec->name, "memcache") == 0;

    for (apr_size_t i = 0; i < OPTIONS; i++) {
        const struct option *option = &options[i];
        const char *error;

        if (strcmp(option->name, name) != 0 || (is_memcache && !option->is_for_memcache)) {
            continue;
        }
        if (option->has_value && (!equals || !equals[1])) {
            return apr_psprintf(p, "%s: option \"%s\" needs a value: %s=…", spec->text, name, name);
        }
        if (!option->has_value && equals) {
            return apr_psprintf(p, "%s: option \"%s\" takes no value", spec->text, name);
        }
        error = option->set(p, equals ? equals + 1 : NULL, address);
        return error ? apr_psprintf(p, "%s: option \"%s\" %s", spec->text, name, error) : NULL;
    }
    return apr_psprintf(p, "%s: there is no option \"%s\"; there are %s", spec->text, name,
                        is_memcache ? "timeout=milliseconds and prefix=text"
                                    : "tls, ca=file, user=name, password-file=file, db=number, "
                                      "timeout=milliseconds and prefix=text");
}

static int is_host(const char *host)
{
    for (const char *c = host; *c; c++) {
        if (!apr_isalnum(*c) && !strchr(".-_:%", *c)) {
            return 0;
        }
    }
    return *host != '\0';
}

/* "host", "host:port", "[::1]:port", "/path". */
static const char *read_place(apr_pool_t *p, const ta_store_spec *spec, const char *place,
                              int default_port, ta_peer_settings *peer)
{
    const char *end = *place == '[' ? strchr(place, ']') : strchr(place, ':');
    const char *port;
    const char *error;

    if (*place == '/') {
        peer->path = place;
        return NULL;
    }
    if (*place == '[' && end) {
        peer->host = apr_pstrmemdup(p, place + 1, (apr_size_t)(end - place - 1));
        end = end[1] ? end + 1 : NULL;
    } else {
        peer->host = end ? apr_pstrmemdup(p, place, (apr_size_t)(end - place)) : place;
    }
    port = end ? end + 1 : NULL;
    if (!is_host(peer->host) || (end && *end != ':') || (port && strchr(port, ':'))) {
        return apr_psprintf(p,
                            "%s: \"%s\" is not a server: write %s:host:port, with an IPv6 address "
                            "in [brackets], or %s:/path/of/a/socket",
                            spec->text, place, spec->name, spec->name);
    }
    peer->port = default_port;
    error = port ? read_number(p, port, 1, 65535, &peer->port) : NULL;
    return error ? apr_psprintf(p, "%s: the port %s", spec->text, error) : NULL;
}

const char *ta_store_address_parse(apr_pool_t *p, const ta_store_spec *spec, int default_port,
                                   ta_store_address *address)
{
    char *state = NULL;
    char *word = apr_strtok(apr_pstrdup(p, spec->arguments ? spec->arguments : ""), ",", &state);
    const char *error;

    memset(address, 0, sizeof(*address));
    address->prefix = "tinyauth:";
    address->server.peer.timeout = USUAL_TIMEOUT;
    error = read_place(p, spec, word ? word : "", default_port, &address->server.peer);
    if (error) {
        return error;
    }
    address->server.peer.name = word;
    while (!error && (word = apr_strtok(NULL, ",", &state)) != NULL) {
        error = read_option(p, spec, word, address);
    }
    if (error) {
        return error;
    }
    if (address->server.user && !address->server.password) {
        return apr_psprintf(p, "%s: user= needs password-file=", spec->text);
    }
    if (address->ca_file && !address->tls) {
        return apr_psprintf(p, "%s: ca= needs tls", spec->text);
    }
    if (address->tls && address->server.peer.path) {
        return apr_psprintf(p, "%s: tls is for a host, not for a socket of this machine",
                            spec->text);
    }
    if (!spec->key) {
        return apr_psprintf(p,
                            "%s: sessions outside of httpd are sealed, and every machine needs "
                            "the key: write TinyauthSecretFile, the same on all of them",
                            spec->text);
    }
    return NULL;
}
