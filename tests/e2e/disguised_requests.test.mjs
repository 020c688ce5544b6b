/*
 * Requests that want to look like others: odd spellings of a path, headers that claim to come
 * from a proxy, odd Host headers. The decision is for what is served, and redirects lead to
 * where this server is.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, loginAt, protectedLocation, providerSection, rawLines, rawRequest, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

const navigation = ['Accept: text/html', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];

/* Everybody who is logged in may open the site, admins alone /admin. */
function start(t, options = {}) {
    return startSite(t, {
        write: ({ op, backend }) => [
            providerSection(op),
            `ProxyPass "/" "${backend.url}/" ${options.mapping ?? ''}`,
            protectedLocation('/', 'valid-user'),
            protectedLocation('/admin', 'oauth-group admins'),
            options.more ?? '',
        ].join('\n'),
        ...options,
    });
}

/* A request line and headers as they are; what was answered, and what was served. */
async function ask(site, target, headers = [], method = 'GET') {
    site.backend.requests.clear();
    const answer = await rawRequest(site.httpd.port, rawLines(
        `${method} ${target} HTTP/1.1`,
        ...(headers.some((line) => /^host:/i.test(line)) ? [] : [`Host: ${hostOf(site)}`]),
        ...headers,
    ));
    return { ...answer, served: site.backend.requests.last()?.url };
}

const hostOf = (site) => new URL(site.origin).host;

/*
 * The first part of the path that an application would find in this URL: it decodes and takes
 * out what is left of dots. A backslash or an encoded slash is a letter, as it is to httpd.
 */
function area(url) {
    const segments = [];
    for (const raw of url.split('?')[0].split('/')) {
        const segment = decodeURIComponent(raw);
        if (segment === '..') {
            segments.pop();
        } else if (segment !== '' && segment !== '.') {
            segments.push(segment);
        }
    }
    return segments[0];
}

const disguises = [
    '/admin', '/admin/', '/admin/x', '/admin?x', '/admin;x', '/admin;/x', '/pub/../admin',
    '/pub/%2e%2e/admin', '/pub/.%2e/admin', '/pub/%2E./admin/x', '/pub/./../admin', '//admin',
    '///admin/x', '/.//admin',
    '/./admin', '/%2e/admin', '/%61dmin', '/a%64min/x', '/pub/..//admin', '/x/../../admin',
    '/../admin', '/%2e%2e/admin', '/pub/%252e%252e/admin', '/admin%2fx', '/pub%2f..%2fadmin',
    '/pub/..%2fadmin', '/pub/..%5cadmin', '/pub/..\\admin', '/admin%00', '/admin%00.html',
    '/%00/../admin', '/pub%23/../admin', '/pub#/../admin', '/pub/;/../admin', '/pub/..;/admin',
    '/pub/x;/../../admin', '/admin/..;/admin/x', '/pub/%2e%2e;x/admin', '/admin/.', '/admin/./x',
    'http://HOST/admin', 'http://HOST//admin', 'http://HOST/pub/../admin', 'HTTP://HOST/admin',
    'http://other.test/admin', 'http://HOST:1/admin', '/tinyauth/../admin',
    '/tinyauth/login/../../admin',
    '/tinyauth/%2e%2e/admin', '/api/oauth/callback/pocketid/../../../../admin',
    '/tinyauth/login%2f..%2f..%2fadmin', '/tinyauth/login/..;/../admin',
];

test('no spelling of a path gets somebody into what another may open', async (t) => {
    const site = await start(t);
    site.httpd.expectErrors(/AH01631/, /AH00026/, /AH10244/);
    const { cookies } = await loggedIn(site, 'bob');
    for (const disguise of disguises) {
        const target = disguise.replace('HOST', hostOf(site));
        const { served, status } = await ask(site, target, [`Cookie: ${cookies}`]);
        assert.notEqual(area(served ?? '/'), 'admin', `${target} → ${status} ${served}`);
    }
});

test('nor does it where ProxyPass maps as a servlet container would', async (t) => {
    const site = await start(t, { mapping: 'mapping=servlet' });
    site.httpd.expectErrors(/AH01631/, /AH00026/, /AH10244/);
    const { cookies } = await loggedIn(site, 'bob');
    for (const disguise of [...disguises, '/pub;a=1/../admin', '/;/admin']) {
        const target = disguise.replace('HOST', hostOf(site));
        const { served, status } = await ask(site, target, [`Cookie: ${cookies}`]);
        const plain = served?.replace(/;[^/]*/g, '');
        assert.notEqual(area(plain ?? '/'), 'admin', `${target} → ${status} ${served}`);
    }
});

test('an admin does get there, also by a detour', async (t) => {
    const site = await start(t);
    const { cookies } = await loggedIn(site, 'alice');
    for (const target of ['/admin/x', '/pub/../admin/x', '/%61dmin/x', '//admin/x']) {
        assert.equal((await ask(site, target, [`Cookie: ${cookies}`])).served, '/admin/x', target);
    }
});

test('a stranger reaches nothing by paths that look like our own pages', async (t) => {
    const site = await start(t);
    site.httpd.expectErrors(/AH00026/, /AH10244/);
    for (const target of [
        ...disguises.map((disguise) => disguise.replace('HOST', hostOf(site))),
        '/tinyauth/', '/tinyauth/loginx', '/tinyauth/login/', '/tinyauth/login/x',
        '/tinyauth/login;x', '/Tinyauth/login', '/tinyauth/login%00', '/tinyauth/nothing',
        '/x/tinyauth/login',
        '/api/oauth/callback/', '/api/oauth/callback/other', '/api/oauth/callback/pocketid/x',
        '/tinyauth/accept/x', '/tinyauth/backchannel-logout/other',
    ]) {
        const { served, status } = await ask(site, target);
        assert.equal(served, undefined, `${target} → ${status}`);
        assert.notEqual(status, 200, target);
    }
});

const claimsOfProxies = [
    'X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 1',
    'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Server: evil.test', 'X-Forwarded-Prefix: /evil',
    'X-Forwarded-Uri: /pub', 'X-Forwarded-Method: OPTIONS', 'X-Forwarded-User: alice',
    'X-Forwarded-Groups: admins', 'X-Forwarded-Ssl: on', 'X-Forwarded-Scheme: https',
    'Forwarded: for=127.0.0.1;host=evil.test;proto=https', 'X-Original-URL: /pub',
    'X-Original-URI: /pub', 'X-Original-Host: evil.test', 'X-Rewrite-URL: /pub', 'X-Real-IP: ::1',
    'X-Host: evil.test', 'X-HTTP-Method-Override: OPTIONS', 'X-Method-Override: OPTIONS',
    'Front-End-Https: on', 'X-Url-Scheme: https', 'Via: 1.1 evil.test', 'True-Client-IP: ::1',
    'Origin: https://evil.test', 'Referer: https://evil.test/',
];

const agents = [
    'User-Agent: Googlebot/2.1', 'User-Agent: () { :; }; id', 'User-Agent: ELB-HealthChecker/2.0',
    'User-Agent: kube-probe/1.0', 'User-Agent: -', 'User-Agent:',
];

test('headers that proxies set change no redirect and no decision', async (t) => {
    const site = await start(t);
    site.httpd.expectErrors(/AH01631/);
    const { cookies } = await loggedIn(site, 'bob');
    const plain = await ask(site, '/admin/x?y=1', navigation);
    assert.equal(plain.status, 302);
    for (const line of [...claimsOfProxies, ...agents]) {
        const stranger = await ask(site, '/admin/x?y=1', [...navigation, line]);
        assert.equal(stranger.status, 302, line);
        assert.equal(stranger.headers.location, plain.headers.location, line);
        const program = await ask(site, '/admin/x', [line]);
        assert.equal(program.status, 401, line);
        const bob = await ask(site, '/admin/x', [`Cookie: ${cookies}`, line]);
        assert.deepEqual([bob.status, bob.served], [403, undefined], line);
        const inside = await ask(site, '/pub', [`Cookie: ${cookies}`, line]);
        assert.deepEqual([inside.status, inside.served], [200, '/pub'], line);
    }
});

test('they do not change where the provider is told to send people back to', async (t) => {
    const site = await start(t);
    const target = '/tinyauth/login?provider=pocketid&return=/pub';
    for (const line of ['X-Nothing: 1', ...claimsOfProxies]) {
        const { status, headers } = await ask(site, target, [...navigation, line]);
        assert.equal(status, 302, line);
        const url = new URL(headers.location);
        assert.equal(url.origin, site.op.issuer, line);
        assert.equal(url.searchParams.get('redirect_uri'),
            `${site.origin}/api/oauth/callback/pocketid`, line);
        // the whole cookie: its value is sealed, so any letters may stand in it
        assert.match(String(headers['set-cookie']),
            /^tinyauth-\d+-login-[\w-]{8}=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=7200$/,
            line);
    }
});

/* Ways to write the Host header. */
const hosts = (site) => [
    'localhost', 'LOCALHOST', `LocalHost:${site.httpd.port}`, `localhost.:${site.httpd.port}`,
    'localhost.', 'localhost:1', 'localhost:443', 'evil.test', `evil.test:${site.httpd.port}`,
    '127.0.0.1', '[::1]', `localhost.evil.test:${site.httpd.port}`,
];

test('the decision is the same however Host is written', async (t) => {
    const site = await start(t);
    site.httpd.expectErrors(/AH01631/);
    const { cookies } = await loggedIn(site, 'bob');
    for (const host of hosts(site)) {
        const bob = await ask(site, '/admin/x', [`Host: ${host}`, `Cookie: ${cookies}`]);
        assert.deepEqual([bob.status, bob.served], [403, undefined], host);
        const program = await ask(site, '/pub', [`Host: ${host}`]);
        assert.deepEqual([program.status, program.served], [401, undefined], host);
    }
});

test('a login leads back to this server, whatever Host says', async (t) => {
    const site = await start(t);
    for (const host of hosts(site)) {
        const { status, headers } = await ask(site, '/pub?a=1', [`Host: ${host}`, ...navigation]);
        assert.equal(status, 302, host);
        assert.equal(new URL(headers.location, site.origin).origin, site.origin, host);
        const login = await ask(site, '/tinyauth/login?provider=pocketid',
            [`Host: ${host}`, ...navigation]);
        const { searchParams } = new URL(login.headers.location ?? site.origin);
        const back = searchParams.get('redirect_uri');
        assert.ok(back === null || new URL(back).origin === site.origin, `${host}: ${back}`);
    }
});

test('a login that begins under another name of this server ends under its own', async (t) => {
    const site = await start(t);
    for (const host of ['localhost.', '127.0.0.1', 'myapp.test']) {
        for (const path of ['/pub?a=1', '/tinyauth/login?return=%2Fpub%3Fa%3D1']) {
            const page = await loginAt(new Browser(),
                `http://${host}:${site.httpd.port}${path}`, 'alice');
            assert.deepEqual([page.status, page.url], [200, site.url('/pub?a=1')], host);
        }
    }
});

test('a whole URL in the request line decides as the path alone would', async (t) => {
    const site = await start(t);
    const { cookies } = await loggedIn(site, 'alice');
    const whole = await ask(site, `${site.origin}/pub?a=1`, [`Cookie: ${cookies}`]);
    assert.equal(whole.served, '/pub?a=1');
    const stranger = await ask(site, 'http://evil.test/pub?a=1', navigation);
    assert.equal(stranger.status, 302);
    assert.equal(new URL(stranger.headers.location, site.origin).origin, site.origin);
});
