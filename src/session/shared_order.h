/*
 * The two orders in which the records of a stripe leave it: a list by use, newest to oldest, for
 * when it is full, and a heap by expiry. Only the holder of the stripe's mutex may call these.
 */
#ifndef TA_SESSION_SHARED_ORDER_H
#define TA_SESSION_SHARED_ORDER_H

#include "session/shared_block.h"

/** Puts a record into both orders, as the newest. */
void ta_shared_order_add(const ta_shared_stripe *stripe, apr_uint32_t number);

/** Takes a record out of both. */
void ta_shared_order_remove(const ta_shared_stripe *stripe, apr_uint32_t number);

/** The record that expires first, or 0. */
apr_uint32_t ta_shared_order_first(const ta_shared_stripe *stripe);

/**
 * Sorts the first `count` numbers in the heap's place by when they were written, oldest first.
 * For mending a stripe, whose orders are empty then.
 */
void ta_shared_order_sort(const ta_shared_stripe *stripe, apr_uint32_t count);

#endif
