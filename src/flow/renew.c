/*
 * Revalidation. By the refresh grant where there is a refresh token, else by userinfo while
 * the access token lives; with neither, the browser has to pass by the provider.
 *
 * A refresh token that rotates is spent by its first use, and a second use of it ends the whole
 * family at the provider. So the record says that it is about to be used before it is, and the
 * new one is stored before it is used: whoever finds the mark left behind by a process that
 * died does not use the token again. Only one process can set the mark, for the store replaces
 * a record only where it is what that process read. On a store that cannot promise this to
 * several machines the refresh token stays unused, and userinfo is asked.
 */
#include "flow/renew.h"

#include <string.h>

#include "flow/access.h"
#include "flow/end_logins.h"
#include "flow/exchange.h"
#include "flow/host_session.h"
#include "flow/trust.h"
#include "util/secret.h"

#define LEASE_SECONDS 60 /* one asker; and after "don't know" nobody asks for so long */
#define SLACK_SECONDS 30 /* a token so near its end may have ended while we asked */
#define UPDATE_TRIES  20
#define GRACE_SECONDS 60 /* beyond two rounds, for a session whose tokens have expired */

struct renewal {
    const ta_env *env;
    ta_session *session;
    ta_exchange exchange;
    ta_tokens tokens;
    ta_bytes sealed;     /* the tokens as they lie in the record */
    apr_int64_t given;   /* when the provider gave them */
    apr_int64_t checked; /* when the provider was asked before */
    int is_new;          /* the ID token came with this refresh, and is not in the record */
    ta_fault fault;
};

/* A change of a login's record, tried again on the newest record when somebody was faster.
 * APR_EEXIST: not on such a record. */
typedef apr_status_t (*change)(const struct renewal *renewal, ta_record *record, const void *what);

static apr_status_t update(struct renewal *renewal, change apply, const void *what)
{
    const ta_env *env = renewal->env;
    ta_session *session = renewal->session;
    apr_status_t rv = APR_EAGAIN;

    for (int i = 0; i < UPDATE_TRIES && rv == APR_EAGAIN; i++) {
        ta_record record = session->login;
        ta_bytes bytes;

        rv = apply(renewal, &record, what);
        if (rv == APR_SUCCESS) {
            rv = ta_record_write(env->pool, &record, &bytes);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        rv = env->store->replace(env->store->context, env->pool, session->login_key,
                                 session->login_bytes, bytes,
                                 ta_lifetime_expiry(&env->site->lifetime, &record));
        if (rv == APR_EAGAIN) {
            rv = env->store->load(env->store->context, env->pool, session->login_key, NULL, &bytes,
                                  NULL);
            rv = rv == APR_SUCCESS ? APR_EAGAIN : rv;
        }
        if (rv == APR_SUCCESS || rv == APR_EAGAIN) {
            if (ta_record_read(bytes, &record) != APR_SUCCESS) {
                return APR_NOTFOUND;
            }
            session->login_bytes = bytes;
            session->login = record;
        }
    }
    return rv;
}

/* Whether a record still holds the tokens that we know. */
static int has_our_tokens(const struct renewal *renewal, const ta_record *record)
{
    const ta_bytes *slot = &record->slots[TA_RECORD_TOKENS];

    return slot->len == renewal->sealed.len &&
           memcmp(slot->data, renewal->sealed.data, slot->len) == 0;
}

static apr_status_t mark_refreshing(const struct renewal *renewal, ta_record *record,
                                    const void *what)
{
    (void)what;
    if ((record->flags & TA_RECORD_REFRESHING) || !has_our_tokens(renewal, record)) {
        return APR_EEXIST;
    }
    record->flags |= TA_RECORD_REFRESHING;
    record->asked = renewal->env->now;
    return APR_SUCCESS;
}

static apr_status_t unmark_refreshing(const struct renewal *renewal, ta_record *record,
                                      const void *what)
{
    (void)renewal, (void)what;
    record->flags &= ~(apr_uint32_t)TA_RECORD_REFRESHING;
    return APR_SUCCESS;
}

static apr_status_t put_tokens(const struct renewal *renewal, ta_record *record, const void *what)
{
    ta_seal_key key;
    apr_status_t rv = ta_session_get_tokens_key(renewal->env->pool, renewal->session, &key);

    return rv == APR_SUCCESS
               ? ta_session_renew_tokens(renewal->env->pool, record, &key, what, renewal->given)
               : rv;
}

/* Tokens that are of no use any more: whoever comes next need not try them. */
static apr_status_t forget_tokens(const struct renewal *renewal, ta_record *record,
                                  const void *what)
{
    ta_tokens forgotten = renewal->tokens;

    (void)what;
    if (!has_our_tokens(renewal, record)) {
        return APR_EEXIST;
    }
    forgotten.refresh_token = NULL;
    forgotten.expires_in = 0;
    return put_tokens(renewal, record, &forgotten);
}

/* Who the user is now; and the ID token that says so, now that it is verified. */
static apr_status_t put_identity(const struct renewal *renewal, ta_record *record, const void *what)
{
    int with_tokens = renewal->is_new && has_our_tokens(renewal, record);
    apr_status_t rv = ta_session_renew(renewal->env->pool, record, what, renewal->env->now);

    return rv == APR_SUCCESS && with_tokens ? put_tokens(renewal, record, &renewal->tokens) : rv;
}

/* One asker per session and round, across threads and processes. */
static int take_lease(const struct renewal *renewal)
{
    const ta_env *env = renewal->env;
    struct {
        unsigned char login_key[TA_STORE_KEY_LEN];
        apr_int64_t checked;
    } round;
    unsigned char key[TA_STORE_KEY_LEN];

    memcpy(round.login_key, renewal->session->login_key, sizeof(round.login_key));
    round.checked = renewal->checked;
    return ta_secret_derive(&round, sizeof(round), "tinyauth renewal", key) == APR_SUCCESS &&
           env->store->claim(env->store->context, env->pool, key, env->now + LEASE_SECONDS) ==
               APR_SUCCESS;
}

static ta_renewal end(struct renewal *renewal)
{
    const ta_env *env = renewal->env;

    ta_log_write(
        env->log, TA_LOG_WARNING, APR_SUCCESS,
        "TA0070: the session of user \"%s\" ends by what provider \"%s\" says now: %s%s%s "
        "[request %s]",
        ta_fault_quote(env->pool, ta_record_text(&renewal->session->login, TA_RECORD_USER)),
        renewal->exchange.provider->id, ta_reason_info_get(renewal->fault.reason)->code,
        renewal->fault.detail ? ": " : "", renewal->fault.detail ? renewal->fault.detail : "",
        env->request->id);
    ta_end_logins_check_removed(env, &renewal->session->login,
                                ta_session_end(env->pool, env->store, renewal->session));
    ta_event_note_session(env->events, renewal->session,
                          (ta_event){.kind = TA_EVENT_SESSION_ENDED,
                                     .reason = renewal->fault.reason,
                                     .by = TA_ENDED_BY_PROVIDER});
    return TA_RENEWAL_ENDED;
}

static ta_renewal keep(struct renewal *renewal)
{
    const ta_env *env = renewal->env;

    ta_log_write(
        env->log, TA_LOG_WARNING, APR_SUCCESS,
        "TA0071: provider \"%s\" cannot say who user \"%s\" is now, the session goes on "
        "with what is known: %s%s%s [request %s]",
        renewal->exchange.provider->id,
        ta_fault_quote(env->pool, ta_record_text(&renewal->session->login, TA_RECORD_USER)),
        ta_reason_info_get(renewal->fault.reason)->code, renewal->fault.detail ? ": " : "",
        renewal->fault.detail ? renewal->fault.detail : "", env->request->id);
    ta_event_note_session(
        env->events, renewal->session,
        (ta_event){.kind = TA_EVENT_UNCONFIRMED, .reason = renewal->fault.reason});
    return TA_RENEWAL_KEPT;
}

/* Where what the provider said could not be put into the record. */
static ta_renewal keep_unwritten(struct renewal *renewal, apr_status_t rv)
{
    if (rv == APR_NOTFOUND) {
        return TA_RENEWAL_ENDED; /* somebody logged out meanwhile */
    }
    ta_fault_set(&renewal->fault, renewal->env->pool,
                 rv == APR_ENOSPC ? TA_REASON_SESSION_TOO_LARGE : TA_REASON_STORE_UNAVAILABLE,
                 "the session cannot be changed (%d)", rv);
    return keep(renewal);
}

/* Nobody can say any more who this is, and the browser has not passed by the provider in time:
 * this request is nobody's. The record stays, for the next navigation can still mend it. */
static ta_renewal refuse_unconfirmed(const struct renewal *renewal)
{
    const ta_env *env = renewal->env;

    ta_log_write(
        env->log, TA_LOG_INFO, APR_SUCCESS,
        "TA0072: the session of user \"%s\" does not count: its tokens have expired, and "
        "nobody has confirmed it for %" APR_INT64_T_FMT " seconds [request %s]",
        ta_fault_quote(env->pool, ta_record_text(&renewal->session->login, TA_RECORD_USER)),
        env->now - renewal->checked, env->request->id);
    return TA_RENEWAL_ENDED;
}

/* Somebody is asking with the refresh token right now. */
static int is_being_asked(const ta_env *env, const ta_record *login)
{
    return (login->flags & TA_RECORD_REFRESHING) && env->now - login->asked < LEASE_SECONDS;
}

static int is_overdue(const struct renewal *renewal)
{
    const ta_env *env = renewal->env;

    return env->now - renewal->checked > 2 * env->site->revalidate + GRACE_SECONDS;
}

/* No token is left to ask with. The browser passes by the provider: whoever comes back without
 * a new login is not sent away again while the lease lasts, and is nobody when it is overdue. */
static ta_renewal pass_by_provider(const struct renewal *renewal, int has_lease)
{
    const ta_env *env = renewal->env;

    if (is_being_asked(env, &renewal->session->login)) {
        return TA_RENEWAL_KEPT;
    }
    /* whoever cannot go there leaves the lease to whoever can */
    if (ta_request_is_navigation(env->request) && (has_lease || take_lease(renewal))) {
        ta_event_note_session(env->events, renewal->session,
                              (ta_event){.kind = TA_EVENT_SENT_AGAIN});
        return TA_RENEWAL_LOGIN;
    }
    return is_overdue(renewal) ? refuse_unconfirmed(renewal) : TA_RENEWAL_KEPT;
}

static ta_renewal give_up_tokens(struct renewal *renewal)
{
    apr_status_t rv = update(renewal, forget_tokens, NULL);

    return rv == APR_SUCCESS || rv == APR_EEXIST ? pass_by_provider(renewal, 1)
                                                 : keep_unwritten(renewal, rv);
}

static int has_expired(const struct renewal *renewal, apr_int64_t slack)
{
    return renewal->tokens.expires_in >= 0 &&
           renewal->env->now + slack >= renewal->given + renewal->tokens.expires_in;
}

/* Whether the provider said a definite no: to the refresh token, to a live access token, or
 * by naming somebody else. */
static int is_definite_no(const ta_fault *fault)
{
    return fault->reason == TA_REASON_TOKEN_REFUSED ||
           fault->reason == TA_REASON_USERINFO_REFUSED ||
           fault->reason == TA_REASON_USERINFO_SUBJECT ||
           fault->reason == TA_REASON_ID_TOKEN_SUBJECT;
}

/* The provider said who it is, and with that nobody could log in: what was known before is no
 * longer true, and must not go on to count. */
static int is_of_no_use(const ta_fault *fault)
{
    return fault->reason == TA_REASON_IDENTITY_EMPTY || fault->reason == TA_REASON_TOKEN_MALFORMED;
}

/* The access token may be the reason why userinfo refused: it is at its end, or ended with a
 * refresh whose answer was lost. */
static int may_be_dead(const struct renewal *renewal)
{
    return renewal->fault.reason == TA_REASON_USERINFO_REFUSED &&
           (has_expired(renewal, SLACK_SECONDS) ||
            (renewal->session->login.flags & TA_RECORD_REFRESHING));
}

/* What userinfo once said it says by silence too: some providers leave out a list that has become
 * empty. The ID token of the login, which lies in the record, is no newer answer. */
static void forget_unsaid(const struct renewal *renewal, ta_identity *identity)
{
    apr_uint32_t flags = renewal->is_new ? 0 : renewal->session->login.flags;

    if ((flags & TA_RECORD_GROUPS_BY_USERINFO) && !identity->groups_by_userinfo) {
        apr_array_clear(identity->groups);
        identity->groups_state = TA_GROUPS_ABSENT;
        identity->groups_by_userinfo = 1;
    }
    if ((flags & TA_RECORD_EMAIL_BY_USERINFO) && !identity->email_by_userinfo) {
        identity->email = NULL;
        identity->email_verified = 0;
        identity->email_by_userinfo = 1;
    }
}

static ta_renewal identify(struct renewal *renewal)
{
    const ta_env *env = renewal->env;
    const ta_record *login = &renewal->session->login;
    ta_record before = *login;
    ta_identity *identity;
    apr_status_t rv = ta_exchange_identify(env, &renewal->exchange, &renewal->tokens,
                                           renewal->is_new, &identity, &renewal->fault);

    if (rv != APR_SUCCESS) {
        if (may_be_dead(renewal)) {
            return give_up_tokens(renewal);
        }
        return is_definite_no(&renewal->fault) || is_of_no_use(&renewal->fault) ? end(renewal)
                                                                                : keep(renewal);
    }
    forget_unsaid(renewal, identity);
    if (!identity->sid) {
        identity->sid = ta_record_text(login, TA_RECORD_SID);
    }
    rv = update(renewal, put_identity, identity);
    if (rv == APR_ENOSPC) {
        ta_fault_set(&renewal->fault, env->pool, TA_REASON_SESSION_TOO_LARGE,
                     "claims, groups and tokens are larger than a session, which holds at most "
                     "%d bytes",
                     TA_STORE_RECORD_BYTES);
        return end(renewal);
    }
    if (rv != APR_SUCCESS) {
        return keep_unwritten(renewal, rv);
    }
    renewal->session->has_new_rights = ta_host_session_is_due(&before, login);
    ta_event_note_session(
        env->events, renewal->session,
        (ta_event){.kind = TA_EVENT_CONFIRMED, .before = &before, .after = login});
    /* what was learnt counts at once, for the whitelist too */
    if (ta_access_is_whitelisted(env->site, ta_record_text(login, TA_RECORD_EMAIL),
                                 (login->flags & TA_RECORD_EMAIL_VERIFIED) != 0)) {
        return TA_RENEWAL_KEPT;
    }
    ta_event_note_session(env->events, renewal->session,
                          (ta_event){.kind = TA_EVENT_SESSION_ENDED,
                                     .reason = TA_REASON_NOT_WHITELISTED,
                                     .by = TA_ENDED_BY_WHITELIST});
    return TA_RENEWAL_ENDED;
}

/* The new tokens are stored before they are used; but the ID token only when it is verified,
 * for later it is believed as it lies there. */
static apr_status_t store_tokens(struct renewal *renewal, const char *old_id_token)
{
    ta_tokens stored = renewal->tokens;
    apr_status_t rv;

    stored.id_token = old_id_token;
    renewal->given = renewal->env->now;
    renewal->is_new = renewal->tokens.id_token != old_id_token;
    rv = update(renewal, put_tokens, &stored);
    renewal->sealed = renewal->session->login.slots[TA_RECORD_TOKENS];
    return rv;
}

static ta_renewal refresh(struct renewal *renewal)
{
    const ta_env *env = renewal->env;
    const char *old_id_token = renewal->tokens.id_token;
    apr_status_t rv = update(renewal, mark_refreshing, NULL);

    if (rv == APR_EEXIST) {
        return TA_RENEWAL_KEPT; /* somebody else is at it */
    }
    if (rv != APR_SUCCESS) {
        return keep_unwritten(renewal, rv);
    }
    rv = ta_exchange_refresh(env, &renewal->exchange, &renewal->tokens, &renewal->fault);
    if (rv != APR_SUCCESS) {
        if (is_definite_no(&renewal->fault)) {
            return end(renewal);
        }
        /* where nobody knows whether the token was spent, it is not used again */
        if (rv != APR_INCOMPLETE) {
            (void)update(renewal, unmark_refreshing, NULL);
        }
        return keep(renewal);
    }
    rv = store_tokens(renewal, old_id_token);
    return rv == APR_SUCCESS ? identify(renewal) : keep_unwritten(renewal, rv);
}

/* Where the store's lease does not reach other machines, two of them could spend one token. */
static int may_refresh(const struct renewal *renewal)
{
    return renewal->tokens.refresh_token && renewal->env->store->claims_everywhere &&
           !(renewal->session->login.flags & TA_RECORD_REFRESHING);
}

static ta_renewal ask(struct renewal *renewal)
{
    const ta_env *env = renewal->env;
    ta_metadata *metadata;

    if (ta_trust_get_metadata(env, renewal->exchange.provider, &metadata, &renewal->fault) !=
        APR_SUCCESS) {
        return keep(renewal);
    }
    renewal->exchange.metadata = metadata;
    renewal->exchange.sub = ta_record_text(&renewal->session->login, TA_RECORD_SUB);
    if (may_refresh(renewal)) {
        return refresh(renewal);
    }
    return metadata->userinfo_endpoint ? identify(renewal) : give_up_tokens(renewal);
}

static struct renewal begin(const ta_env *env, ta_session *session)
{
    struct renewal renewal = {
        .env = env,
        .session = session,
        .sealed = session->login.slots[TA_RECORD_TOKENS],
        .checked = session->login.checked,
    };

    renewal.exchange.provider =
        ta_site_find_provider(env->site, ta_record_text(&session->login, TA_RECORD_PROVIDER));
    return renewal;
}

/* Opens the tokens. @return 0 where none of them is of any use */
static int has_tokens(struct renewal *renewal)
{
    return ta_session_open_tokens(renewal->env->pool, renewal->session, &renewal->tokens,
                                  &renewal->given) == APR_SUCCESS &&
           (may_refresh(renewal) || !has_expired(renewal, 0));
}

/* The provider is to be asked again. */
static ta_renewal renew(const ta_env *env, ta_session *session)
{
    struct renewal renewal = begin(env, session);

    if (!renewal.exchange.provider) {
        return TA_RENEWAL_KEPT;
    }
    if (!has_tokens(&renewal)) {
        return pass_by_provider(&renewal, 0);
    }
    return take_lease(&renewal) ? ask(&renewal) : TA_RENEWAL_KEPT;
}

ta_renewal ta_renew_session(const ta_env *env, ta_session *session)
{
    apr_int64_t age = env->now - session->login.checked;

    return age >= 0 && age < env->site->revalidate ? TA_RENEWAL_KEPT : renew(env, session);
}

int ta_renew_is_overdue(const ta_env *env, ta_session *session)
{
    struct renewal renewal = begin(env, session);

    return is_overdue(&renewal) && !is_being_asked(env, &session->login) && !has_tokens(&renewal);
}
