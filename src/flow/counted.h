/*
 * Ports that count what passes through them: around the store and around HTTP.
 */
#ifndef TA_FLOW_COUNTED_H
#define TA_FLOW_COUNTED_H

#include "flow/metrics.h"

/**
 * A store that does what another does, and counts errors and how long writing takes. A load,
 * which every request of somebody signed in has, is timed but writes nothing unless it failed
 * or was slow.
 * @param p       pool of the result
 * @param inner   the store; has to live as long
 * @param metrics where to count
 */
ta_store *ta_counted_wrap_store(apr_pool_t *p, const ta_store *inner, ta_metrics *metrics);

/** A way to the providers that counts requests and times them. Parameters as above. */
ta_http *ta_counted_wrap_http(apr_pool_t *p, const ta_http *inner, ta_metrics *metrics);

#endif
