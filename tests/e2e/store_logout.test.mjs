/*
 * The end of a session, on real stores: whoever asks for it, it is over on every httpd that
 * shares the store, and cookies that somebody kept are dead. What the audit log and the metrics
 * say of it is held against what was done.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { Browser, sleep, startSite } from './harness.mjs';
import { auditEvents } from './support/audit.mjs';
import { loginWithLiar, programRequest, sessionCookies } from './support/login_steps.mjs';
import { startMemcached } from './support/memcached.mjs';
import { metricsPage, openMetrics } from './support/metrics.mjs';
import { startRedis } from './support/redis.mjs';
import { startTwo, startWithStore, untilStatus } from './support/two_servers.mjs';

const back = '/tinyauth/backchannel-logout/pocketid';
const front = '/tinyauth/frontchannel-logout/pocketid';
const admin = '/admin/sessions';
const watched = ['TinyauthAuditLog logs/audit.log', metricsPage, '<Location "/admin">',
    '    SetHandler tinyauth-admin', '    AuthType Tinyauth', '    Require oauth-group admins',
    '</Location>'].join('\n');

function giveSids(op) {
    let count = 0;
    op.onIdToken = (claims) => {
        count += 1;
        op.lastSid = op.sids === false ? undefined : `sid ${count}`;
        return op.idToken({ ...claims, sid: op.lastSid });
    };
}

/* Somebody logged in at a URL: asks tells the statuses at others, by the browser and by a copy
   of each of its cookies. */
async function person(op, user, url, ...others) {
    const browser = new Browser();
    op.user = user;
    await loginWithLiar(browser, url);
    for (const other of others) {
        assert.equal((await browser.get(other)).status, 200);
    }
    const copies = sessionCookies(browser).map(({ name, value }) => `Cookie: ${name}=${value}`);
    const statuses = async () => {
        const all = [];
        for (const place of [url, ...others]) {
            all.push((await browser.fetch(place)).status);
            for (const copy of copies) {
                all.push((await programRequest(place, copy)).status);
            }
        }
        return all;
    };
    return {
        browser,
        sid: op.lastSid,
        isIn: async () => (await statuses()).includes(200),
        isOut: async () => (await statuses()).every((status) => status === 401),
    };
}

/* As a provider's server, or as a frame on its site: without any cookie. */
const order = (site, claims) => new Browser().post(
    site.url(back), { logout_token: site.op.logoutToken(claims) }, { navigation: false },
);
const frame = (site, sid) => new Browser().get(
    `${site.url(front)}?${new URLSearchParams({ iss: site.op.issuer, sid })}`,
    { headers: { 'sec-fetch-dest': 'iframe' } },
);

async function assertEnded(ended, others) {
    for (const [at, who] of ended.entries()) {
        assert.ok(await who.isOut(), `number ${at} is still in`);
    }
    for (const [at, who] of others.entries()) {
        assert.ok(await who.isIn(), `number ${at} is out`);
    }
}

const stores = {
    redis: async (t) => `redis:${(await startRedis(t)).address}`,
    'redis, as a user with few rights': async (t) => (
        `redis:${(await startRedis(t, { user: 'tinyauth' })).address}`
    ),
    memcache: async (t) => `memcache:${(await startMemcached(t)).address}`,
};

for (const [name, start] of Object.entries(stores)) {
    test(`${name}: a logout that reaches one httpd ends it on both`, async (t) => {
        const { first, second } = await startTwo(t, await start(t), {
            server: watched, site: { liar: {} },
        });
        const { op } = first;
        giveSids(op);
        const enter = (user) => person(op, user, second.url('/there'), first.url('/here'));
        const [one, two, three] = [await enter('alice'), await enter('alice'), await enter('alice')];
        const bob = await enter('bob');
        op.sids = false;
        const bare = await enter('alice');
        op.sids = undefined;

        assert.equal((await order(first, { sub: undefined, sid: one.sid })).status, 200);
        await assertEnded([one], [two, three, bare, bob]);
        /* bob's sid, with alice's name; and one that no login had, which is the bare one's */
        op.user = 'alice';
        assert.equal((await order(first, { sid: bob.sid })).status, 200);
        await assertEnded([bare], [two, three, bob]);
        assert.equal((await frame(first, 'sid of nobody')).status, 200);
        assert.equal((await frame(first, two.sid)).status, 200);
        await assertEnded([two], [three, bob]);
        const spent = op.logoutToken({ sid: three.sid });
        const send = () => new Browser().post(first.url(back), { logout_token: spent },
            { navigation: false });
        assert.equal((await send()).status, 200);
        await assertEnded([three], [bob]);
        const used = await send();
        assert.equal(used.json.reason, 'backchannel-used');
        const page = await bob.browser.get(second.url('/tinyauth/logout'));
        await bob.browser.submit(page, page.forms[0], {}, { follow: false });
        await assertEnded([bob], []);
        const [again, more] = [await enter('alice'), await enter('alice')];
        op.user = 'alice';
        assert.equal((await order(first)).status, 200);
        await assertEnded([again, more], []);
        /* the first second after it is over: a new login counts */
        await sleep(1100);
        await assertEnded([], [await enter('alice')]);

        /* one line and one count for each order; for who ended a store of this kind knows no name */
        const told = auditEvents({ httpd: first.httpd }, 'logout', ['by', 'user']);
        const expected = { 'back-channel': 4, 'front-channel': 1 };
        const metrics = await openMetrics(first);
        for (const [by, count] of Object.entries(expected)) {
            assert.equal(told.filter((line) => line.by === by).length, count, by);
            assert.equal(metrics.value('tinyauth_logouts_total', { by }), count, by);
        }
        assert.equal(metrics.value('tinyauth_refusals_total', { reason: 'backchannel-used' }), 1);
        assert.deepEqual(auditEvents({ httpd: second }, 'logout', ['by', 'user']),
            [{ by: 'user', user: 'bob' }]);
    });
}

const asJson = { navigation: false, headers: { accept: 'application/json' } };

async function administer(root, url) {
    const read = async () => (await root.get(url(admin), asJson)).json;
    const end = async (what) => {
        const { token } = await read();
        return (await root.post(url(admin), { token, ...what }, asJson)).json;
    };
    return { read, end };
}

test('redis: the administrator sees who is logged in at both, and ends it on both', async (t) => {
    const redis = await startRedis(t, { user: 'tinyauth' });
    const { first, second } = await startTwo(t, `redis:${redis.address}`, {
        server: watched, site: { liar: {} },
    });
    const { op } = first;
    giveSids(op);
    const enter = (user) => person(op, user, second.url('/there'), first.url('/here'));
    const root = await enter('alice');
    const people = [];
    for (let i = 0; i < 70; i += 1) {
        people.push(await enter(i < 3 ? 'bob' : 'carol'));
    }
    const { read, end } = await administer(root.browser, (path) => second.url(path));
    const { total, listable, sessions } = await read();
    assert.deepEqual([total, listable, sessions.length], [71, true, 71]);
    assert.ok(!JSON.stringify(sessions).includes(sessionCookies(root.browser)[0].value));
    const handle = sessions.find(({ user }) => user === 'bob');
    assert.deepEqual(await end({ end: handle.handle }), { ended: 1 });
    const bobs = await Promise.all(people.slice(0, 3).map((who) => who.isOut()));
    assert.equal(bobs.filter(Boolean).length, 1);
    await assertEnded([], [people[3], root]);
    const { handle: other } = (await read()).sessions.find(({ user }) => user === 'bob');
    assert.deepEqual(await end({ end_user: other }), { ended: -1 });
    await assertEnded(people.slice(0, 3), [people[3], root]);
    assert.deepEqual(await end({ end_user: other }), { ended: 0 });
    assert.deepEqual(await end({ end_all: 'yes' }), { ended: 68 });
    await assertEnded([people[3], people[69], root], []);

    const told = auditEvents({ httpd: second }, 'session-ended', ['by', 'user', 'sub']);
    assert.ok(told.every(({ by, user, sub }) => by === 'administrator' && user && sub));
    assert.equal(told.filter(({ user }) => user === 'bob').length, 2, 'one, and the rest at once');
    assert.equal(told.filter(({ user }) => user === 'carol').length, 67);
    assert.equal(told.length, 70);
    assert.equal((await openMetrics(second)).value('tinyauth_sessions_ended_total', {
        by: 'administrator',
    }), 70);
});

test('memcache: the page says what it cannot list, and ends nothing', async (t) => {
    const memcached = await startMemcached(t);
    const site = await startWithStore(t, `memcache:${memcached.address}`, {
        server: watched, site: { liar: {} },
    });
    const root = await person(site.op, 'alice', site.url('/'));
    const json = await root.browser.get(site.url(admin), asJson);
    assert.deepEqual(json.json, { listable: false, sessions: [] });
    const page = await root.browser.get(site.url(admin));
    assert.match(page.body, /cannot list its sessions/);
    assert.equal(page.forms.length, 0);
    await root.browser.post(site.url(admin), { end_all: 'yes' }, asJson);
    assert.ok(await root.isIn());
});

/* While httpd stops listening for a moment. */
async function patiently(send) {
    for (let i = 0; i < 50; i += 1) {
        const answer = await send().catch(() => undefined);
        if (answer) {
            return answer;
        }
        await sleep(50);
    }
    return assert.fail('httpd does not answer');
}

for (const mpm of ['event', 'prefork']) {
    test(`shm, ${mpm}: logouts of all kinds count in all processes, during reloads`, async (t) => {
        const site = await startSite(t, { liar: {}, mpm, require: 'valid-user', server: watched });
        const { op, httpd, url } = site;
        giveSids(op);
        const root = await person(op, 'alice', url('/'));
        const people = [];
        for (let i = 0; i < 24; i += 1) {
            people.push(await person(op, i < 12 ? 'bob' : 'carol', url('/')));
        }
        assert.ok(httpd.children().length > 1);
        const { end, read } = await administer(root.browser, url);
        const handles = (await read()).sessions.filter(({ user }) => user === 'carol')
            .map(({ handle }) => handle);
        op.user = 'bob';
        const tokens = people.slice(0, 6).map(({ sid }) => op.logoutToken({ sid }));
        const sendAll = async () => {
            for (let i = 0; i < 6; i += 1) {
                const token = { logout_token: tokens[i] };
                const done = await patiently(() => new Browser().post(url(back), token,
                    { navigation: false }));
                assert.ok(done.status === 200 || done.json.reason === 'backchannel-used');
                assert.equal((await patiently(() => frame(site, people[6 + i].sid))).status, 200);
                await patiently(() => end({ end: handles[i] }));
            }
        };
        const reloads = async () => {
            for (let i = 0; i < 3; i += 1) {
                await httpd.graceful();
            }
        };
        await Promise.all([sendAll(), reloads()]);
        await assertEnded(people.slice(0, 12), [root]);
        const out = await Promise.all(people.slice(12).map((who) => who.isOut()));
        assert.equal(out.filter(Boolean).length, 6);

        /* the reader of each: who, and by what */
        const count = (event, by, user) => auditEvents(site, event, ['by', 'user'])
            .filter((line) => line.by === by && line.user === user).length;
        const metrics = await openMetrics(site);
        const logouts = (by) => metrics.value('tinyauth_logouts_total', { by });
        assert.deepEqual([count('logout', 'back-channel', 'bob'), logouts('back-channel')], [6, 6]);
        assert.deepEqual([count('logout', 'front-channel', 'bob'), logouts('front-channel')], [6, 6]);
        assert.deepEqual([count('session-ended', 'administrator', 'carol'),
            metrics.value('tinyauth_sessions_ended_total', { by: 'administrator' })], [6, 6]);
        assert.equal(metrics.value('tinyauth_sessions'), 7);
    });
}

test('shmcb: orders by sid, by frame and by sub end what they name', async (t) => {
    const site = await startSite(t, {
        liar: {},
        require: 'valid-user',
        server: 'TinyauthSessionStore shmcb:run/sessions(2097152)',
        modules: ['socache_shmcb'],
    });
    const { op, url } = site;
    giveSids(op);
    const root = await person(op, 'alice', url('/'));
    const [first, second, third] = [
        await person(op, 'bob', url('/')), await person(op, 'bob', url('/')),
        await person(op, 'bob', url('/')),
    ];
    op.user = 'bob';
    assert.equal((await order(site, { sid: first.sid })).status, 200);
    await assertEnded([first], [second, third, root]);
    assert.equal((await frame(site, second.sid)).status, 200);
    await assertEnded([first, second], [third, root]);
    assert.equal((await order(site)).status, 200);
    await assertEnded([first, second, third], [root]);
});

test('refused orders are counted with their reason', async (t) => {
    const site = await startSite(t, { liar: {}, require: 'valid-user', server: watched });
    const { op, url, httpd } = site;
    httpd.expectErrors(/TA0500/);
    const root = await person(op, 'alice', url('/'));
    await order(site, { nonce: 'n' });
    await order(site, { aud: 'another' });
    await frame(site, '');
    await root.browser.post(url(admin), { token: 'x', end_all: 'yes' }, asJson);
    const metrics = await openMetrics(site);
    for (const reason of ['backchannel-token', 'id-token-audience', 'request-malformed',
        'logout-token']) {
        assert.equal(metrics.value('tinyauth_refusals_total', { reason }), 1, reason);
    }
    assert.equal(metrics.value('tinyauth_logouts_total'), 0);
    assert.ok(await root.isIn());
});

test('redis: an order that came while the server was away may come again', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`, { site: { liar: {} } });
    const { op, url, httpd } = site;
    httpd.expectErrors(/TA04\d\d/, /TA0500/, /TA0012/);
    const alice = await person(op, 'alice', url('/'));
    const token = { logout_token: op.logoutToken() };
    const send = () => new Browser().post(url(back), token, { navigation: false });
    redis.halt();
    const failed = await send();
    redis.resume();
    assert.equal(failed.status, 400);
    assert.equal(failed.json.error, 'temporarily_unavailable');
    await untilStatus(alice.browser, url('/'), 200);
    /* each process finds out for itself that the server is back */
    let again = await send();
    for (let i = 0; /store-unavailable/.test(again.body) && i < 100; i += 1) {
        await sleep(100);
        again = await send();
    }
    assert.equal(again.status, 200, again.body);
    for (let i = 0; !(await alice.isOut()) && i < 100; i += 1) {
        assert.ok(!(await alice.isIn()), 'one process lets her in');
        await sleep(100);
    }
    assert.ok(await alice.isOut());
});

/* Many requests over connections that stay open; returns how often each status came. */
async function askMany(origin, paths) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    const counts = {};
    const queue = [...paths];
    const ask = (path) => new Promise((resolve, reject) => {
        http.get(origin + path, { agent }, (answer) => {
            answer.resume().on('end', () => resolve(answer.statusCode));
        }).on('error', reject);
    });
    await Promise.all(Array.from({ length: 16 }, async () => {
        for (let path = queue.pop(); path; path = queue.pop()) {
            const status = await ask(path);
            counts[status] = (counts[status] ?? 0) + 1;
        }
    }));
    agent.destroy();
    return counts;
}

const madeUp = (op, from, count) => Array.from({ length: count }, (_, i) => (
    `${front}?${new URLSearchParams({ iss: op.issuer, sid: `made up ${from + i}` })}`
));

/* The later half takes no longer than the first, but for what else the machine does. */
function assertFlat(times) {
    const sum = (part) => part.reduce((total, ms) => total + ms, 0);
    const half = times.length / 2;
    assert.ok(sum(times.slice(half)) < 4 * sum(times.slice(0, half)), `ms: ${times.join(' ')}`);
}

/* Keys of the server, and its memory without that of connections. */
async function sizeOf(redis) {
    const [, used] = /used_memory_dataset:(\d+)/.exec(await redis.ask('INFO', 'memory'));
    return { keys: await redis.ask('DBSIZE'), memory: Number(used) };
}

test('redis: 10,000 sids that somebody made up leave nothing behind', async (t) => {
    const redis = await startRedis(t);
    const site = await startWithStore(t, `redis:${redis.address}`, { site: { liar: {} } });
    const { op, url } = site;
    giveSids(op);
    const alice = await person(op, 'alice', url('/'));
    const origin = site.origin;
    assert.deepEqual(await askMany(origin, madeUp(op, 0, 500)), { 200: 500 });
    const before = await sizeOf(redis);
    const times = [];
    for (let i = 0; i < 10; i += 1) {
        const began = Date.now();
        assert.deepEqual(await askMany(origin, madeUp(op, 1000 * (i + 1), 1000)), { 200: 1000 });
        times.push(Date.now() - began);
    }
    const after = await sizeOf(redis);
    t.diagnostic(`${JSON.stringify({ before, after })}, ms for each 1,000: ${times.join(' ')}`);
    assert.equal(after.keys, before.keys);
    /* with a stamp for each it would be two million bytes */
    assert.ok(after.memory - before.memory < 200000, JSON.stringify({ before, after }));
    assertFlat(times);
    assert.ok(await alice.isIn());
    assert.equal((await frame(site, alice.sid)).status, 200);
    assert.ok(await alice.isOut());
});

test('shm: 10,000 of them are refused, but for what the browser itself proves', async (t) => {
    const site = await startSite(t, { liar: {}, require: 'valid-user', server: metricsPage });
    const { op, url, origin } = site;
    giveSids(op);
    const [alice, bob] = [await person(op, 'alice', url('/')), await person(op, 'bob', url('/'))];
    const times = [];
    let refused = 0;
    for (let i = 0; i < 10; i += 1) {
        const began = Date.now();
        const counts = await askMany(origin, madeUp(op, 1000 * i, 1000));
        times.push(Date.now() - began);
        assert.equal((counts[200] ?? 0) + (counts[503] ?? 0), 1000, JSON.stringify(counts));
        refused += counts[503] ?? 0;
    }
    t.diagnostic(`${refused} refused, ms for each 1,000: ${times.join(' ')}`);
    assert.ok(refused > 5000, `${refused} refused`);
    assertFlat(times);
    /* on the provider's own site the browser sends our cookie along */
    const flood = askMany(origin, madeUp(op, 20000, 1000));
    const own = new URLSearchParams({ iss: op.issuer, sid: alice.sid });
    const done = await alice.browser.get(`${url(front)}?${own}`,
        { headers: { 'sec-fetch-dest': 'iframe' } });
    await flood;
    assert.equal(done.status, 200);
    assert.ok(await alice.isOut());
    const metrics = await openMetrics(site);
    assert.ok(metrics.value('tinyauth_refusals_total', { reason: 'store-unavailable' }) >= refused);
    await sleep(1100);
    assert.equal((await frame(site, bob.sid)).status, 200);
    assert.ok(await bob.isOut());
});
