/*
 * Refresh tokens that rotate: each is used once, whatever happens. Many requests at a time, an
 * endpoint that takes its time or says nothing, and a child that dies in the middle. And the
 * hosts that share a login: each of them asks, with the login's tokens.
 */
import test, { suite } from 'node:test';
import assert from 'node:assert/strict';
import { Browser, providerSection, protectedLocation, sleep } from './harness.mjs';
import { loginAt } from './support/login.mjs';
import { describe } from './support/login_steps.mjs';
import {
    enter, inOneRound, interval, longInterval, refreshTokensSentTo, roundIsOver, startShortSite,
    statusNextRound, statusNow,
} from './support/revalidation.mjs';

function assertEachOnce(tokens) {
    assert.equal(new Set(tokens).size, tokens.length, 'a refresh token was sent twice');
}

test('many requests at a time refresh exactly once, and all are let in', async (t) => {
    for (const mpm of ['event', 'prefork']) {
        const site = await startShortSite(t, { mpm, server: longInterval });
        const alice = await enter(site);
        for (let round = 1; round <= 2; round += 1) {
            const statuses = await inOneRound(site.op, () => Promise.all(
                Array.from({ length: 12 }, () => statusNow(site, alice)),
            ));
            assert.deepEqual(statuses, Array(12).fill(200));
            assert.equal(site.op.requests.count('token'), 1, mpm);
        }
        assert.deepEqual(site.op.refusals, []);
    }
});

test('each round uses the refresh token of the round before', async (t) => {
    const site = await startShortSite(t, { liar: {} });
    const alice = await enter(site);
    const given = [site.op.lastLogin.refreshToken];
    for (let round = 0; round < 4; round += 1) {
        assert.equal(await statusNextRound(site, alice), 200);
        given.push(site.op.lastLogin.refreshToken);
    }
    assert.deepEqual(refreshTokensSentTo(site.op), given.slice(0, 4));
    assert.deepEqual(site.op.problems, []);
});

test('a provider that does not rotate is sent the same token, and one without ID tokens serves',
    async (t) => {
        const site = await startShortSite(t, { liar: {} });
        const alice = await enter(site);
        const first = site.op.lastLogin.refreshToken;
        site.op.onToken = (form, body) => {
            setTimeout(() => site.op.refreshTokens.set(first, site.op.lastLogin));
            return { ...body, refresh_token: undefined, id_token: undefined };
        };
        for (let round = 0; round < 3; round += 1) {
            assert.equal(await statusNextRound(site, alice), 200);
        }
        assert.deepEqual(refreshTokensSentTo(site.op), [first, first, first]);
        assert.deepEqual(site.op.problems, []);
    });

/* One request waits for the provider; the others of the same person are answered at once. */
async function assertOthersGoOn(site, browser) {
    await roundIsOver();
    const waiting = statusNow(site, browser, '/waiting');
    await sleep(300);
    let isAnswered = false;
    waiting.then(() => { isAnswered = true; }, () => {});
    for (let i = 0; i < 5; i += 1) {
        assert.equal(await statusNow(site, browser), 200);
    }
    assert.ok(!isAnswered, 'the others had to wait');
    assert.equal(await waiting, 200);
}

async function slowEndpoint(t) {
    const site = await startShortSite(t, { liar: {} });
    const alice = await enter(site);
    site.op.onToken = async () => { await sleep(8000); };
    site.op.claims().groups.push('late');
    await assertOthersGoOn(site, alice);
    assert.equal(refreshTokensSentTo(site.op).length, 1);
    site.op.behave();
    const page = await alice.fetch(site.url('/'));
    assert.match(page.json.headers['remote-groups'], /late/);
    assert.equal(await statusNextRound(site, alice), 200);
    assert.ok(refreshTokensSentTo(site.op).length > 1);
    assertEachOnce(refreshTokensSentTo(site.op));
    assert.deepEqual(site.op.problems, []);
}

async function silentEndpoint(t) {
    const site = await startShortSite(t, { liar: {} });
    const alice = await enter(site);
    site.op.onToken = () => ({ hang: true });
    await assertOthersGoOn(site, alice);
    assert.equal(refreshTokensSentTo(site.op).length, 1);
    assert.equal(site.httpd.log(/TA0071: .*timeout/).length, 1);
    assert.equal(await statusNow(site, alice), 200);
}

/* A child is killed while the provider holds the answer to its refresh: the token is spent, and
   the access token before it ended. When the lease is over somebody else asks. */
async function killedChild(t) {
    const site = await startShortSite(t, { liar: {} });
    const { httpd, op } = site;
    httpd.expectErrors(/exit signal Killed/);
    const alice = await enter(site);
    op.onToken = () => ({ hang: true });
    await roundIsOver();
    const lost = statusNow(site, alice).catch(() => 'lost');
    while (refreshTokensSentTo(op).length === 0) {
        await sleep(50);
    }
    const began = Date.now();
    for (const pid of httpd.children()) {
        process.kill(pid, 'SIGKILL');
    }
    assert.equal(await lost, 'lost');
    op.behave();
    await sleep(2000);
    assert.equal(await statusNow(site, alice), 200);
    assert.equal(op.requests.count('userinfo'), 0);
    await sleep(62000 - (Date.now() - began));
    const page = await alice.get(site.url('/'));
    assert.equal(page.status, 200, describe(page));
    assert.ok(page.chain.length > 1 && page.chain.slice(0, -1).every(({ location }) => location));
    assert.equal(refreshTokensSentTo(op).length, 1);
    assert.deepEqual(op.problems, []);
}

/* They mostly wait, so they wait together. */
suite('an answer that does not come', { concurrency: true }, () => {
    test('at once: one request waits for it, the others go on', slowEndpoint);
    test('at all: the session goes on', silentEndpoint);
    test('because the child was killed: no refresh token is ever sent twice', killedChild);
});

/* A login host, and an application on a host of its own. */
async function startTwoHosts(t, provider) {
    const site = await startShortSite(t, {
        tls: true,
        host: 'login.test',
        provider,
        write: ({ server, op, backend }) => [
            providerSection(op),
            `TinyauthAppURL ${server.origin}`,
            interval,
            `<VirtualHost *:${server.port}>\nServerName login.test\nSSLEngine on`,
            '</VirtualHost>',
            `<VirtualHost *:${server.port}>\nServerName myapp.test\nSSLEngine on`,
            `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/'),
            '</VirtualHost>',
        ].join('\n'),
    });
    const app = (path = '/') => `https://myapp.test:${site.httpd.port}${path}`;
    const alice = new Browser();
    const page = await loginAt(alice, app(), 'alice');
    assert.equal(page.status, 200, describe(page));
    site.op.requests.clear();
    return { site, alice, app };
}

test('the session of a second host is asked about with the login\'s tokens', async (t) => {
    const { site, alice, app } = await startTwoHosts(t);
    await roundIsOver();
    assert.equal((await alice.fetch(app())).status, 200);
    assert.equal(site.op.requests.count('token'), 1);
    site.op.setUser('alice', { groups: [] });
    await roundIsOver();
    assert.equal((await alice.fetch(app())).status, 403);
    site.op.setUser('alice', { disabled: true });
    await roundIsOver();
    assert.equal((await alice.fetch(app())).status, 401);
    assert.deepEqual(site.op.errors, []);
});

test('with no token left a second host passes by login host and provider, without a page',
    async (t) => {
        const { site, alice, app } = await startTwoHosts(t, {
            refreshTokens: false, accessTokenSeconds: 1,
        });
        await roundIsOver();
        await roundIsOver();
        site.op.setUser('alice', { groups: ['admins', 'new'] });
        assert.equal((await alice.fetch(app())).status, 200);
        const page = await alice.get(app('/deep/page?a=1'));
        assert.equal(page.status, 200, describe(page));
        assert.equal(page.url, app('/deep/page?a=1'));
        assert.ok(page.chain.slice(0, -1).every(({ location }) => location), describe(page));
        assert.ok(page.chain.some(({ url }) => url.startsWith(`${site.op.url}/authorize`)));
        assert.equal(page.json.headers['remote-groups'], 'admins,new');
    });
