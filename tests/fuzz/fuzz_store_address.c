/*
 * TinyauthSessionStore: what follows "redis:" and "memcache:" is taken, with everything in its
 * bounds, or refused with words.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "fuzz.h"
#include "httpd/store_address.h"

static void check_address(const ta_store_address *address)
{
    const ta_peer_settings *peer = &address->server.peer;

    FUZZ_HOLDS(peer->name && (!peer->host != !peer->path));
    if (peer->path) {
        FUZZ_HOLDS(peer->path[0] == '/' && !address->tls);
    } else {
        FUZZ_HOLDS(*peer->host && !strpbrk(peer->host, " /,[]@"));
        FUZZ_HOLDS(peer->port > 0 && peer->port < 65536);
    }
    FUZZ_HOLDS(peer->timeout >= 10 && peer->timeout <= 900);
    FUZZ_HOLDS(address->server.database >= 0 && address->server.database <= 65536);
    FUZZ_HOLDS(strlen(address->prefix) <= 64);
    for (const char *c = address->prefix; *c; c++) {
        FUZZ_HOLDS(apr_isgraph(*c));
    }
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    static const ta_seal_key key = {{1}};
    ta_store_spec spec = {.arguments = fuzz_take_rest(p, &input), .key = &key};
    static const char *const names[] = {"redis", "memcache"};

    for (int i = 0; i < 2; i++) {
        ta_store_address address;
        const char *error;

        spec.name = names[i];
        spec.text = apr_pstrcat(p, spec.name, ":", spec.arguments, NULL);
        error = ta_store_address_parse(p, &spec, 6379, &address);
        FUZZ_HOLDS(!error || *error);
        if (!error) {
            check_address(&address);
        }
    }
}
