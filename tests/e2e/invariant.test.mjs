/*
 * The invariant of everything: a request that passes where a login is needed has a user, the
 * one of a session in the store; and a request that has no session passes nowhere. httpd's
 * own last guard against modules that say OK and set nobody must never have to speak.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, loginAt, protectedLocation, providerSection, startSite,
} from './harness.mjs';
import { sessionCookies } from './support/login_steps.mjs';

/* Scopes, and whom of alice (admins), bob (users) and nobody they let in. */
const scopes = {
    '/user': { require: 'valid-user', letsIn: ['alice', 'bob'] },
    '/named': { require: 'user alice', letsIn: ['alice'] },
    '/group': { require: 'oauth-group admins', letsIn: ['alice'] },
    '/claim': { require: 'oauth-claim preferred_username bob', letsIn: ['bob'] },
    '/open': { require: 'all granted', letsIn: ['alice', 'bob', undefined] },
    '/either': {
        require: ['oauth-group admins', 'all granted'], letsIn: ['alice', 'bob', undefined],
    },
    '/not': {
        require: ['<RequireAll>', 'Require all granted', 'Require not oauth-group admins',
            '</RequireAll>'],
        letsIn: ['bob', undefined],
    },
    '/denied': { require: 'all denied', letsIn: [] },
};

const conf = ({ op, backend }) => [
    providerSection(op),
    `ProxyPass "/" "${backend.url}/"`,
    ...Object.entries(scopes).map(([path, scope]) => protectedLocation(
        path,
        Array.isArray(scope.require) && scope.require[0].startsWith('<')
            ? scope.require.join('\n') : scope.require,
    )),
    protectedLocation('/login-here', 'valid-user'),
].join('\n');

async function enter(site, name) {
    const browser = new Browser();
    const page = await loginAt(browser, site.url('/login-here'), name);
    assert.equal(page.status, 200);
    return browser;
}

/* The same browser, whose session is none (any more): what `change` makes of its cookie. */
function withCookie(browser, change) {
    const [{ name, value }] = sessionCookies(browser);
    const headers = { cookie: change(name, value) };
    return { fetch: (url) => new Browser().fetch(url, { headers }) };
}

test('whoever is let in is named, and whoever has no session is nobody', async (t) => {
    const site = await startSite(t, { write: conf });
    site.httpd.expectErrors(/AH01630/);
    const alice = await enter(site, 'alice');
    const bob = await enter(site, 'bob');
    const people = [
        ['alice', alice], ['bob', bob], [undefined, new Browser()],
        [undefined, withCookie(alice, (name, value) => `${name}=${value.slice(0, -1)}`)],
        [undefined, withCookie(alice, (name, value) => `${name}=${value}A`)],
        [undefined, withCookie(alice, (name) => `${name}=${'A'.repeat(43)}`)],
        [undefined, withCookie(alice, (name, value) => `${name}x=${value}`)],
        [undefined, withCookie(alice, (name) => `${name}=`)],
    ];
    for (const [path, { letsIn }] of Object.entries(scopes)) {
        for (const [name, browser] of people) {
            const page = await browser.fetch(site.url(path));
            const what = `${name} at ${path}`;
            assert.equal(page.status === 200, letsIn.includes(name), `${what}: ${page.status}`);
            if (page.status === 200) {
                assert.equal(page.json.headers['remote-user'], name, what);
            } else {
                assert.ok([401, 403].includes(page.status), `${what}: ${page.status}`);
            }
        }
    }
    /* "No authentication done but request not allowed without authentication" */
    assert.deepEqual(site.httpd.log(/AH0002[78]/), []);
});
