/*
 * A server on 127.0.0.1 that answers whatever it is asked with bytes that the test has given
 * it, one connection after the other: for protocols whose answers may be hostile.
 */
#ifndef TA_TESTS_UNIT_CANNED_H
#define TA_TESTS_UNIT_CANNED_H

#include <stddef.h>

typedef struct canned canned;

/** What it does when something is asked: sends bytes (len 0: nothing), then keeps the
 *  connection (1) or closes it (0). The last of count goes on. */
typedef struct canned_answer {
    const char *bytes;
    size_t len;
    int keeps;
} canned_answer;

/** Starts it. @param answers in the order of what is asked, over all connections */
canned *canned_start(const canned_answer *answers, int count);

/** Ends it. */
void canned_stop(canned *server);

int canned_port(const canned *server);
int canned_accepted(const canned *server); /* connections so far */

/** What was asked so far, the bytes of all connections in a row; with a NUL behind. */
const char *canned_asked(const canned *server);

#endif
