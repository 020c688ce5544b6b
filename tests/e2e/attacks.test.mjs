/*
 * The way back from the provider under attack: callbacks that were changed, stolen, repeated
 * or begun by somebody else, return addresses that lead elsewhere, and loops.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, sleep, startSite } from './harness.mjs';
import {
    assertRefused, attemptCookies, describe, loginWithLiar, reachCallback, sessionCookies,
    startLogin, withQuery,
} from './support/login_steps.mjs';

const other = (length) => 'A'.repeat(length);
const sameTag = (url) => {
    const state = new URL(url).searchParams.get('state');
    return state.slice(0, 8) + other(35);
};
const codeOf = (url) => new URL(url).searchParams.get('code');
const errorOnly = { code: undefined, error: 'access_denied', error_description: 'No <b>way' };

/* What an attacker, or a broken provider, makes of the callback URL. */
const changed = [
    ['without a state', { state: undefined }, 400, 'state-missing'],
    ['with an empty state', { state: '' }, 400, 'state-missing'],
    ['with a made-up state', { state: other(43) }, 400, 'attempt-missing'],
    ['with a state that only begins like ours', (url) => ({ state: sameTag(url) }), 400,
        'attempt-missing'],
    ['with a short state', (url) => ({ state: sameTag(url).slice(0, 8) }), 400, 'attempt-missing'],
    ['with two states', (url) => ({ state: [new URL(url).searchParams.get('state'), 'x'] }), 400,
        'response-malformed'],
    ['with two codes', (url) => ({ code: [codeOf(url), codeOf(url)] }), 400, 'response-malformed'],
    ['with two issuers', (url) => ({ iss: [new URL(url).searchParams.get('iss'), 'http://x'] }),
        400, 'response-malformed'],
    ['with two errors', { code: undefined, error: ['a', 'b'] }, 400, 'response-malformed'],
    ['with code and error together', { error: 'access_denied' }, 400, 'response-malformed'],
    ['with neither code nor error', { code: undefined }, 400, 'code-missing'],
    ['with an empty code', { code: '' }, 400, 'code-missing'],
    ['of another issuer (RFC 9207)', { iss: 'http://localhost:1' }, 400, 'issuer-mismatch'],
    ['of the issuer with a slash more', (url) => ({
        iss: `${new URL(url).searchParams.get('iss')}/`,
    }), 400, 'issuer-mismatch'],
    ['without the issuer that discovery promises', { iss: undefined }, 400, 'issuer-mismatch'],
    ['with an error and the wrong issuer', { ...errorOnly, iss: 'http://x' }, 400,
        'issuer-mismatch'],
    ['with an error of the provider', errorOnly, 403, 'provider-error'],
    ['with seventy parameters', { p: Array(70).fill('x') }, 400, 'response-malformed'],
];

/* Nothing came of it: no token request, no session, one log line with the reason. */
function assertNothingHappened({ backend, httpd, op }, browser, logged, reason) {
    assert.equal(op.requests.count('token'), 0);
    assert.deepEqual(sessionCookies(browser), []);
    assert.equal(backend.requests.count(), 0);
    const lines = httpd.log(/TA0040/);
    assert.equal(lines.length, logged + 1);
    assert.ok(lines.at(-1).includes(reason), lines.at(-1));
}

test('a callback that was changed is refused before any token request', async (t) => {
    const site = await startSite(t, { liar: {} });
    for (const [name, change, status, reason] of changed) {
        await t.test(name, async () => {
            const browser = new Browser();
            const callback = await reachCallback(browser, site.url('/wanted'));
            const logged = site.httpd.log(/TA0040/).length;
            const changes = typeof change === 'function' ? change(callback) : change;
            const page = await browser.get(withQuery(callback, changes), { from: site.op.url });
            assertRefused(page, status, reason);
            assert.equal(page.chain.length, 1, 'an error page never starts another login');
            assertNothingHappened(site, browser, logged, reason);
        });
    }
    assert.deepEqual(site.op.problems, []);
});

test('an error\'s description is shown escaped, and is all that is shown of it', async (t) => {
    const { browser, op, url } = await startSite(t, { liar: {} });
    const callback = await reachCallback(browser, url('/wanted'));
    const page = await browser.get(withQuery(callback, errorOnly), { from: op.url });
    assert.match(page.body, /access_denied: No &lt;b&gt;way/);
    assert.ok(page.links.some(({ href }) => href === url('/wanted')), 'no way to try again');
});

test('response parameters that nobody knows are ignored', async (t) => {
    const { browser, op, url } = await startSite(t, { liar: {} });
    const callback = await reachCallback(browser, url('/wanted'));
    const more = { session_state: 'x', scope: ['a', 'b'], redirect_uri: 'http://evil.test/' };
    const page = await browser.get(withQuery(callback, more), { from: op.url });
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.url, url('/wanted'));
});

test('a callback URL of somebody else logs nobody in (login CSRF)', async (t) => {
    const { backend, op, url } = await startSite(t, { liar: {} });
    const attacker = new Browser();
    const callback = await reachCallback(attacker, url('/'));
    const stranger = new Browser();
    assertRefused(await stranger.get(callback, { from: op.url }), 400, 'attempt-missing');
    assert.deepEqual(sessionCookies(stranger), []);

    const victim = new Browser();
    await startLogin(victim, url('/own'));
    assertRefused(await victim.get(callback, { from: op.url }), 400, 'attempt-missing');
    assert.deepEqual(sessionCookies(victim), []);
    assert.equal(attemptCookies(victim).length, 1, 'the victim\'s own login can go on');
    assert.equal(op.requests.count('token'), 0);
    assert.equal(backend.requests.count(), 0);
});

test('a callback URL of somebody else leaves a login as it is', async (t) => {
    const { op, url } = await startSite(t, { liar: {}, require: 'valid-user' });
    const victim = new Browser();
    await loginWithLiar(victim, url('/'));
    op.user = 'bob';
    const callback = await reachCallback(new Browser(), url('/'));
    op.clear();
    await victim.get(callback, { from: op.url });
    assert.equal((await victim.fetch(url('/'))).json.headers['remote-user'], 'alice');
    assert.equal(op.requests.count('token'), 0);
});

test('a callback that is loaded again leads to the application; the code is sent once',
    async (t) => {
        const { browser, op, url } = await startSite(t, { liar: {} });
        const callback = await reachCallback(browser, url('/wanted?x=1'));
        const kept = attemptCookies(browser).map((cookie) => ({ ...cookie }));
        assert.equal((await browser.get(callback, { from: op.url })).url, url('/wanted?x=1'));
        for (let i = 0; i < 3; i += 1) {
            const again = await browser.get(callback);
            assert.equal(again.status, 200, describe(again));
            assert.equal(again.json.headers['remote-user'], 'alice');
        }
        browser.jar.cookies.push(...kept);
        assert.equal((await browser.get(callback)).url, url('/wanted?x=1'));
        assert.equal(op.requests.count('token'), 1);
        assert.deepEqual(op.problems, []);
    });

test('a thief of callback URL and login cookie comes too late', async (t) => {
    const { browser, op, url } = await startSite(t, { liar: {} });
    const callback = await reachCallback(browser, url('/'));
    const thief = new Browser();
    thief.jar.cookies = attemptCookies(browser).map((cookie) => ({ ...cookie }));
    await browser.get(callback, { from: op.url });
    assertRefused(await thief.get(callback, { from: op.url }), 400, 'attempt-used');
    assert.deepEqual(sessionCookies(thief), []);
    assert.equal(op.requests.count('token'), 1);
});

test('the same callback many times at once sends one token request', async (t) => {
    const { browser, op, url } = await startSite(t, { liar: {} });
    op.onToken = async () => { await sleep(150); };
    const callback = await reachCallback(browser, url('/'));
    const tabs = Array.from({ length: 8 }, () => {
        const tab = new Browser();
        tab.jar.cookies = browser.jar.cookies.map((cookie) => ({ ...cookie }));
        return tab;
    });
    const pages = await Promise.all(tabs.map((tab) => tab.get(callback, { follow: false })));
    assert.deepEqual(pages.map(({ status }) => status).sort(), [303, ...Array(7).fill(400)]);
    assert.equal(tabs.filter((tab) => sessionCookies(tab).length > 0).length, 1);
    assert.equal(op.requests.count('token'), 1);
    assert.deepEqual(op.problems, []);
});

test('a login that failed cannot be tried again with the same state', async (t) => {
    const { browser, op, url } = await startSite(t, { liar: {} });
    op.onToken = () => ({ status: 503, text: 'busy' });
    const callback = await reachCallback(browser, url('/'));
    const kept = attemptCookies(browser).map((cookie) => ({ ...cookie }));
    assertRefused(await browser.get(callback, { from: op.url }), 502, 'provider-unreachable');
    assert.equal(attemptCookies(browser).length, 0);
    op.behave();
    browser.jar.cookies.push(...kept);
    assertRefused(await browser.get(callback, { from: op.url }), 400, 'attempt-used');
    assert.equal(op.requests.count('token'), 1);
});

test('only GET is a callback: POST, HEAD and others are 405 and spend nothing', async (t) => {
    const { backend, browser, op, url } = await startSite(t, { liar: {} });
    const callback = await reachCallback(browser, url('/wanted'));
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        const answer = await browser.request(method, callback, { follow: false });
        assert.equal(answer.status, 405, method);
        assert.equal(answer.headers.allow, 'GET');
        assert.deepEqual(answer.setCookies, []);
    }
    const { origin, pathname, search } = new URL(callback);
    const posted = await browser.post(origin + pathname, search.slice(1), { follow: false });
    assert.equal(posted.status, 405);
    assert.equal(op.requests.count('token'), 0);
    assert.equal(backend.requests.count(), 0);
    const page = await browser.get(callback, { from: op.url });
    assert.equal(page.url, url('/wanted'));
});

test('only somebody who goes to a page begins a login: no frame, script or prefetch', async (t) => {
    const { browser, op, url } = await startSite(t, {
        liar: {}, server: 'TinyauthAutoRedirect pocketid',
    });
    const login = url('/tinyauth/login?provider=pocketid&return=%2F');
    const ways = [
        { 'sec-fetch-dest': 'iframe' }, { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' },
        { 'sec-purpose': 'prefetch' }, { 'x-requested-with': 'XMLHttpRequest' },
    ];
    for (const headers of ways) {
        const answer = await browser.get(login, { headers, follow: false });
        assert.equal(answer.status, 200, JSON.stringify(headers));
        assert.equal((await browser.get(url('/'), { headers, follow: false })).status, 401);
    }
    assert.deepEqual(browser.jar.cookies, []);
    assert.deepEqual(op.requests.counts, {});
});

const elsewhere = [
    '//evil.test', '/\\evil.test', '///evil.test', '\\\\evil.test', '/\t/evil.test', '\t//evil',
    'http:evil.test', 'http://evil.test/', 'https:evil.test', 'javascript:alert(1)', 'data:,x',
    'http://localhost@evil.test/', 'http://evil.test#localhost', 'http://löcalhost/',
    'http://localhost.evil.test/', '/x\r\nSet-Cookie: a=b', '/\u0000', 'evil.test', '', '?x', '#x',
    '/./', '/a/../b', '/%2e%2e/x', '/ö', '/a b', `/${'x'.repeat(2000)}`,
    '/tinyauth/login', '/tinyauth/logout', '//tinyauth/login', '/tinyauth//login?x=1',
    '/tinyauth/%6cogin', '/api/oauth/callback/pocketid?code=x&state=y', '/%74inyauth/accept?t=x',
];

test('a return address that leads elsewhere leads to the root of the application', async (t) => {
    const { browser, url } = await startSite(t, { liar: {} });
    await loginWithLiar(browser, url('/'));
    const session = sessionCookies(browser);
    const { host, port } = new URL(url('/'));
    const wrongOrigins = [`https://${host}/`, `http://localhost:${Number(port) + 1}/`,
        `http://evil-localhost:${port}/`, `http://localhost.:${port}/`, `http://x@${host}/`];
    for (const address of [...elsewhere, ...wrongOrigins]) {
        browser.jar.cookies = session;
        const login = withQuery(url('/tinyauth/login'), { return: address });
        const passed = await browser.get(login, { follow: false });
        assert.equal(passed.status, 302, JSON.stringify(address));
        assert.equal(passed.headers.location, '/', JSON.stringify(address));
    }
    for (const address of ['/page?x=1', '/a//b', '/?return=//evil.test', url('/here?y=%2F')]) {
        browser.jar.cookies = session;
        const login = withQuery(url('/tinyauth/login'), { return: address });
        const passed = await browser.get(login, { follow: false });
        assert.equal(passed.location, new URL(address, url('/')).href);
    }
});

test('a whole login with a return address that leads elsewhere ends at the root', async (t) => {
    const { url } = await startSite(t, { liar: {} });
    for (const address of ['//evil.test', 'http://evil.test/', '/tinyauth/logout']) {
        const login = withQuery(url('/tinyauth/login'), { return: address });
        const page = await loginWithLiar(new Browser(), login);
        assert.equal(page.url, url('/'), describe(page));
        assert.ok(page.chain.every((hop) => !hop.url.includes('evil.test:')));
    }
});

/* Whoever bounces, the browser stands on our page long before it gives up. */
async function assertLoopEnds(browser, start, httpd) {
    const page = await browser.get(start);
    assertRefused(page, 500, 'login-loop');
    assert.ok(page.chain.length < 20, describe(page));
    assert.ok(httpd.log(/login-loop/).length > 0);
    return page;
}

test('an application that bounces logged-in users to the login ends on an error page',
    async (t) => {
        const onRequest = (req, res) => {
            const back = `/tinyauth/login?return=${encodeURIComponent(req.url)}`;
            res.writeHead(302, { location: back }).end();
            return true;
        };
        const { browser, httpd, url } = await startSite(t, { liar: {}, backend: { onRequest } });
        const started = await startLogin(browser, url('/round'));
        await assertLoopEnds(browser, started.location, httpd);
        await sleep(1);
        assert.equal((await browser.get(url('/tinyauth/logout'))).status, 200);
    });

test('a provider that bounces back without an answer ends on an error page', async (t) => {
    const { browser, httpd, op, url } = await startSite(t, {
        liar: {}, server: 'TinyauthAutoRedirect pocketid',
    });
    op.onAuthorize = () => ({ status: 302, headers: { location: url('/round') }, text: '' });
    await assertLoopEnds(browser, url('/round'), httpd);
    op.behave();
    const page = await browser.get(url('/round'));
    assert.equal(page.status, 200, describe(page));
});

test('a browser that keeps no cookies gets an error page, not a loop', async (t) => {
    const { op, url } = await startSite(t, { liar: {}, server: 'TinyauthAutoRedirect pocketid' });
    const browser = new Browser();
    browser.jar.set = () => {};
    const page = await browser.get(url('/'));
    assertRefused(page, 400, 'attempt-missing');
    assert.equal(page.chain.length, 3);
    assert.equal(op.requests.count('token'), 0);
});
