/*
 * The page for administrators: who is logged in, and ending that.
 */
#ifndef TA_FLOW_ADMINISTER_H
#define TA_FLOW_ADMINISTER_H

#include "flow/env.h"
#include "flow/reply.h"
#include "session/session.h"

/* Who asks; whoever calls has made sure that they may. */
typedef struct ta_administrator {
    const char *user;
    const ta_session *session; /* theirs; NULL where they logged in by another AuthType */
} ta_administrator;

/**
 * Answers a request for the page, or, where JSON is asked for and no HTML, the same as JSON.
 * GET shows sessions (?q= searches, ?after= goes on); POST with the page's token ends some:
 * end=<handle>, end_user=<handle> (all of that user), or end_all=yes. Sessions that do not count
 * on this site (another provider, say) are neither shown nor ended.
 */
ta_reply *ta_administer_handle(const ta_env *env, const ta_administrator *administrator);

#endif
