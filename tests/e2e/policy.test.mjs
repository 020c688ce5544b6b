/*
 * Who is let in to what, and what the others get to see: the unauthorized page once, and no
 * byte of the protected resource, from the application, a file or a cache.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, loginAt, protectedLocation, providerSection, rawLines, rawRequest, startSite,
} from './harness.mjs';
import { identityOf } from './support/identity.mjs';
import { loggedIn } from './support/logged_in.mjs';

const denial = /AH0163[01]/;

test('a denied user gets the unauthorized page, once, and no circle', async (t) => {
    const site = await startSite(t);
    site.httpd.expectErrors(denial);
    const page = await loginAt(site.browser, site.url('/secret'), 'bob');
    assert.equal(page.status, 403);
    assert.match(new URL(page.url).pathname, /^\/tinyauth\/unauthorized$/);
    assert.match(page.body, /not-in-group/);
    assert.equal(site.op.requests.of('authorize').length, 1);
    const again = await site.browser.get(site.url('/secret'));
    assert.deepEqual(again.chain.map(({ status }) => status), [302, 403]);
    assert.equal(site.op.requests.of('authorize').length, 1, 'nobody is asked again');
    assert.equal(site.httpd.log(/TA0050/).length, 2, 'one line for each denial');
    assert.equal(site.backend.requests.count(), 0);
});

test('the unauthorized page says what it was told, and only by this server', async (t) => {
    const site = await startSite(t);
    site.httpd.expectErrors(denial);
    const page = await loginAt(site.browser, site.url('/secret'), 'bob');
    const { search } = new URL(page.url);
    assert.match(page.body, /bob/);
    assert.match(page.body, /\/secret/);
    for (const forged of ['', '?d=', '?d=x', '?user=bob&resource=/secret', `${search}x`,
        search.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')), `${search}${search}`]) {
        const other = await new Browser().get(site.url(`/tinyauth/unauthorized${forged}`));
        assert.equal(other.status, 403, forged);
        assert.doesNotMatch(other.body, /bob|secret/, forged);
    }
});

test('programs, forms and frames hear of a denial at once', async (t) => {
    const site = await startSite(t);
    site.httpd.expectErrors(denial);
    const bob = await loggedIn(site, 'bob');
    const program = await bob.fetch(site.url('/x'));
    assert.equal(program.status, 403);
    assert.equal(program.json.reason, 'not-in-group');
    const form = await bob.post(site.url('/x'), { a: 1 }, { follow: false });
    assert.equal(form.status, 403);
    assert.match(form.body, /not-in-group/);
    const frame = await bob.get(site.url('/x'), {
        follow: false, headers: { 'sec-fetch-dest': 'iframe' },
    });
    assert.equal(frame.status, 403);
    for (const answer of [program, form, frame]) {
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.deepEqual(answer.setCookies, []);
    }
});

test('the application\'s own 403 and 401 stay its own', async (t) => {
    const site = await startSite(t, {
        backend: {
            onRequest: (req, res) => {
                res.statusCode = Number(req.url.slice(1));
                return false;
            },
        },
        require: 'valid-user',
    });
    const bob = await loggedIn(site, 'bob', { back: '/200' });
    for (const status of [401, 403]) {
        const page = await bob.get(site.url(`/${status}`));
        assert.deepEqual([page.status, page.chain.length], [status, 1]);
        assert.equal(page.json.marker, 'application');
    }
});

test('a WebDAV copy to where one is not let in is 403, and for a stranger 401', async (t) => {
    const site = await startSite(t, {
        modules: ['dav', 'dav_fs'],
        files: { 'htdocs/mine/x.txt': 'x', 'htdocs/theirs/y.txt': 'y' },
        write: ({ server, op }) => `${providerSection(op)}
DavLockDB "${server.file('run/locks')}"
<Directory "${server.file('htdocs')}">
    Dav On
</Directory>
${protectedLocation('/', 'valid-user')}
${protectedLocation('/theirs', 'oauth-user carol')}`,
    });
    site.httpd.expectErrors(denial);
    const alice = await loggedIn(site, 'alice', { back: '/mine/x.txt' });
    const copy = async (cookies) => (await rawRequest(site.httpd.port, rawLines(
        'COPY /mine/x.txt HTTP/1.1', `Host: localhost:${site.httpd.port}`, `Cookie: ${cookies}`,
        `Destination: ${site.url('/theirs/x.txt')}`,
    ))).status;
    assert.equal(await copy(alice.cookies), 403);
    assert.equal(await copy('none=1'), 401);
});

test('an AuthType without a Require is as open as what is around it, or 500', async (t) => {
    const site = await startSite(t, {
        write: ({ server, op, backend }) => `${providerSection(op)}
ProxyPass "/app/" "${backend.url}/app/"
<Directory "${server.file('htdocs/asked')}">
    Require valid-user
</Directory>
<Location "/">
    AuthType Tinyauth
</Location>`,
        files: { 'htdocs/open.html': 'granted by the harness', 'htdocs/asked/x.html': 'x' },
    });
    site.httpd.expectErrors(/AH01627/);
    for (const [path, status] of [['/open.html', 200], ['/asked/x.html', 401], ['/app/x', 500]]) {
        assert.equal((await site.browser.fetch(site.url(path))).status, status, path);
    }
    assert.equal(site.backend.requests.count(), 0);
});

test('Require not refuses members even where all are granted', async (t) => {
    const site = await startSite(t, {
        write: ({ op, backend }) => `${providerSection(op)}
ProxyPass "/" "${backend.url}/"
<Location "/">
    AuthType Tinyauth
    <RequireAll>
        Require all granted
        Require not oauth-group admins
    </RequireAll>
</Location>`,
    });
    site.httpd.expectErrors(denial);
    const bob = await loggedIn(site, 'bob');
    assert.equal((await bob.get(site.url('/x'))).json.headers['remote-user'], 'bob');
    const stranger = await site.browser.get(site.url('/x'));
    assert.equal(stranger.status, 200);
    assert.deepEqual(identityOf(stranger.json), []);
    site.backend.requests.clear();
    const alice = await loginAt(new Browser(), site.url('/tinyauth/login?return=/x'), 'alice');
    assert.equal(alice.status, 403);
    assert.equal(site.backend.requests.count(), 0);
});

const scopes = ({ server, op, backend }) => `${providerSection(op)}
ProxyPass "/app/" "${backend.url}/app/"
ErrorDocument 404 /app/error
<Directory "${server.file('htdocs/into')}">
    DirectoryIndex /app/index
</Directory>
<Directory "${server.file('htdocs/up')}">
    DirectoryIndex /admin/index.html
</Directory>
${protectedLocation('/', 'valid-user')}
${protectedLocation('/app', 'oauth-user alice')}
${protectedLocation('/admin', 'oauth-group admins')}`;

const inScopes = {
    write: scopes,
    files: {
        'htdocs/into/x.html': 'x',
        'htdocs/up/x.html': 'x',
        'htdocs/admin/index.html': 'for admins alone',
    },
};

test('the identity goes along into other scopes', async (t) => {
    const site = await startSite(t, inScopes);
    const alice = await loggedIn(site, 'alice', { back: '/app/x' });
    for (const target of ['/into/', '/no-such-file']) {
        const page = await alice.get(site.url(target), { follow: false });
        assert.equal(page.status, 200, target);
        assert.equal(page.json.headers['remote-user'], 'alice', target);
    }
});

test('an internal redirect does not lead past a Require', async (t) => {
    const site = await startSite(t, inScopes);
    site.httpd.expectErrors(denial);
    const bob = await loggedIn(site, 'bob', { back: '/index.html' });
    for (const [target, accept] of [
        ['/up/', 'text/html'], ['/up/', '*/*'], ['/into/', 'text/html'], ['/no-such', '*/*'],
    ]) {
        const page = await bob.get(site.url(target), { headers: { accept } });
        assert.doesNotMatch(page.body, /for admins alone|application/, target);
        assert.notEqual(page.status, 200, target);
    }
    assert.equal(site.backend.requests.count(), 0);
});

/* Every way to ask for a resource that is not a plain GET. */
const requests = [
    ['GET', []], ['HEAD', []], ['GET', ['Accept: text/html']], ['GET', ['Accept: */*']],
    ['GET', ['Range: bytes=0-3']], ['GET', ['If-None-Match: "known"']], ['OPTIONS', []],
    ['GET', ['If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT']], ['GET', ['If-Match: "x"']],
    ['POST', ['Content-Length: 0']], ['POST', ['Accept: text/html', 'Content-Length: 0']],
    ['POST', ['Expect: 100-continue', 'Content-Length: 0']], ['PUT', ['Content-Length: 0']],
    ['DELETE', []], ['PATCH', ['Content-Length: 0']], ['PROPFIND', []], ['MADEUP', []],
    ['GET', ['X-Requested-With: XMLHttpRequest']], ['GET', ['Sec-Purpose: prefetch']],
    ['GET', ['Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13']],
];

async function assertNothingShown(site, cookies, targets) {
    for (const target of targets) {
        for (const [method, headers] of requests) {
            const { status, text } = await rawRequest(site.httpd.port, rawLines(
                `${method} ${target} HTTP/1.1`, `Host: localhost:${site.httpd.port}`,
                ...cookies, ...headers,
            ));
            const what = `${method} ${target} ${headers} → ${status}`;
            assert.ok(status >= 300, what);
            assert.notEqual(status, 304, what);
            assert.doesNotMatch(text, /precious|known|last-modified|etag/i, what);
        }
    }
}

test('no byte of a protected resource is in an answer that is not 200', async (t) => {
    const site = await startSite(t, {
        write: ({ op, backend }) => `${providerSection(op)}
ProxyPass "/app/" "${backend.url}/app/"
${protectedLocation('/', 'oauth-group admins')}`,
        files: { 'htdocs/file.html': 'a precious file' },
        backend: {
            onRequest: (req, res) => {
                res.setHeader('ETag', '"known"');
                res.setHeader('X-Precious', 'precious');
                return false;
            },
        },
    });
    site.httpd.expectErrors(denial);
    await assertNothingShown(site, [], ['/file.html', '/app/x']);
    const bob = await loginAt(site.browser, site.url('/file.html'), 'bob');
    assert.equal(bob.status, 403);
    const cookie = site.browser.jar.header(site.url('/'));
    await assertNothingShown(site, [`Cookie: ${cookie}`], ['/file.html', '/app/x']);
    assert.equal(site.backend.requests.count(), 0);
});

test('a form sent by a stranger is not carried out, then or after the login', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    const page = await site.browser.post(site.url('/transfer'), { amount: '1000' });
    assert.equal(page.status, 401);
    const link = page.links.find(({ href }) => href.includes('/tinyauth/login'));
    const after = await loginAt(site.browser, link.href, 'alice');
    assert.equal(after.status, 200);
    assert.deepEqual(site.backend.requests.entries.map(({ method, url }) => [method, url]),
        [['GET', '/']]);
});
