/*
 * A Redis server that dies, comes back, is halted, refuses, or was never there: 503 within a
 * second, nobody signed in or out on a guess, and everything goes on afterwards.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { loginAt, Browser, freePort } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { startRedis } from './support/redis.mjs';
import { startSilent, temporaryFolder } from './support/store_servers.mjs';
import { assertAway, startWithStore, statusAt, untilStatus } from './support/two_servers.mjs';

test('a server that is killed and started again', async (t) => {
    const redis = await startRedis(t, { port: await freePort() });
    const site = await startWithStore(t, `redis:${redis.address}`);
    const browser = await loggedIn(site);
    const dump = await redis.ask('KEYS', '*');
    assert.ok(dump.length > 0);
    site.httpd.expectErrors(/TA0401/, /TA0012/);
    await redis.kill();
    for (let i = 0; i < 3; i += 1) {
        await assertAway(browser, site.url('/x'));
    }
    assert.equal(site.httpd.log(/TA0401/).length <= site.httpd.children().length, true,
        'not a line per request');
    await redis.start();
    /* its memory was lost with it: a login is asked for, and works at once */
    assert.equal((await statusAt(browser, site.url('/x'))).status, 401);
    assert.equal((await loginAt(new Browser(), site.url('/x'), 'alice')).status, 200);
    await site.httpd.waitForLog(/TA0400/);
});

test('connections that died while they lay idle are not noticed', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`);
    const browser = await loggedIn(site);
    for (let i = 0; i < 5; i += 1) {
        assert.equal((await statusAt(browser, site.url('/x'))).status, 200);
        await redis.ask('CLIENT', 'KILL', 'TYPE', 'normal');
    }
    assert.equal((await statusAt(browser, site.url('/x'))).status, 200);
});

test('a server that is halted, and goes on', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`);
    const browser = await loggedIn(site);
    site.httpd.expectErrors(/TA0402/, /TA0012/);
    redis.halt();
    t.after(() => redis.resume());
    const all = await Promise.all(Array.from({ length: 20 }, () => (
        statusAt(browser, site.url('/x'))
    )));
    assert.deepEqual([...new Set(all.map(({ status }) => status))], [503]);
    assert.ok(Math.max(...all.map(({ seconds }) => seconds)) < 2, 'nobody hangs');
    await assertAway(browser, site.url('/x'));
    redis.resume();
    await untilStatus(browser, site.url('/x'), 200, 3);
});

test('wrong addresses: nobody there, nobody who answers, no such host', async (t) => {
    const silent = await startSilent(t);
    const cases = [
        [`redis:127.0.0.1:${await freePort()}`, /TA0401: .*cannot be reached: no connection/],
        [`redis:127.0.0.1:${silent}`, /TA0402: .*does not answer within 500 ms/],
        ['redis:no-such-host.invalid', /TA040[12]: .*(no such host|where the host is)/],
        ['redis:/nonexistent/redis.sock', /TA0401: .*cannot be reached/],
    ];
    for (const [store, expected] of cases) {
        const site = await startWithStore(t, store);
        site.httpd.expectErrors(/TA040[12]/, /TA0012/);
        const browser = new Browser();
        browser.jar.set(`tinyauth-${site.httpd.port}=${'A'.repeat(43)}; Path=/`, site.origin);
        await assertAway(browser, site.url('/x'));
        assert.match(site.httpd.log(), expected, store);
    }
});

test('what the server refuses is said once, with what to do', async (t) => {
    const redis = await startRedis(t, { user: 'tinyauth' });
    const dir = temporaryFolder(t);
    const wrong = path.join(dir, 'wrong');
    fs.writeFileSync(wrong, 'not the password\n', { mode: 0o600 });
    const cases = [
        [`redis:localhost:${redis.port},user=tinyauth,password-file=${wrong}`, /TA0404: .*WRONGPASS/],
        [`redis:localhost:${redis.port}`, /TA0404: .*NOAUTH/],
        [`redis:${redis.address},db=99`, /TA0404: .*(DB index|NOPERM)/],
        [`redis:${redis.address},prefix=other:`, /TA0404: .*NOPERM/],
    ];
    for (const [store, expected] of cases) {
        const site = await startWithStore(t, store, {
            site: undefined, server: 'StartServers 1\nServerLimit 1\nMaxRequestWorkers 16',
        });
        site.httpd.expectErrors(/TA0404/, /TA0012/);
        const browser = new Browser();
        browser.jar.set(`tinyauth-${site.httpd.port}=${'A'.repeat(43)}; Path=/`, site.origin);
        await assertAway(browser, site.url('/x'));
        await assertAway(browser, site.url('/x'));
        assert.match(site.httpd.log(), expected, store);
        assert.equal(site.httpd.log(/TA0404/).length, 1, store);
        assert.equal(site.httpd.log(/TA0400/).length, 0, store);
    }
});

test('a server that is full takes no login, and keeps those that are there', async (t) => {
    const redis = await startRedis(t, { config: ['--maxmemory-policy', 'noeviction'] });
    const site = await startWithStore(t, `redis:${redis.address}`);
    const browser = await loggedIn(site);
    await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
    site.httpd.expectErrors(/TA0405/, /TA\d+.*store/);
    const page = await loginAt(new Browser(), site.url('/x'), 'bob');
    assert.equal(page.status, 503, page.body);
    assert.match(site.httpd.log(), /TA0405: store .* is full/);
    assert.equal((await statusAt(browser, site.url('/x'))).status, 200);
});

test('a replica takes no login', async (t) => {
    const main = await startRedis(t);
    const replica = await startRedis(t, { config: ['--replicaof', `127.0.0.1 ${main.port}`] });
    const site = await startWithStore(t, `redis:${replica.address}`);
    site.httpd.expectErrors(/TA040[46]/, /TA\d+.*store/);
    const page = await loginAt(new Browser(), site.url('/x'), 'bob');
    assert.equal(page.status, 503, page.body);
    assert.match(site.httpd.log(), /TA0406: store .* takes no changes: .*READONLY/);
});

test('TLS: a certificate that is not to be trusted, and a server that speaks none', async (t) => {
    const secure = await startRedis(t, { tls: true });
    const plain = await startRedis(t);
    const cases = [
        [`redis:localhost:${secure.port},tls`, /TA0403: .*is not trusted: .*certificate/],
        [`redis:${secure.address.replace('localhost', '127.0.0.2')}`, /TA040[13]/],
        [`redis:localhost:${plain.port},tls`, /TA040[123]/],
        [`redis:localhost:${secure.port}`, /TA040[127]/],
    ];
    for (const [store, expected] of cases) {
        const site = await startWithStore(t, store);
        site.httpd.expectErrors(/TA040[1237]/, /TA0012/);
        const browser = new Browser();
        browser.jar.set(`tinyauth-${site.httpd.port}=${'A'.repeat(43)}; Path=/`, site.origin);
        await assertAway(browser, site.url('/x'));
        assert.match(site.httpd.log(), expected, store);
    }
});
