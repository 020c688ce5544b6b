/*
 * Sessions in a real Redis server that two httpds share: one login for both, sealed, one round
 * trip per request.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, configTest, loginAt } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { startRedis } from './support/redis.mjs';
import { inOneRound, longInterval } from './support/revalidation.mjs';
import { assertTellsNothing } from './support/store_contents.mjs';
import {
    secretFile, startTwo, startWithStore, statusAt, storeLines, untilStatus,
} from './support/two_servers.mjs';

const ways = {
    'as plain text': {},
    'by TLS': { tls: true },
    'by a socket': { socket: true },
    'as a user with few rights': { user: 'tinyauth' },
};

for (const [way, options] of Object.entries(ways)) {
    test(`two httpds share one login ${way}, and its end`, async (t) => {
        const redis = await startRedis(t, options);
        const { first, second } = await startTwo(t, `redis:${redis.address}`);
        const browser = new Browser();
        const page = await loginAt(browser, second.url('/there'), 'alice');
        assert.equal(page.json.headers['remote-user'], 'alice');
        assert.equal((await statusAt(browser, first.url('/here'))).status, 200);
        const logout = await browser.get(first.url('/tinyauth/logout'));
        await browser.submit(logout, logout.forms[0]);
        assert.equal((await statusAt(browser, first.url('/here'))).status, 401);
        assert.equal((await statusAt(browser, second.url('/there'))).status, 401);
    });
}

test('one round trip per request, for a login and for a further host', async (t) => {
    const redis = await startRedis(t);
    const { first, second } = await startTwo(t, `redis:${redis.address}`);
    const browser = new Browser();
    await loginAt(browser, second.url('/there'), 'alice');
    for (const url of [first.url('/here'), second.url('/there')]) {
        assert.equal((await statusAt(browser, url)).status, 200);
        const commands = await redis.monitor(async () => {
            for (let i = 0; i < 10; i += 1) {
                assert.equal((await statusAt(browser, url)).status, 200);
            }
        });
        assert.equal(commands.length, 10, commands.join('\n'));
        assert.ok(commands.every((line) => /^"EVALSHA"/i.test(line)), commands.join('\n'));
    }
});

test('of many requests at both httpds one asks the provider again', async (t) => {
    const redis = await startRedis(t);
    const { first, second } = await startTwo(t, `redis:${redis.address}`, { server: longInterval });
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

test('a server that was started anew knows no scripts, and gets them', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`);
    const browser = await loggedIn(site);
    await redis.ask('SCRIPT', 'FLUSH');
    assert.equal((await statusAt(browser, site.url('/x'))).status, 200);
});

test('what lies in the server tells nothing', async (t) => {
    const redis = await startRedis(t);
    const { first, second } = await startTwo(t, `redis:${redis.address}`);
    const browser = new Browser();
    await loginAt(browser, second.url('/there'), 'alice');
    assertTellsNothing(await redis.dump(), browser, first.op);
});

test('records expire in the server by themselves', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`, {
        server: 'TinyauthSessionExpiry 100',
    });
    await loggedIn(site);
    const names = await redis.ask('KEYS', '*');
    assert.ok(names.some((name) => /^tinyauth:r:[0-9a-f]{64}$/.test(name)), names.join(' '));
    for (const name of names) {
        const left = await redis.ask('TTL', name);
        const most = name.startsWith('tinyauth:c:') ? 900 : 700;
        assert.ok(left > 0 && left <= most, `${name}: ${left} s`);
    }
});

test('a changed or exchanged record is nobody\'s', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`);
    const alice = await loggedIn(site, 'alice');
    const [hers] = await redis.ask('KEYS', 'tinyauth:r:*');
    await loggedIn(site, 'bob');
    const his = (await redis.ask('KEYS', 'tinyauth:r:*')).find((name) => name !== hers);
    await redis.ask('COPY', hers, 'kept');
    await redis.ask('COPY', his, hers, 'REPLACE');
    assert.equal((await statusAt(alice, site.url('/x'))).status, 401);
    for (const at of [4, 10, 60, 120, 170, 400]) {
        await redis.ask('COPY', 'kept', hers, 'REPLACE');
        await redis.ask('SETRANGE', hers, String(at), '~');
        assert.equal((await statusAt(alice, site.url('/x'))).status, 401, `byte ${at}`);
    }
    await redis.ask('COPY', 'kept', hers, 'REPLACE');
    assert.equal((await statusAt(alice, site.url('/x'))).status, 200, 'mended');
});

test('another secret finds no session, and does no harm', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`);
    const browser = await loggedIn(site);
    const other = await startWithStore(t, `redis:${redis.address}`, {
        site: { files: { 'run/secret': { text: 'quite another secret, as long\n', mode: 0o600 } } },
    }).catch((error) => error);
    assert.ok(other instanceof Error || other.httpd, 'too short, or started');
    await untilStatus(browser, site.url('/x'), 200);
});

const mistakes = [
    ['redis:', /is not a server/],
    ['redis:[::1', /is not a server/],
    ['redis:::1', /is not a server/],
    ['redis:localhost:0', /the port must be a number from 1 to 65535/],
    ['redis:localhost:x', /the port must be a number/],
    ['redis:localhost,tls=1', /option "tls" takes no value/],
    ['redis:localhost,sentinel', /there is no option "sentinel"; there are tls, ca=file/],
    ['redis:localhost,db=x', /option "db" must be a number/],
    ['redis:localhost,timeout=5000', /option "timeout" must be a number from 10 to 900/],
    ['redis:localhost,password-file=/nonexistent', /option "password-file" names \/nonexistent/],
    ['redis:localhost,tls,ca=/nonexistent', /option "ca" names \/nonexistent/],
    ['redis:localhost,ca=/dev/null', /ca= needs tls/],
    ['redis:localhost,user=me', /user= needs password-file=/],
    ['redis:localhost,prefix=a*b', /option "prefix" must be letters/],
    ['redis:/run/redis.sock,tls', /tls is for a host/],
];

test('httpd -t finds what is wrong with the store', async () => {
    const section = '<TinyauthProvider x>\nTinyauthIssuer https://id.test\nTinyauthClientID x\n'
        + 'TinyauthClientSecret xxxxxxxx\n</TinyauthProvider>';
    for (const [store, expected] of mistakes) {
        const { code, stderr } = await configTest(
            (server) => `${section}\n${storeLines(server, store)}`, { files: secretFile },
        );
        assert.notEqual(code, 0, store);
        assert.match(stderr, expected, store);
        assert.match(stderr, /TA0130: .*:\d+: TinyauthSessionStore/, store);
    }
    const without = await configTest(`${section}\nTinyauthSessionStore redis:localhost`);
    assert.notEqual(without.code, 0);
    assert.match(without.stderr, /write TinyauthSecretFile, the same on all of them/);
    const right = await configTest(
        (server) => `${section}\n${storeLines(server, 'redis:[::1]:6380,db=3,timeout=300,prefix=a:')}`,
        { files: secretFile },
    );
    assert.equal(right.code, 0, right.stderr);
});
