/*
 * People in a hundred groups, whose provider gives tokens of 4 KB: every store takes their
 * sessions, and keeps them true.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { loginAt } from './harness.mjs';
import { startMemcached } from './support/memcached.mjs';
import { startRedis } from './support/redis.mjs';
import { interval, roundIsOver } from './support/revalidation.mjs';
import { demoUsers } from './support/provider_users.mjs';
import { startWithStore, statusAt } from './support/two_servers.mjs';

const groups = Array.from({ length: 100 }, (_, index) => `department-${index}`);

const stores = {
    'shm:512K': () => 'shm:512K',
    redis: async (t) => `redis:${(await startRedis(t)).address}`,
    memcache: async (t) => `memcache:${(await startMemcached(t)).address}`,
    shmcb: () => 'shmcb:run/tinyauth(4194304)',
};

/* Tokens with so many characters that nothing can make shorter. */
function giveLongTokens(op) {
    const long = (token) => `${token}.~${'+/'.repeat(2000)}`;
    op.lieInIdToken({ at_hash: undefined });
    op.onToken = (form, body) => {
        const tokens = { ...body };
        for (const [name, known] of [
            ['access_token', op.accessTokens], ['refresh_token', op.refreshTokens],
        ]) {
            tokens[name] = long(body[name]);
            known.set(tokens[name], known.get(body[name]));
        }
        return tokens;
    };
}

for (const [name, start] of Object.entries(stores)) {
    test(`a hundred groups and tokens of 4 KB in ${name}`, async (t) => {
        const users = demoUsers();
        users.alice.groups = [...groups];
        const site = await startWithStore(t, await start(t), {
            server: interval,
            require: 'oauth-group department-99',
            site: { liar: { users }, modules: ['socache_shmcb'] },
        });
        giveLongTokens(site.op);
        const page = await loginAt(site.browser, site.url('/page'), 'alice');
        assert.equal(page.status, 200, page.body);
        assert.equal(page.json.headers['remote-groups'], groups.join(','));
        await roundIsOver();
        const asked = site.op.requests.of('token').length;
        assert.equal((await statusAt(site.browser, site.url('/'))).status, 200);
        assert.equal(site.op.requests.of('token').length, asked + 1, 'asked again');
        site.op.claims().groups.pop();
        await roundIsOver();
        assert.equal((await statusAt(site.browser, site.url('/'))).status, 403);
        assert.deepEqual(site.op.problems, []);
    });
}
