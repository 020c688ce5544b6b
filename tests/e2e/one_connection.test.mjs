/*
 * Many requests on one connection: what it remembers of a session makes the next request cheaper,
 * and never somebody else's, nor good for longer than the session. A proxy sends the requests of
 * several people on one connection.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import {
    protectedLocation, providerSection, rawRequest, sleep, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { interval, roundIsOver } from './support/revalidation.mjs';

const stores = { shm: '', shmcb: 'TinyauthSessionStore shmcb:logs/sessions(512000)' };

/* A client with one connection, which it keeps: get(path, cookie) → { status, user, groups }. */
function connect(t, origin) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set();
    t.after(() => agent.destroy());
    const get = async (path, cookie) => {
        const request = http.get(origin + path, { agent, headers: { cookie } });
        request.on('socket', (socket) => sockets.add(socket));
        const [answer] = await once(request, 'response');
        const body = (await answer.toArray()).join('');
        const seen = answer.statusCode === 200 ? JSON.parse(body).headers : {};
        return {
            status: answer.statusCode, user: seen['remote-user'], groups: seen['remote-groups'],
        };
    };
    return { get, connections: () => sockets.size };
}

for (const [name, server] of Object.entries(stores)) {
    test(`${name}: each cookie is its own, in any order`, async (t) => {
        const site = await startSite(t, { server, require: 'valid-user' });
        const [alice, bob] = [await loggedIn(site, 'alice'), await loggedIn(site, 'bob')];
        const { get, connections } = connect(t, site.origin);
        const people = [['alice', alice.cookies], ['bob', bob.cookies]];
        for (const i of [0, 0, 1, 1, 0, 1, 0, 0]) {
            const [user, cookie] = people[i];
            assert.equal((await get('/', cookie)).user, user);
            assert.equal((await get('/', `${cookie.slice(0, -1)}!`)).status, 401);
            assert.equal((await get('/', 'other=1')).status, 401);
        }
        assert.equal(connections(), 1);
    });

    test(`${name}: a session that ends elsewhere ends here, too`, async (t) => {
        const site = await startSite(t, { server });
        const alice = await loggedIn(site, 'alice');
        const { get, connections } = connect(t, site.origin);
        for (let i = 0; i < 3; i += 1) {
            assert.equal((await get('/', alice.cookies)).user, 'alice');
        }
        const { cookies } = alice;
        const asked = await alice.get(site.url('/tinyauth/logout'));
        await alice.submit(asked, asked.forms.find(({ method }) => method === 'POST'));
        assert.equal((await get('/', cookies)).status, 401);
        const again = await loggedIn(site, 'alice');
        assert.equal((await get('/', again.cookies)).user, 'alice');
        assert.equal((await get('/', cookies)).status, 401);
        assert.equal(connections(), 1);
    });

    test(`${name}: groups that another connection learned of count on this one`, async (t) => {
        const site = await startSite(t, {
            server: `${interval}\n${server}`, require: 'valid-user',
        });
        const alice = await loggedIn(site, 'alice');
        const { cookies } = alice;
        const { get, connections } = connect(t, site.origin);
        const before = await get('/', cookies);
        assert.match(before.groups, /admins/);
        await roundIsOver();
        site.op.setUser('alice', { groups: ['users'] });
        assert.equal((await alice.fetch(site.url('/'))).json.headers['remote-groups'], 'users');
        assert.equal((await get('/', cookies)).groups, 'users');
        assert.equal(connections(), 1);
    });
}

test('requests that are sent before the first is answered have their own names', async (t) => {
    const site = await startSite(t, {
        write: ({ op }) => [
            providerSection(op), protectedLocation('/', 'valid-user'),
            'CustomLog logs/who.log "%q %u %{tinyauth-user}n %{Remote-User}i"',
        ].join('\n'),
        files: { 'htdocs/page': 'a page' },
    });
    const people = { alice: await loggedIn(site, 'alice'), bob: await loggedIn(site, 'bob') };
    const users = Array.from({ length: 60 }, (_, i) => (i % 3 ? 'alice' : 'bob'));
    const request = (user, i) => [
        `GET /page?${i} HTTP/1.1`, `Host: localhost:${site.httpd.port}`, 'Accept: */*',
        `Cookie: ${people[user].cookies}`,
        ...i === users.length - 1 ? ['Connection: close'] : [], '', '',
    ].join('\r\n');
    const { text } = await rawRequest(site.httpd.port, users.map(request).join(''));
    assert.equal([...text.matchAll(/HTTP\/1\.1 200 /g)].length, users.length);
    const lines = () => fs.readFileSync(site.httpd.file('logs/who.log'), 'utf8').split('\n')
        .filter((line) => /^\?\d+ /.test(line));
    for (let i = 0; lines().length < users.length && i < 100; i += 1) {
        await sleep(50);
    }
    assert.deepEqual(lines(), users.map((user, i) => `?${i} ${user} ${user} ${user}`));
});
