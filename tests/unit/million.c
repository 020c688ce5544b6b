/*
 * A million sessions in 2 GB: saves them, finds every one, ends one user's, and says what it
 * took. Too large for every day: make check-million.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "session/session.h"
#include "session/shared_file.h"
#include "session/shared_store.h"
#include "util/secret.h"

#define MEMORY   ((apr_size_t)2 << 30)
#define SESSIONS 1000000U

static void fail(const char *what)
{
    fprintf(stderr, "FAILED: %s\n", what);
    exit(1);
}

/* A token as long as one of a provider that signs with RS256: header, claims, signature. */
static const char *make_token(apr_pool_t *p, apr_size_t claims)
{
    char *token = apr_pcalloc(p, 48 + 1 + claims + 1 + 342 + 1);

    memset(token, 'A', 48 + 1 + claims + 1 + 342);
    token[48] = token[48 + 1 + claims] = '.';
    return token;
}

/* A login as long as that of alice in the end-to-end tests: 1838 bytes. */
static ta_bytes make_record(apr_pool_t *p, const char *sub)
{
    ta_identity identity = {.user = apr_psprintf(p, "user.%s", sub),
                            .sub = sub,
                            .sid = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d",
                            .name = "Somebody Withaname",
                            .email = apr_psprintf(p, "user.%s@example.com", sub),
                            .email_verified = 1,
                            .groups_state = TA_GROUPS_PRESENT};
    ta_tokens tokens = {.access_token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                        .id_token = make_token(p, 774),
                        .refresh_token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                        .expires_in = 3600};
    ta_provider provider = {.id = "pocketid"};
    ta_record record;
    ta_bytes bytes;
    const char *id = ta_session_id_make(p);

    identity.groups = apr_array_make(p, 2, sizeof(const char *));
    APR_ARRAY_PUSH(identity.groups, const char *) = "users";
    APR_ARRAY_PUSH(identity.groups, const char *) = "administrators";
    identity.claims = apr_array_make(p, 4, sizeof(ta_claim));
    for (int i = 0; i < 4; i++) {
        APR_ARRAY_PUSH(identity.claims, ta_claim) =
            (ta_claim){.name = apr_psprintf(p, "claim_number_%d", i),
                       .value = "https://pocket-id.example.com/api/users/picture.png?of=somebody"};
    }
    if (ta_session_describe(p, id, &provider, &identity, &tokens, apr_time_sec(apr_time_now()),
                            &record) != APR_SUCCESS ||
        ta_record_write(p, &record, &bytes) != APR_SUCCESS) {
        fail("a record cannot be made");
    }
    return bytes;
}

static void key_of(unsigned number, unsigned char key[TA_STORE_KEY_LEN])
{
    if (ta_secret_sha256(&number, sizeof(number), key) != APR_SUCCESS) {
        fail("no SHA-256");
    }
}

static void say(const char *what, apr_time_t since)
{
    printf("%-24s %6ld ms\n", what, (long)apr_time_as_msec(apr_time_now() - since));
}

static void save_all(ta_shared_store *store, apr_pool_t *p)
{
    apr_pool_t *tmp;
    ta_bytes bytes = make_record(p, "one");
    unsigned char key[TA_STORE_KEY_LEN];
    apr_int64_t expiry = apr_time_sec(apr_time_now()) + 86400;

    apr_pool_create(&tmp, p);
    printf("each record has %lu bytes\n", (unsigned long)bytes.len);
    key_of(SESSIONS, key);
    if (store->port.save(store, tmp, key, make_record(p, "two"), expiry) != APR_SUCCESS) {
        fail("the other user's login cannot be saved");
    }
    for (unsigned number = 1; number < SESSIONS; number++) {
        key_of(number, key);
        if (store->port.save(store, tmp, key, bytes, expiry) != APR_SUCCESS) {
            fail("a session cannot be saved");
        }
    }
}

static void find_all(ta_shared_store *store, apr_pool_t *p)
{
    unsigned char key[TA_STORE_KEY_LEN];
    apr_pool_t *tmp;
    ta_bytes record;

    apr_pool_create(&tmp, p);
    for (unsigned number = 1; number <= SESSIONS; number++) {
        key_of(number, key);
        if (store->port.load(store, tmp, key, NULL, &record, NULL) != APR_SUCCESS) {
            fail("a session is not found");
        }
        apr_pool_clear(tmp);
    }
}

static void end_one(ta_shared_store *store, apr_pool_t *p)
{
    ta_store_ending ending = {.before = apr_time_sec(apr_time_now())};
    ta_provider provider = {.id = "pocketid"};
    int count = 0;

    if (ta_session_index_of_subject(provider.fingerprint, "two", ending.subject) != APR_SUCCESS ||
        store->port.end_all(store, p, &ending, &count) != APR_SUCCESS || count != 1) {
        fail("the other user's login is not ended");
    }
}

int main(void)
{
    ta_shared_store store = {.log = NULL};
    ta_store_fill fill;
    apr_time_t since;
    apr_pool_t *p;
    int fd = memfd_create("tinyauth-million", MFD_CLOEXEC);

    apr_initialize();
    apr_pool_create(&p, NULL);
    if (fd < 0 || ta_shared_file_make(fd, MEMORY, 0, &store.table) != APR_SUCCESS) {
        fail("no memory");
    }
    ta_shared_store_init(&store);
    since = apr_time_now();
    save_all(&store, p);
    say("saved 1,000,000 in", since);
    if (store.port.measure(&store, &fill) != APR_SUCCESS || fill.evicted != 0 ||
        fill.records != SESSIONS) {
        fail("not all of them fit");
    }
    printf("%lu %% of 2 GB are in use\n",
           (unsigned long)(fill.used_bytes * 100 / fill.capacity_bytes));
    since = apr_time_now();
    find_all(&store, p);
    say("found each in", since);
    since = apr_time_now();
    end_one(&store, p);
    say("ended one user's in", since);
    since = apr_time_now();
    if (ta_shared_file_resize(fd, MEMORY + (MEMORY >> 1), 0, &store.table) != APR_SUCCESS) {
        fail("the size cannot be changed");
    }
    say("moved to 3 GB in", since);
    return 0;
}
