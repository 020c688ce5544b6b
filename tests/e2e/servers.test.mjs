/*
 * httpd in all its forms: process models, protocol versions, servers that map or refuse every
 * path, restarts, and mod_session beside us or absent.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, enterProvider, freePort, http2Request, loginAt, protectedLocation, providerSection,
    rawLines, rawRequest, sleep, startBackend, startSite,
} from './harness.mjs';
import { identityFor, identityOf } from './support/identity.mjs';
import { loggedIn } from './support/logged_in.mjs';

for (const mpm of ['event', 'worker', 'prefork']) {
    test(`a whole login and logout with ${mpm}`, async (t) => {
        const site = await startSite(t, { mpm });
        site.httpd.expectErrors(/AH01631/);
        const page = await loginAt(site.browser, site.url('/path?a=1'), 'alice');
        assert.equal(page.url, site.url('/path?a=1'));
        assert.deepEqual(identityOf(page.json), identityFor(site.op.users.alice));
        const bob = await loginAt(new Browser(), site.url('/'), 'bob');
        assert.equal(bob.status, 403);
        /* every process knows the session */
        const answers = await Promise.all(Array.from({ length: 40 }, () => (
            site.browser.fetch(site.url('/x'))
        )));
        assert.ok(answers.every(({ status }) => status === 200));
        const asked = await site.browser.get(site.url('/tinyauth/logout'));
        await site.browser.submit(asked, asked.forms[0], {}, { follow: false });
        assert.equal((await site.browser.fetch(site.url('/x'))).status, 401);
    });
}

/* What a browser sends when somebody goes to a page. */
const going = {
    accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document',
};

const cookiesOf = ({ headers }) => (headers['set-cookie'] ?? [])
    .map((line) => line.split(';')[0]).filter((pair) => !pair.endsWith('=')).join('; ');

test('a whole login over HTTP/2', async (t) => {
    const site = await startSite(t, {
        liar: {}, tls: true, host: 'myapp.test', modules: ['http2'],
        server: 'Protocols h2 http/1.1',
    });
    const get = (url, headers) => http2Request(new URL(url, site.origin).href, {
        headers: { ...going, ...headers },
    });
    const sent = await get('/page?a=1');
    assert.equal(sent.status, 302);
    const page = await get(sent.headers.location);
    const [, link] = /href="([^"]+)">Log in with Pocket ID/.exec(page.body);
    const started = await get(link.replaceAll('&amp;', '&'));
    const provider = await new Browser().get(started.headers.location, { follow: false });
    const back = await get(provider.location, { cookie: cookiesOf(started) });
    assert.equal(back.status, 303);
    const target = new URL(back.headers.location, site.origin).href;
    assert.equal(target, site.url('/page?a=1'));
    const received = await get(target, { cookie: cookiesOf(back) });
    assert.deepEqual(identityOf(JSON.parse(received.body)), identityFor(site.op.users.alice));
    const stranger = await http2Request(site.url('/page'), { headers: { accept: '*/*' } });
    assert.equal(stranger.status, 401);
    assert.deepEqual(site.op.problems, []);
});

/* Each of our URLs, with the status that a stranger gets. */
const ourUrls = [
    ['/tinyauth/login', 200], ['/tinyauth/logout', [200, 302, 303]], ['/tinyauth/signed-out', 200],
    ['/tinyauth/unauthorized', 403], ['/tinyauth/error', 404], ['/tinyauth/accept', 400],
    ['/api/oauth/callback/pocketid', 400],
];

const coverings = {
    'ProxyPass "/"': ({ backend }) => `ProxyPass "/" "${backend.url}/"`,
    'ProxyPass with mapping=servlet': ({ backend }) => (
        `ProxyPass "/" "${backend.url}/" mapping=servlet`
    ),
    'a proxy in <Location>': ({ backend }) => (
        `<Location "/">\n    ProxyPass "${backend.url}/"\n</Location>`
    ),
    'a proxied RewriteRule': ({ backend }) => (
        `RewriteEngine On\nRewriteRule "^/(.*)$" "${backend.url}/$1" [P]`
    ),
    'a RewriteRule to one file': () => 'RewriteEngine On\nRewriteRule ^ /index.html [L]',
    'an Alias of everything': ({ server }) => `Alias "/" "${server.dir}/htdocs/"`,
    'a denied document root': ({ server }) => (
        `<Directory "${server.dir}/htdocs">\n    Require all denied\n</Directory>`
    ),
    'Require all denied for the whole host': () => (
        '<Location "/">\n    Require all denied\n</Location>'
    ),
    'Require ip of somebody else': () => '<Location "/">\n    Require ip 192.0.2.1\n</Location>',
    'a handler for everything': () => '<Location "/">\n    SetHandler server-status\n</Location>',
};

for (const [name, lines] of Object.entries(coverings)) {
    test(`our own URLs work under ${name}`, async (t) => {
        const site = await startSite(t, {
            write: (stage) => [
                providerSection(stage.op), protectedLocation('/', 'oauth-group admins'),
                lines(stage),
            ].join('\n'),
            modules: ['rewrite', 'status'],
        });
        for (const [path, statuses] of ourUrls) {
            const { status, body } = await site.browser.get(site.url(path), { follow: false });
            assert.ok([statuses].flat().includes(status), `${path}: ${status} ${body}`);
        }
        assert.equal(site.backend.requests.count(), 0);
        const page = await site.browser.get(site.url('/tinyauth/login'));
        assert.match(page.body, /Log in with Pocket ID/);
    });
}

test('a FallbackResource for the whole server takes no URL of ours', async (t) => {
    const site = await startSite(t, {
        files: { 'htdocs/front.html': 'the front controller' },
        write: ({ op }) => [
            providerSection(op), protectedLocation('/'), 'FallbackResource /front.html',
        ].join('\n'),
    });
    const page = await loginAt(site.browser, site.url('/some/route'), 'alice');
    assert.equal(page.status, 200);
    assert.equal(page.body, 'the front controller');
});

test('what a forward proxy passes on is not ours', async (t) => {
    const elsewhere = await startBackend(t);
    const site = await startSite(t, {
        require: 'valid-user',
        server: 'ProxyRequests On\n<Proxy "*">\nAuthType None\nRequire all granted\n</Proxy>',
    });
    for (const path of ['/tinyauth/login', '/api/oauth/callback/pocketid', '/tinyauth/accept']) {
        const { status, body } = await rawRequest(site.httpd.port, rawLines(
            `GET ${elsewhere.url}${path} HTTP/1.1`, `Host: ${new URL(elsewhere.url).host}`,
        ));
        assert.equal(status, 200, path);
        assert.equal(JSON.parse(body).url, path);
    }
    const ours = await rawRequest(site.httpd.port, rawLines(
        `GET ${site.origin}/tinyauth/login HTTP/1.1`, `Host: ${new URL(site.origin).host}`,
        'Accept: text/html',
    ));
    assert.match(ours.body, /Log in with Pocket ID/);
});

test('a graceful restart during use breaks no request, and logins go on', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    const browser = await loggedIn(site);
    const statuses = new Set();
    let going = true;
    const visitors = Array.from({ length: 4 }, async () => {
        while (going) {
            const { status } = await browser.fetch(site.url('/x'));
            statuses.add(status);
            await sleep(5);
        }
    });
    for (let i = 0; i < 8; i += 1) {
        await site.httpd.graceful();
        await sleep(i * 10);
    }
    going = false;
    await Promise.all(visitors);
    assert.ok([...statuses].every((status) => [200, 401].includes(status)), [...statuses].join());
    const page = await loginAt(new Browser(), site.url('/after'), 'alice');
    assert.deepEqual([page.status, page.url], [200, site.url('/after')]);
});

test('a login that was begun before a graceful restart can be finished', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    const login = await site.browser.get(site.url('/x'));
    const asked = await enterProvider(site.browser, login);
    await site.httpd.graceful();
    const page = await site.browser.submit(asked, asked.forms[0], { login: 'alice' });
    assert.deepEqual([page.status, page.url], [200, site.url('/x')]);
});

/* mod_session beside us: a CGI program sees the session, and may put entries of its own in. */
const sessionProgram = `#!/bin/sh
[ -n "$QUERY_STRING" ] && echo "X-Replace-Session: $QUERY_STRING"
printf 'Content-Type: text/plain\\n\\n%s' "$HTTP_SESSION"
`;

async function startWithSession(t, options = {}) {
    const site = await startSite(t, {
        write: ({ server, op }) => `${providerSection(op)}
${protectedLocation('/', options.require ?? 'valid-user')}
<Directory "${server.file('htdocs')}">
    Options +ExecCGI
    AddHandler cgi-script .cgi
    Session On
    SessionEnv On
    SessionHeader X-Replace-Session
</Directory>
${options.more ?? ''}`,
        files: {
            'htdocs/session.cgi': { text: sessionProgram, mode: 0o755 },
            'htdocs/theirs/session.cgi': { text: sessionProgram, mode: 0o755 },
        },
        modules: ['cgid', 'session_cookie'],
        liar: {},
    });
    site.entries = async (browser, query = '', path = '/session.cgi') => {
        const { status, body } = await browser.get(site.url(path + query));
        assert.equal(status, 200);
        return Object.fromEntries(new URLSearchParams(body));
    };
    return site;
}

const alicesEntries = (user) => ({
    'tinyauth-user': 'alice', 'tinyauth-name': user.name, 'tinyauth-email': user.email,
    'tinyauth-groups': 'admins,users', 'tinyauth-sub': user.sub,
});

test('with Session On programs see who the user is, and never a token', async (t) => {
    const site = await startWithSession(t);
    const browser = await loggedIn(site);
    assert.deepEqual(await site.entries(browser), alicesEntries(site.op.users.alice));
    const { body } = await browser.get(site.url('/session.cgi'));
    for (const secret of [...site.op.secrets, browser.cookies.split('=').pop()]) {
        assert.ok(!body.includes(secret));
    }
});

test('entries of other modules are kept, and cannot change who the user is', async (t) => {
    const site = await startWithSession(t);
    const browser = await loggedIn(site);
    await site.entries(browser, '?basket=3%20pears&tinyauth-user=root&tinyauth-admin=1');
    assert.deepEqual(await site.entries(browser),
        { ...alicesEntries(site.op.users.alice), basket: '3 pears' });
    await site.entries(browser, '?basket=4');
    const { basket } = await site.entries(browser);
    assert.equal(basket, '4');
    const page = await browser.get(site.url('/index.html'));
    assert.equal(page.status, 200, 'still logged in');
    const other = await loggedIn(site);
    assert.equal((await site.entries(other)).basket, undefined, 'another login, another session');
});

test('nothing is stored for somebody who is not logged in', async (t) => {
    const site = await startWithSession(t, { require: 'all granted' });
    assert.deepEqual(await site.entries(site.browser, '?basket=1'), {});
    assert.deepEqual(await site.entries(site.browser), {});
    assert.deepEqual(site.browser.page.setCookies, []);
});

test('without mod_session httpd starts, and logins work', async (t) => {
    const site = await startSite(t, { without: ['session'] });
    const page = await loginAt(site.browser, site.url('/'), 'alice');
    assert.equal(page.status, 200);
});

test('where another AuthType is in force mod_session keeps its own store', async (t) => {
    const site = await startWithSession(t, {
        more: `<Location "/theirs">
    AuthType None
    Require all granted
    SessionCookieName theirs path=/
</Location>`,
    });
    const entries = (query) => site.entries(site.browser, query, '/theirs/session.cgi');
    await entries('?basket=1&tinyauth-user=alice');
    assert.equal((await entries('')).basket, '1');
    assert.ok(site.browser.jar.get('theirs'));
    assert.equal((await site.browser.fetch(site.url('/session.cgi'))).status, 401);
});

test('two ports of one host name do not share a login by accident', async (t) => {
    const other = await freePort();
    const site = await startSite(t, {
        ports: [other],
        require: 'valid-user',
        server: `<VirtualHost *:${other}>\nServerName localhost:${other}\n</VirtualHost>`,
    });
    const browser = await loggedIn(site);
    const there = `http://localhost:${other}/index.html`;
    assert.equal((await browser.fetch(site.url('/'))).status, 200);
    assert.equal((await browser.fetch(there)).status, 401);
    const renamed = browser.cookies.replaceAll(`-${site.httpd.port}`, `-${other}`);
    const replayed = await new Browser().fetch(there, { headers: { cookie: renamed } });
    assert.equal(replayed.status, 401, 'nor when the cookie is sent under the other name');
});
