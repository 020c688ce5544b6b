/*
 * A login step by step, for tests that come between the steps; and what tests say again and
 * again of its end.
 */
import assert from 'node:assert/strict';
import { Browser } from './browser.mjs';
import { rawLines, rawRequest } from './raw_socket.mjs';
import { textOf } from './html.mjs';

const ourLink = /log in with/i;

/* The way a page came about, for messages. */
export function describe(page) {
    const way = page.chain.map(({ status, url }) => `${status} ${url}`).join('\n  ');
    return `${way}\n${textOf(page.body).slice(0, 500)}`;
}

/* Opens `url` and presses the login page's button: the redirect to the provider comes back. */
export async function startLogin(browser, url, options = {}) {
    const page = await browser.get(url, options);
    const link = page.links.find(({ text }) => ourLink.test(text));
    assert.ok(link, `no login page here:\n  ${describe(page)}`);
    const started = await browser.click(page, link, { follow: false, ...options });
    assert.equal(started.status, 302, describe(started));
    return started;
}

/*
 * With a liar: the callback URL that a login of `url` leads to, not yet opened. `browser` has
 * the attempt's cookie.
 */
export async function reachCallback(browser, url) {
    const started = await startLogin(browser, url);
    const { location } = await browser.get(started.location, { from: started.url, follow: false });
    assert.ok(location, 'the provider sends nobody back');
    return location;
}

/* `url` with other query parameters: undefined removes one, an array sends it several times. */
export function withQuery(url, changes) {
    const changed = new URL(url);
    for (const [name, value] of Object.entries(changes)) {
        changed.searchParams.delete(name);
        for (const each of [value].flat().filter((v) => v !== undefined)) {
            changed.searchParams.append(name, each);
        }
    }
    return changed.href;
}

/* A login with a liar from `url` to wherever it ends. */
export async function loginWithLiar(browser, url) {
    const started = await startLogin(browser, url);
    return browser.get(started.location, { from: started.url });
}

/* Session cookies of ours in a browser's jar, of one host or of all. */
export function sessionCookies(browser, host) {
    return browser.jar.cookies.filter(({ name, domain }) => (
        /^(__Host-|__Secure-)?tinyauth(-\d+|-domain)?$/.test(name)
        && (host === undefined || domain === host)
    ));
}

export function attemptCookies(browser) {
    return browser.jar.cookies.filter(({ name }) => /tinyauth(-\d+)?-login-/.test(name));
}

/* A page of ours that says no with this status and reason. */
export function assertRefused(page, status, reason) {
    assert.equal(page.status, status, describe(page));
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.ok(page.body.includes(reason), `expected ${reason}:\n  ${describe(page)}`);
}

/* What a program such as curl hears: no navigation, no Sec-Fetch-*. */
export function programRequest(url, ...headers) {
    const { protocol, host, hostname, port, pathname, search } = new URL(url);
    const lines = [`GET ${pathname}${search} HTTP/1.1`, `Host: ${host}`, 'User-Agent: curl/8',
        'Accept: */*', ...headers];
    return rawRequest(Number(port), rawLines(...lines), {
        tls: protocol === 'https:', servername: hostname,
    });
}

/*
 * One lie of a liar: `lie(op)` tells it, then somebody logs in. The login must end on a page
 * with this status and reason, with one log line, no session, and nothing for the application.
 */
export async function assertLieIsRefused(site, { lie, reason, status = 502 }) {
    const { backend, httpd, op, url } = site;
    const browser = new Browser();
    const logged = httpd.log(/TA0040/).length;
    op.behave();
    op.clear();
    backend.requests.clear();
    lie(op);
    const page = await loginWithLiar(browser, url('/'));
    assertRefused(page, status, reason);
    assert.deepEqual(sessionCookies(browser), []);
    assert.deepEqual(attemptCookies(browser), []);
    assert.equal(backend.requests.count(), 0);
    assert.ok(op.requests.count('token') <= 1, 'the code was sent twice');
    const lines = httpd.log(/TA0040/).slice(logged);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.ok(lines[0].includes(` refused: ${reason}`), lines[0]);
    assert.deepEqual(op.problems, []);
    return page;
}
