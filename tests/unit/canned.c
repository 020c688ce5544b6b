/*
 * One thread that serves one connection at a time, and looks now and then whether it should end.
 */
#include "canned.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKED_BYTES 262144
#define LOOK_MS     5

struct canned {
    const canned_answer *answers;
    int count;
    int given;
    int listener;
    int port;
    int accepted; /* atomic, as is the next */
    int is_over;
    pthread_t thread;
    char asked[ASKED_BYTES];
    size_t asked_len;
};

static int is_over(const canned *server)
{
    return __atomic_load_n(&server->is_over, __ATOMIC_SEQ_CST);
}

/* Waits until there is something to read; 0 when the server ends. */
static int is_there(const canned *server, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    while (!is_over(server)) {
        if (poll(&poller, 1, LOOK_MS) > 0) {
            return 1;
        }
    }
    return 0;
}

static void serve(canned *server, int fd)
{
    int keeps = 1;

    while (keeps && is_there(server, fd)) {
        ssize_t got =
            recv(fd, server->asked + server->asked_len, ASKED_BYTES - 1 - server->asked_len, 0);
        int next = server->given < server->count ? server->given++ : server->count - 1;
        const canned_answer *answer = &server->answers[next];

        if (got <= 0) {
            server->given = next; /* nothing was asked */
            return;
        }
        server->asked_len += (size_t)got;
        if (answer->len) {
            (void)!send(fd, answer->bytes, answer->len, MSG_NOSIGNAL);
        }
        keeps = answer->keeps;
    }
}

static void *run(void *data)
{
    canned *server = data;

    while (is_there(server, server->listener)) {
        int fd = accept(server->listener, NULL, NULL);

        __atomic_add_fetch(&server->accepted, 1, __ATOMIC_SEQ_CST);
        serve(server, fd);
        close(fd);
    }
    return NULL;
}

canned *canned_start(const canned_answer *answers, int count)
{
    canned *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);

    signal(SIGPIPE, SIG_IGN);
    server->answers = answers;
    server->count = count;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server->listener, 16) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&server->thread, NULL, run, server) != 0) {
        abort();
    }
    server->port = ntohs(address.sin_port);
    return server;
}

void canned_stop(canned *server)
{
    __atomic_store_n(&server->is_over, 1, __ATOMIC_SEQ_CST);
    pthread_join(server->thread, NULL);
    close(server->listener);
    free(server);
}

int canned_port(const canned *server)
{
    return server->port;
}

int canned_accepted(const canned *server)
{
    return __atomic_load_n(&server->accepted, __ATOMIC_SEQ_CST);
}

const char *canned_asked(const canned *server)
{
    return server->asked;
}
