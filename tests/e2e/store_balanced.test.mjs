/*
 * Two httpds that serve the same host behind a balancer, which sends each connection to the
 * next of them: nobody notices which one answers.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import {
    Browser, freePort, loginAt, protectedLocation, providerSection, startHttpd, startSite,
} from './harness.mjs';
import { listen } from './support/ports.mjs';
import { startRedis } from './support/redis.mjs';
import { secretFile, storeLines } from './support/two_servers.mjs';

/* Forwards connections to one port after the other. */
async function startBalancer(t, port, targets) {
    let next = 0;
    const server = net.createServer((client) => {
        const target = net.connect(targets[next % targets.length], '127.0.0.1');
        next += 1;
        client.pipe(target).pipe(client);
        client.on('error', () => target.destroy());
        target.on('error', () => client.destroy());
    });
    t.after(await listen(server, port));
}

test('a login begun on one machine ends on the other, and counts on both', async (t) => {
    const redis = await startRedis(t);
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const lines = (server, op, backend) => [
        `ServerName ${origin}`, 'KeepAlive Off', providerSection(op),
        storeLines(server, `redis:${redis.address}`), `ProxyPass "/" "${backend.url}/"`,
        protectedLocation('/', 'valid-user'),
    ].join('\n');
    const first = await startSite(t, {
        files: secretFile,
        provider: {
            clients: [{
                clientId: 'tinyauth',
                clientSecret: 'demo-secret-of-tinyauth',
                redirectUris: [`${origin}/api/oauth/callback/pocketid`],
                postLogoutRedirectUris: [`${origin}/tinyauth/signed-out`],
            }],
        },
        write: ({ server, op, backend }) => lines(server, op, backend),
    });
    const second = await startHttpd(t, {
        files: secretFile,
        modules: ['proxy', 'proxy_http'],
        conf: (server) => lines(server, first.op, first.backend),
    });
    await startBalancer(t, port, [first.httpd.port, second.port]);
    const browser = new Browser();
    const page = await loginAt(browser, `${origin}/page`, 'alice');
    assert.equal(page.json?.headers['remote-user'], 'alice', page.body);
    for (let i = 0; i < 10; i += 1) {
        assert.equal((await browser.get(`${origin}/page`)).json.headers['remote-user'], 'alice');
    }
    for (const httpd of [first.httpd, second]) {
        const pages = httpd.accessLog().split('\n').filter((line) => /GET \/page .*200/.test(line));
        assert.ok(pages.length >= 4, 'each has served its share');
    }
    const logout = await browser.get(`${origin}/tinyauth/logout`);
    await browser.submit(logout, logout.forms[0]);
    for (let i = 0; i < 4; i += 1) {
        const { status } = await browser.fetch(`${origin}/page`);
        assert.equal(status, 401);
    }
});
