/*
 * Somebody whose session is asked about again and again, for tests of revalidation.
 */
import assert from 'node:assert/strict';
import { Browser } from './browser.mjs';
import { loginAt } from './login.mjs';
import { describe } from './login_steps.mjs';
import { sleep } from './ports.mjs';
import { startSite } from './site.mjs';

/* TinyauthRevalidate of these sites, and what a test waits until it is over. */
export const interval = 'TinyauthRevalidate 1';
export const roundIsOver = () => sleep(1100);

/* One in which even a busy machine answers many requests; see inOneRound(). */
const longSeconds = 4;
export const longInterval = `TinyauthRevalidate ${longSeconds}`;

/*
 * What `ask()` comes to when all of it fell into one round of the long interval; it is asked
 * again in the next one until it did. `op` has counted the requests of that round alone. The
 * module counts whole seconds: of a round one may be missing.
 */
export async function inOneRound(op, ask) {
    for (;;) {
        await sleep(longSeconds * 1000 + 100);
        op.requests.clear();
        const began = Date.now();
        const result = await ask();
        if (Date.now() - began < (longSeconds - 1) * 1000) {
            return result;
        }
    }
}

/* What no log may hold. (Codes are in the access log: they are part of a URL, and spent.) */
function tokensOf(liar) {
    return {
        * [Symbol.iterator]() {
            yield* [...liar.secrets].filter((secret) => !liar.logins.has(secret));
        },
    };
}

/* A site that asks again after a second. */
export async function startShortSite(t, options = {}) {
    const site = await startSite(t, { server: interval, ...options });
    if (options.liar) {
        site.httpd.secrets = tokensOf(site.op);
    }
    return site;
}

/* Logs somebody in; from then on only requests of the revalidation are counted. */
export async function enter(site, user = 'alice') {
    const browser = new Browser();
    const page = await loginAt(browser, site.url('/'), user);
    assert.ok([200, 403].includes(page.status), describe(page));
    site.op.requests.clear();
    return browser;
}

/* What a script on the page hears now: 200, 401 (nobody) or 403 (not in the group). */
export async function statusNow(site, browser, path = '/') {
    return (await browser.fetch(site.url(path))).status;
}

/*
 * With a liar: somebody logs in for each of the cases, each by a login of their own; the liar's
 * hook `name` then answers each with what their case has under `answer`.
 */
export async function enterEach(site, name, cases) {
    const people = new Map();
    for (const each of cases) {
        const browser = await enter(site);
        people.set(site.op.lastLogin, { browser, ...each });
    }
    site.op.requests.clear();
    const hooks = {
        onToken: (form, body) => (
            people.get(site.op.refreshTokens.get(form.get('refresh_token'))).answer(form, body)
        ),
        onUserinfo: (claims, req) => {
            const login = site.op.accessTokens.get(req.headers.authorization.split(' ')[1]);
            return people.get(login).answer(claims);
        },
        onIdToken: (claims, header, login) => people.get(login).answer(claims),
    };
    site.op[name] = hooks[name];
    return [...people.values()];
}

/* The same, the next time that the provider is asked. */
export async function statusNextRound(site, browser) {
    await roundIsOver();
    return statusNow(site, browser);
}

/* The refresh tokens that a provider or liar was sent, in order. */
export function refreshTokensSentTo(liar) {
    return liar.requests.of('token')
        .filter(({ form }) => form?.get('grant_type') === 'refresh_token')
        .map(({ form }) => form.get('refresh_token'));
}
