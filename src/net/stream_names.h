/*
 * Where a host is, without ever waiting for it beyond a deadline: a part of stream.h.
 */
#ifndef TA_NET_STREAM_NAMES_H
#define TA_NET_STREAM_NAMES_H

#include <sys/socket.h>

#include "net/stream.h"

#define TA_STREAM_ADDRESSES 8

typedef struct ta_stream_addresses {
    struct sockaddr_storage all[TA_STREAM_ADDRESSES];
    socklen_t lengths[TA_STREAM_ADDRESSES];
    int count;
} ta_stream_addresses;

/** The addresses of a host. @return APR_SUCCESS; APR_TIMEUP; APR_NOTFOUND: no such host */
apr_status_t ta_stream_names_find(ta_stream_names *names, apr_int64_t deadline,
                                  ta_stream_addresses *found);

#endif
