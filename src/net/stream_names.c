/*
 * Looking up a host's name. getaddrinfo knows no deadline, so a thread calls it, one at a
 * time, and whoever needs the name waits for that thread no longer than he may.
 */
#include "net/stream_names.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEP_SECONDS 60

struct ta_stream_names {
    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t done;
    int owners; /* the pool, and the thread while it runs: the last one frees */
    int is_running;
    ta_stream_addresses known;
    apr_int64_t known_until;
    char *host;
    char port[8];
};

/* With the mutex held, which it gives back. */
static void give_up(ta_stream_names *names)
{
    int is_last = --names->owners == 0;

    pthread_mutex_unlock(&names->mutex);
    if (is_last) {
        pthread_cond_destroy(&names->done);
        pthread_mutex_destroy(&names->mutex);
        free(names->host);
        free(names);
    }
}

static apr_status_t forget(void *data)
{
    ta_stream_names *names = data;

    pthread_mutex_lock(&names->mutex);
    give_up(names);
    return APR_SUCCESS;
}

/* Copies what was found; numeric: only where no server has to be asked. */
static int look_up(const ta_stream_names *names, int numeric, ta_stream_addresses *found)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : AI_ADDRCONFIG),
    };
    struct addrinfo *all = NULL;

    found->count = 0;
    if (getaddrinfo(names->host, names->port, &hints, &all) != 0) {
        return 0;
    }
    for (struct addrinfo *each = all; each && found->count < TA_STREAM_ADDRESSES;
         each = each->ai_next) {
        if (each->ai_addrlen <= sizeof(found->all[0])) {
            memcpy(&found->all[found->count], each->ai_addr, each->ai_addrlen);
            found->lengths[found->count++] = each->ai_addrlen;
        }
    }
    freeaddrinfo(all);
    return found->count > 0;
}

static void *run(void *data)
{
    ta_stream_names *names = data;
    ta_stream_addresses found;
    int is_found = look_up(names, 0, &found);

    pthread_mutex_lock(&names->mutex);
    if (is_found) {
        names->known = found;
        names->known_until = ta_stream_deadline(KEEP_SECONDS * 1000);
    }
    names->is_running = 0;
    pthread_cond_broadcast(&names->done);
    give_up(names);
    return NULL;
}

/* Starts the thread, with the mutex held. Signals are for httpd's own threads. */
static void start(ta_stream_names *names)
{
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, before;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, &detached, run, names) == 0) {
        names->is_running = 1;
        names->owners++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
}

/* Waits with the mutex held, until the thread is done or the deadline has passed. */
static void wait_for_thread(ta_stream_names *names, apr_int64_t deadline)
{
    struct timespec until = {
        .tv_sec = (time_t)(deadline / 1000000),
        .tv_nsec = (long)(deadline % 1000000) * 1000,
    };

    while (names->is_running && pthread_cond_timedwait(&names->done, &names->mutex, &until) == 0) {
    }
}

ta_stream_names *ta_stream_names_make(apr_pool_t *p, const char *host, int port)
{
    ta_stream_names *names = calloc(1, sizeof(*names));
    pthread_condattr_t monotonic;

    if (!names || !(names->host = strdup(host))) {
        free(names);
        return NULL;
    }
    (void)snprintf(names->port, sizeof(names->port), "%d", port);
    pthread_mutex_init(&names->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&names->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    names->owners = 1;
    if (look_up(names, 1, &names->known)) {
        names->known_until = INT64_MAX; /* an address is what it is */
    }
    apr_pool_cleanup_register(p, names, forget, apr_pool_cleanup_null);
    return names;
}

apr_status_t ta_stream_names_find(ta_stream_names *names, apr_int64_t deadline,
                                  ta_stream_addresses *found)
{
    int is_late;

    pthread_mutex_lock(&names->mutex);
    if (names->known_until < ta_stream_deadline(0)) {
        if (!names->is_running) {
            start(names);
        }
        /* whoever has an old address need not wait for the new one */
        if (names->known.count == 0) {
            wait_for_thread(names, deadline);
        }
    }
    *found = names->known;
    is_late = names->is_running;
    pthread_mutex_unlock(&names->mutex);
    if (found->count > 0) {
        return APR_SUCCESS;
    }
    return is_late ? APR_TIMEUP : APR_NOTFOUND;
}
