/*
 * Sessions in a real memcached that two httpds share, and what happens while it is away.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, configTest, freePort, loginAt } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { startMemcached } from './support/memcached.mjs';
import { inOneRound, longInterval } from './support/revalidation.mjs';
import { startSilent } from './support/store_servers.mjs';
import { assertTellsNothing } from './support/store_contents.mjs';
import {
    assertAway, secretFile, startTwo, startWithStore, statusAt, storeLines, untilStatus,
} from './support/two_servers.mjs';

test('two httpds share one login, and its end', async (t) => {
    const memcached = await startMemcached(t);
    const { first, second } = await startTwo(t, `memcache:${memcached.address}`);
    const browser = new Browser();
    const page = await loginAt(browser, second.url('/there'), 'alice');
    assert.equal(page.json.headers['remote-user'], 'alice');
    assert.equal((await statusAt(browser, first.url('/here'))).status, 200);
    const logout = await browser.get(first.url('/tinyauth/logout'));
    await browser.submit(logout, logout.forms[0]);
    assert.equal((await statusAt(browser, first.url('/here'))).status, 401);
    assert.equal((await statusAt(browser, second.url('/there'))).status, 401);
});

test('of many requests at both httpds one asks the provider again', async (t) => {
    const memcached = await startMemcached(t);
    const { first, second } = await startTwo(
        t, `memcache:${memcached.address}`, { server: longInterval },
    );
    const browser = new Browser();
    await loginAt(browser, second.url('/there'), 'alice');
    for (let round = 1; round <= 3; round += 1) {
        const all = await inOneRound(first.op, () => Promise.all(
            Array.from({ length: 20 }, (_, i) => (
                statusAt(browser, i % 2 ? first.url('/here') : second.url('/there'))
            )),
        ));
        assert.deepEqual([...new Set(all.map(({ status }) => status))], [200]);
        assert.equal(first.op.requests.count('token'), 1);
    }
    assert.deepEqual(first.op.refusals, []);
});

/* It reads the time as a signed number of 32 bits: what ends after January 2038 it would refuse. */
test('sessions that may last beyond 2038', async (t) => {
    const memcached = await startMemcached(t);
    const server = 'TinyauthSessionExpiry 2147483647\nTinyauthSessionMaxLifetime 2147483647';
    const { first, second } = await startTwo(t, `memcache:${memcached.address}`, { server });
    const browser = new Browser();
    await loginAt(browser, second.url('/there'), 'alice');
    assert.equal((await statusAt(browser, first.url('/here'))).status, 200);
    assert.equal((await statusAt(browser, second.url('/there'))).status, 200);
});

test('what lies in the server tells nothing', async (t) => {
    const memcached = await startMemcached(t);
    const { first, second } = await startTwo(t, `memcache:${memcached.address}`);
    const browser = new Browser();
    await loginAt(browser, second.url('/there'), 'alice');
    assertTellsNothing(await memcached.dump(), browser, first.op);
});

test('a server that is killed and started again', async (t) => {
    const memcached = await startMemcached(t);
    const site = await startWithStore(t, `memcache:${memcached.address}`);
    const browser = await loggedIn(site);
    site.httpd.expectErrors(/TA0401/, /TA0012/);
    await memcached.kill();
    for (let i = 0; i < 3; i += 1) {
        await assertAway(browser, site.url('/x'));
    }
    await memcached.start();
    assert.equal((await statusAt(browser, site.url('/x'))).status, 401);
    assert.equal((await loginAt(new Browser(), site.url('/x'), 'alice')).status, 200);
});

test('a server that is halted, and goes on', async (t) => {
    const memcached = await startMemcached(t);
    const site = await startWithStore(t, `memcache:${memcached.address}`);
    const browser = await loggedIn(site);
    site.httpd.expectErrors(/TA0402/, /TA0012/);
    memcached.halt();
    t.after(() => memcached.resume());
    const all = await Promise.all(Array.from({ length: 20 }, () => (
        statusAt(browser, site.url('/x'))
    )));
    assert.deepEqual([...new Set(all.map(({ status }) => status))], [503]);
    assert.ok(Math.max(...all.map(({ seconds }) => seconds)) < 2, 'nobody hangs');
    await assertAway(browser, site.url('/x'));
    memcached.resume();
    await untilStatus(browser, site.url('/x'), 200, 3);
});

test('wrong addresses: nobody there, and nobody who answers', async (t) => {
    const silent = await startSilent(t);
    const cases = [
        [`memcache:127.0.0.1:${await freePort()}`, /TA0401: .*cannot be reached/],
        [`memcache:127.0.0.1:${silent}`, /TA0402: .*does not answer within 500 ms/],
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

test('httpd -t finds what is wrong with the store', async () => {
    const section = '<TinyauthProvider x>\nTinyauthIssuer https://id.test\nTinyauthClientID x\n'
        + 'TinyauthClientSecret xxxxxxxx\n</TinyauthProvider>';
    for (const [store, expected] of [
        ['memcache:', /is not a server/],
        ['memcache:a:11211,b:11211', /there is no option "b:11211"; there are timeout=/],
        ['memcache:localhost,tls', /there is no option "tls"/],
    ]) {
        const { code, stderr } = await configTest(
            (server) => `${section}\n${storeLines(server, store)}`, { files: secretFile },
        );
        assert.notEqual(code, 0, store);
        assert.match(stderr, expected, store);
    }
    const without = await configTest(`${section}\nTinyauthSessionStore memcache:localhost`);
    assert.match(without.stderr, /write TinyauthSecretFile, the same on all of them/);
    assert.notEqual(without.code, 0);
});
