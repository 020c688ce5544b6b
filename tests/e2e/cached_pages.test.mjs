/*
 * httpd's own cache in front of protected pages: it never gives one person's page to another,
 * nor to somebody who is nobody.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, http2Request, protectedLocation, providerSection, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

/* An application that wants to be cached, and says who it believes the visitor to be. */
const eager = (headers) => ({
    onRequest: (req, res) => {
        Object.entries(headers).forEach(([name, value]) => res.setHeader(name, value));
        res.end(`page of ${req.headers['remote-user'] ?? 'nobody'}`);
        return true;
    },
});

const wishes = [
    { 'cache-control': 'public, max-age=600' },
    { 'cache-control': 'max-age=600, s-maxage=600' },
    { expires: new Date(Date.now() + 600000).toUTCString(), etag: '"e"' },
    { 'last-modified': 'Thu, 01 Jan 2015 00:00:00 GMT' },
];

/* httpd with a cache before everything, as CacheQuickHandler On (the default) makes it. */
function start(t, { headers, require, quick = 'On', more = '', ...options }) {
    return startSite(t, {
        write: ({ server, op, backend }) => `${providerSection(op)}
CacheQuickHandler ${quick}
CacheRoot "${server.file('cache')}"
CacheEnable disk "/"
CacheIgnoreNoLastMod On
CacheHeader On
ProxyPass "/" "${backend.url}/"
${protectedLocation('/', require)}
${more}`,
        backend: eager(headers),
        ...options,
        modules: ['cache', 'cache_disk', ...(options.modules ?? [])],
    });
}

const pageOf = async (site, browser) => {
    const { status, body } = await browser.get(site.url('/page'), { follow: false });
    return [status, body];
};

test('the cache of this test works: what is nobody\'s is kept', async (t) => {
    const site = await start(t, { headers: wishes[0], require: 'all granted' });
    for (let i = 0; i < 3; i += 1) {
        assert.deepEqual(await pageOf(site, new Browser()), [200, 'page of nobody']);
    }
    assert.equal(site.backend.requests.count(), 1);
});

for (const quick of ['On', 'Off']) {
    test(`nobody gets another's page from the cache, CacheQuickHandler ${quick}`, async (t) => {
        for (const headers of wishes) {
            const site = await start(t, { headers, require: 'valid-user', quick });
            const alice = await loggedIn(site, 'alice', { back: '/other' });
            const bob = await loggedIn(site, 'bob', { back: '/other' });
            const what = JSON.stringify(headers);
            for (let round = 0; round < 2; round += 1) {
                assert.deepEqual(await pageOf(site, alice), [200, 'page of alice'], what);
                assert.deepEqual(await pageOf(site, bob), [200, 'page of bob'], what);
                const [status, body] = await pageOf(site, new Browser());
                assert.equal(status, 302, what);
                assert.equal(body, '', what);
            }
        }
    });
}

test('nor where login is optional', async (t) => {
    const site = await start(t, { headers: wishes[0], require: 'all granted' });
    const alice = await loggedIn(site, 'alice', { back: '/other' });
    const bob = await loggedIn(site, 'bob', { back: '/other' });
    assert.deepEqual(await pageOf(site, alice), [200, 'page of alice']);
    assert.deepEqual(await pageOf(site, bob), [200, 'page of bob']);
    assert.deepEqual(await pageOf(site, new Browser()), [200, 'page of nobody']);
});

test('a member\'s page does not come out of the cache for somebody outside', async (t) => {
    const site = await start(t, { headers: wishes[0], require: 'oauth-group admins' });
    site.httpd.expectErrors(/AH01631/);
    const alice = await loggedIn(site, 'alice', { back: '/other' });
    assert.deepEqual(await pageOf(site, alice), [200, 'page of alice']);
    const bob = await loggedIn(site, 'bob', { back: '/page' });
    const program = await bob.fetch(site.url('/page'));
    assert.equal(program.status, 403);
    assert.doesNotMatch(program.body, /page of/);
});

test('logging out leaves nothing behind in the cache', async (t) => {
    const site = await start(t, { headers: wishes[0], require: 'valid-user' });
    const alice = await loggedIn(site, 'alice', { back: '/other' });
    assert.deepEqual(await pageOf(site, alice), [200, 'page of alice']);
    const asked = await alice.get(site.url('/tinyauth/logout'));
    await alice.submit(asked, asked.forms[0], {}, { follow: false });
    assert.equal((await pageOf(site, alice))[0], 302);
});

test('no answer of ours is kept: login page, redirect, 401, 403', async (t) => {
    const site = await start(t, { headers: wishes[0], require: 'oauth-group admins' });
    site.httpd.expectErrors(/AH01631/);
    await pageOf(site, new Browser());
    await new Browser().fetch(site.url('/page'));
    await new Browser().get(site.url('/tinyauth/login'));
    await loggedIn(site, 'bob', { back: '/page' });
    const alice = await loggedIn(site, 'alice', { back: '/other' });
    assert.deepEqual(await pageOf(site, alice), [200, 'page of alice']);
});

test('answers to a signed-in user say private, whatever the application says', async (t) => {
    for (const headers of [{}, ...wishes]) {
        const site = await start(t, { headers, require: 'valid-user' });
        const alice = await loggedIn(site, 'alice', { back: '/other' });
        const page = await alice.get(site.url('/page'));
        assert.match(page.headers['cache-control'], /(^|, ?)private(,|$)/);
        for (const wish of (headers['cache-control'] ?? '').split(', ')) {
            assert.ok(page.headers['cache-control'].includes(wish), 'merged, not replaced');
        }
    }
});

test('over HTTP/2 the cache keeps people apart as well', async (t) => {
    const site = await start(t, {
        headers: wishes[0], require: 'all granted', tls: true, host: 'myapp.test',
        modules: ['http2'], more: 'Protocols h2 http/1.1',
    });
    const alice = await loggedIn(site, 'alice', { back: '/other' });
    const asAlice = await http2Request(site.url('/page'), { headers: { cookie: alice.cookies } });
    assert.equal(asAlice.body, 'page of alice');
    assert.equal((await http2Request(site.url('/page'))).body, 'page of nobody');
});
