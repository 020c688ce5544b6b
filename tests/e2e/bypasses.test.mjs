/*
 * Ways around a login that lead through httpd itself: its cache, its error documents, its
 * includes, names that only a wildcard allows, and a proxy that hides the browser's host.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, freePort, protectedLocation, providerSection, rawLines, rawRequest, startBackend,
    startHttpd, startLiar, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { loginWithLiar } from './support/login_steps.mjs';

/* An application that says who it believes the visitor to be. */
const speaking = (headers = {}) => ({
    onRequest: (req, res) => {
        Object.entries(headers).forEach(([name, value]) => res.setHeader(name, value));
        res.end(`page of ${req.headers['remote-user'] ?? 'nobody'}`);
        return true;
    },
});

const cache = (server) => `CacheRoot "${server.file('cache')}"
CacheEnable disk "/"
CacheIgnoreNoLastMod On
CacheHeader On`;

test('what the office may see without a login is not served from the cache to strangers',
    async (t) => {
        const site = await startSite(t, {
            write: ({ server, op, backend }) => `${providerSection(op)}
CacheQuickHandler Off
${cache(server)}
ProxyPass "/" "${backend.url}/"
${protectedLocation('/', ['expr "%{HTTP:X-Office} == \'1\'"', 'valid-user'])}`,
            backend: speaking({ 'cache-control': 'max-age=600' }),
            modules: ['cache', 'cache_disk'],
        });
        const page = site.url('/page');
        const office = await new Browser().get(page, { headers: { 'x-office': '1' } });
        assert.deepEqual([office.status, office.body], [200, 'page of nobody']);
        const stranger = await new Browser().get(page, { follow: false });
        assert.equal(stranger.status, 302, stranger.body);
        assert.doesNotMatch(stranger.body, /page of/);
    });

test('a cached page of everybody has no part of one user in it', async (t) => {
    const site = await startSite(t, {
        write: ({ server, op, backend }) => `${providerSection(op)}
${cache(server)}
ProxyPass "/app" "${backend.url}/"
Header set Cache-Control "max-age=600" "expr=%{REQUEST_URI} =~ /shtml/"
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
<Directory "${server.file('htdocs')}">
    Options +Includes
</Directory>
${protectedLocation('/app', 'valid-user')}`,
        files: { 'htdocs/pub.shtml': '[<!--#include virtual="/app/part" -->]\n' },
        backend: speaking(),
        modules: ['cache', 'cache_disk', 'include'],
    });
    site.httpd.expectErrors(/include/);
    const alice = await loggedIn(site, 'alice', { back: '/app/x' });
    const hers = await alice.get(site.url('/pub.shtml'));
    assert.match(hers.body, /\[page of alice\]/);
    const stranger = await new Browser().get(site.url('/pub.shtml'));
    assert.doesNotMatch(stranger.body, /alice/);
});

const formOf = (length, headers, body) => [
    'POST /tinyauth/logout HTTP/1.1', 'Host: localhost',
    'Content-Type: application/x-www-form-urlencoded', ...headers, 'Connection: close', '', body,
].join('\r\n');

const unreadable = {
    'is too long': formOf(20000, ['Content-Length: 20000'], 'x'.repeat(20000)),
    'is broken': formOf(0, ['Transfer-Encoding: chunked'], 'zz\r\n\r\n'),
};

for (const [what, bytes] of Object.entries(unreadable)) {
    test(`a form that ${what} leads to no ErrorDocument behind a login`, async (t) => {
        const site = await startSite(t, {
            server: [400, 413, 500].map((code) => `ErrorDocument ${code} /secret`).join('\n'),
            backend: speaking(),
        });
        site.httpd.expectErrors(/AH0\d+/);
        const answer = await rawRequest(site.httpd.port, bytes);
        assert.doesNotMatch(answer.body, /page of/);
        assert.notEqual(answer.status, 200);
        assert.equal(site.backend.requests.count(), 0);
    });
}

const virtualHost = (port, name, lines) => [
    `<VirtualHost *:${port}>`, `ServerName ${name}`, 'SSLEngine on', lines, '</VirtualHost>',
].join('\n');

test('a name that only a wildcard allows gets no ticket of the login host', async (t) => {
    const port = await freePort();
    const op = await startLiar({}, t);
    const backend = await startBackend(t, speaking());
    const app = `ServerAlias *\nProxyPass "/" "${backend.url}/"\n${
        protectedLocation('/', 'valid-user')}`;
    await startHttpd(t, {
        port,
        tls: true,
        host: 'main.test',
        modules: ['proxy', 'proxy_http'],
        conf: [providerSection(op), `TinyauthAppURL https://tinyauth.test:${port}`,
            virtualHost(port, 'tinyauth.test', ''), virtualHost(port, 'myapp.test', app)].join('\n'),
    });
    const url = (name) => `https://${name}:${port}/`;
    const victim = new Browser();
    assert.equal((await loginWithLiar(victim, url('myapp.test'))).body, 'page of alice');
    const asked = await new Browser().get(url('evil.test'), { follow: false });
    assert.equal(asked.status, 302);
    assert.equal(asked.location, url('myapp.test'), 'sent to the name that is ours without doubt');
});

test('behind a proxy that hides the browser\'s host a page says so, in the end', async (t) => {
    const site = await startSite(t, {});
    let cookie = '';
    for (let i = 0; i < 10; i += 1) {
        const answer = await rawRequest(site.httpd.port, rawLines(
            'GET /page HTTP/1.1', 'Host: internal.lan', 'Accept: text/html', `Cookie: ${cookie}`,
        ));
        if (answer.status !== 302) {
            assert.equal(answer.status, 500);
            assert.match(site.httpd.log(), /scheme-mismatch: .*ProxyPreserveHost On/);
            return;
        }
        [cookie] = String(answer.headers['set-cookie']).split(';');
    }
    assert.fail('sent round for ever');
});

test('logins that nobody finishes push out no session', async (t) => {
    const site = await startSite(t, {
        liar: {}, require: 'valid-user', server: 'TinyauthSessionStore shm:512K',
    });
    const alice = new Browser();
    await loginWithLiar(alice, site.url('/'));
    const { issuer } = site.op;
    for (let i = 0; i < 400; i += 1) {
        const other = new Browser();
        const login = await other.get(site.url('/tinyauth/login?provider=pocketid'),
            { follow: false });
        const state = new URL(login.location).searchParams.get('state');
        const query = new URLSearchParams({ code: 'made-up', state, iss: issuer });
        await other.get(site.url(`/api/oauth/callback/pocketid?${query}`), { follow: false });
    }
    assert.equal((await alice.fetch(site.url('/'))).status, 200);
});
