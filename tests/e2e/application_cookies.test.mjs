/*
 * Cookies of ours never reach the application, in no spelling, over no protocol version and
 * on no way through httpd; cookies of others arrive byte for byte.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { protectedLocation, providerSection, rawLines, rawRequest, startSite } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

/* Sends Cookie headers; returns what arrived: the Cookie header's bytes, or undefined. */
async function received(site, cookies, target = '/x') {
    site.backend.requests.clear();
    await rawRequest(site.httpd.port, rawLines(
        `GET ${target} HTTP/1.1`, `Host: ${new URL(site.origin).host}`,
        ...[cookies].flat().map((cookie) => `Cookie: ${cookie}`),
    ), { tls: site.origin.startsWith('https') });
    return site.backend.requests.last().headers.cookie;
}

const open = { require: 'all granted' };

test('a session cookie stays with httpd, and the others arrive as they were', async (t) => {
    const site = await startSite(t, open);
    const { cookies } = await loggedIn(site);
    for (const others of [
        'a=1', 'a=1; b=2', 'a="x y, z"; b=', 'flag', 'a=1;b=2', 'caf\xe9=\xff\x80', 'a=b=c==; d',
        'x=tinyauth', 'nottinyauth=1', 'tiny=auth',
    ]) {
        assert.equal(await received(site, `${cookies}; ${others}`), others, others);
        assert.equal(await received(site, `${others}; ${cookies}`), others, others);
    }
    assert.equal(await received(site, `a=1; ${cookies}; b=2;  c=3`), 'a=1; b=2;  c=3');
    assert.equal(await received(site, cookies), undefined);
});

test('a client that sends none of ours has its Cookie header untouched', async (t) => {
    const site = await startSite(t, open);
    for (const odd of ['a=1;;b=2 ;', ';', 'a = 1 ; b', '=x; =', 'a="1;2"']) {
        assert.equal(await received(site, odd), odd.trim());
    }
});

test('a cookie that only looks like ours to a lax application is ours', async (t) => {
    const site = await startSite(t, { ...open, tls: true, host: 'myapp.test' });
    const { port } = site.httpd;
    for (const name of [
        'tinyauth', `tinyauth-${port}`, `TINYAUTH-${port}`, `__Host-tinyauth-${port}`,
        `__host-TinyAuth-${port}`, '__Secure-tinyauth-domain', '__SECURE-TINYAUTH-domain',
        `__Host-tinyauth-${port}-login-abc`, `__Host-tinyauth-${port}-rounds`,
    ]) {
        assert.equal(await received(site, `a=1; ${name}=forged; b=2`), 'a=1; b=2', name);
        assert.equal(await received(site, `a=1;\t${name} = forged; b=2`), 'a=1; b=2', name);
        assert.equal(await received(site, name), undefined, name);
    }
});

test('several Cookie headers hide none of ours', async (t) => {
    const site = await startSite(t, open);
    const { cookies } = await loggedIn(site);
    const orders = [
        ['a=1', cookies], [cookies, 'a=1'], ['a=1', `b=2; ${cookies}`], [cookies, cookies],
        ['a=1', cookies, 'b=2'],
    ];
    for (const order of orders) {
        const cookie = await received(site, order) ?? '';
        assert.doesNotMatch(cookie, /tinyauth/i, order.join(' | '));
        for (const other of ['a=1', 'b=2']) {
            assert.equal(cookie.includes(other), order.join().includes(other), other);
        }
    }
});

test('a session counts in whichever Cookie header it comes', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    const { cookies } = await loggedIn(site);
    assert.equal(await received(site, ['a=1', cookies]), 'a=1');
    assert.equal(await received(site, [cookies, 'a=1']), 'a=1');
});

/* HTTP/2 lets a client split the header into crumbs. */
function crumbs(site, cookies) {
    return new Promise((resolve, reject) => {
        const session = http2.connect(`https://127.0.0.1:${site.httpd.port}`, {
            servername: 'myapp.test', rejectUnauthorized: false,
        });
        session.on('error', reject);
        const { host } = new URL(site.origin);
        const request = session.request({ ':path': '/x', ':authority': host, cookie: cookies });
        request.on('error', reject);
        request.resume();
        request.on('close', () => {
            session.close();
            resolve(site.backend.requests.last()?.headers.cookie);
        });
    });
}

test('over HTTP/2 no crumb of ours gets through', async (t) => {
    const site = await startSite(t, {
        require: 'valid-user', tls: true, host: 'myapp.test', modules: ['http2'],
        server: 'Protocols h2 http/1.1',
    });
    const { cookies } = await loggedIn(site);
    assert.equal(await crumbs(site, ['a=1', cookies, 'b=2']), 'a=1; b=2');
    assert.equal(await crumbs(site, [cookies, 'a=1; b=2']), 'a=1; b=2');
    assert.equal(await crumbs(site, cookies), undefined);
});

const withIncludes = ({ server, op, backend }) => `
${providerSection(op)}
ProxyPass "/app/" "${backend.url}/app/"
ErrorDocument 404 /app/error
<Directory "${server.file('htdocs')}">
    Options +Includes +ExecCGI
    AddOutputFilter INCLUDES .shtml
    AddHandler cgi-script .cgi
</Directory>
${protectedLocation('/', 'all granted')}
<Location "/app/free">
    AuthType None
</Location>`;

test('includes, error documents, CGI and open places get no cookie of ours either', async (t) => {
    const site = await startSite(t, {
        write: withIncludes,
        modules: ['include', 'cgid'],
        files: {
            'htdocs/include.shtml': '<!--#include virtual="/app/part" -->',
            'htdocs/env.cgi': {
                text: '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$HTTP_COOKIE"\n',
                mode: 0o755,
            },
        },
    });
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/x' });
    for (const target of ['/include.shtml', '/no-such', '/app/x', '/app/free']) {
        assert.equal(await received(site, `${cookies}; a=1`, target), 'a=1', target);
    }
    const { body } = await site.browser.get(site.url('/env.cgi'), {
        headers: { cookie: `a=1; ${cookies}` },
    });
    assert.equal(body, 'a=1');
});

test('cookies of a login that is not finished stay with httpd', async (t) => {
    const site = await startSite(t, open);
    const { setCookies } = await site.browser.get(
        site.url('/tinyauth/login?provider=pocketid&return=/x'), { follow: false },
    );
    assert.ok(setCookies.length > 0);
    const cookies = setCookies.map((line) => line.split(';')[0]).join('; ');
    assert.equal(await received(site, `a=1; ${cookies}`), 'a=1');
});

test('TRACE does not show a script the session cookie that it cannot read', async (t) => {
    const site = await startSite(t, { write: withIncludes, modules: ['include', 'cgid'] });
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/x' });
    const { status, body } = await rawRequest(site.httpd.port, rawLines(
        'TRACE /index.html HTTP/1.1', `Host: localhost:${site.httpd.port}`,
        `Cookie: ${cookies}; a=1`,
    ));
    assert.equal(status, 200);
    assert.match(body, /Cookie: a=1\r\n/);
    assert.doesNotMatch(body, /tinyauth/);
});
