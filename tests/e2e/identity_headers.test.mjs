/*
 * Only we say who the user is. Whatever names a client sends, on whatever way a request takes
 * through httpd, the application gets our values alone, and variables as well as headers.
 */
import net from 'node:net';
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    http2Request, protectedLocation, providerSection, rawLines, rawRequest, startSite,
} from './harness.mjs';
import {
    forgedLines, identityFor, identityNames, identityOf, spellings,
} from './support/identity.mjs';
import { loggedIn } from './support/logged_in.mjs';

/* Ways through httpd that all end at the application, which is behind /app/. */
const waysThrough = ({ server, backend }) => `
ProxyPass "/app/" "${backend.url}/app/"
ErrorDocument 404 /app/error-document
ErrorDocument 403 /app/error-document
Action sent-on /app/action virtual
<Directory "${server.file('htdocs')}">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
    AddHandler sent-on .sent
</Directory>
<Directory "${server.file('htdocs/rewritten')}">
    Options +FollowSymLinks
    RewriteEngine On
    RewriteRule ^ /app/rewritten
</Directory>
<Directory "${server.file('htdocs/indexed')}">
    DirectoryIndex /app/index
</Directory>
<Location "/forbidden">
    Require all denied
</Location>`;

const files = {
    'htdocs/include.shtml': '<!--#include virtual="/app/included" -->',
    'htdocs/call.sent': 'x',
    'htdocs/rewritten/page.html': 'x',
    'htdocs/indexed/other.html': 'x',
};

/* What the client asks for, and what the application is asked for in the end. */
const ways = [
    ['/app/direct', '/app/direct'],
    ['/include.shtml', '/app/included'],
    ['/call.sent', '/app/action/call.sent'],
    ['/rewritten/page.html', '/app/rewritten'],
    ['/indexed/', '/app/index'],
    ['/no-such-file', '/app/error-document'],
    ['/forbidden', '/app/error-document'],
];

function startStage(t, require, options = {}) {
    return startSite(t, {
        files,
        write: (stage) => [
            providerSection(stage.op),
            protectedLocation('/', require, options.scope),
            waysThrough(stage),
            options.more?.(stage) ?? '',
        ].join('\n'),
        ...options,
        modules: ['include', 'rewrite', 'actions', 'http2', ...(options.modules ?? [])],
    });
}

/* Sends lines of a request; returns what the application got, or undefined. */
async function send(site, target, lines, method = 'GET') {
    site.backend.requests.clear();
    const answer = await rawRequest(site.httpd.port, rawLines(
        `${method} ${target} HTTP/1.1`, `Host: ${new URL(site.origin).host}`, 'Accept: */*',
        ...lines,
    ), { tls: site.origin.startsWith('https') });
    const entry = site.backend.requests.last();
    return { answer, url: entry?.url, identity: entry && seen(entry) };
}

/* The log keeps raw headers as a flat list. */
function seen({ rawHeaders }) {
    const pairs = rawHeaders.flatMap((name, i) => (i % 2 ? [] : [[name, rawHeaders[i + 1]]]));
    return identityOf({ rawHeaders: pairs });
}

/* Every way, with every forged header. */
async function tryAllWays(site, cookie, expected) {
    for (const [target, reached] of ways) {
        for (const name of identityNames) {
            const { url, identity } = await send(site, target, [...cookie, ...forgedLines(name)]);
            assert.equal(url, reached, target);
            assert.deepEqual(identity, expected, `${target} ${name}`);
        }
    }
}

test('forged identity headers are replaced on every way through httpd', async (t) => {
    const site = await startStage(t, 'valid-user');
    site.httpd.expectErrors(/AH01630/);
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    await tryAllWays(site, [`Cookie: ${cookies}`], identityFor(site.op.users.alice));
});

test('under Require all granted a signed-in user is known, forged headers or not', async (t) => {
    const site = await startStage(t, 'all granted');
    site.httpd.expectErrors(/AH01630/);
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    await tryAllWays(site, [`Cookie: ${cookies}`], identityFor(site.op.users.alice));
});

test('under Require all granted a stranger with forged headers stays nobody', async (t) => {
    const site = await startStage(t, 'all granted');
    site.httpd.expectErrors(/AH01630/);
    await tryAllWays(site, [], []);
});

test('where no AuthType is in force forged headers are removed too', async (t) => {
    const site = await startStage(t, 'valid-user', {
        more: () => '<Location "/app/free">\n    AuthType None\n    Require all granted\n'
            + '</Location>',
    });
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    for (const name of identityNames) {
        const { url, identity } = await send(site, '/app/free',
            [`Cookie: ${cookies}`, ...forgedLines(name)]);
        assert.equal(url, '/app/free');
        assert.deepEqual(identity, []);
    }
});

test('OPTIONS and other methods carry our values alone', async (t) => {
    const site = await startStage(t, 'all granted');
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    for (const method of ['OPTIONS', 'HEAD', 'PUT', 'DELETE', 'PROPFIND']) {
        for (const [lines, expected] of [
            [[`Cookie: ${cookies}`], identityFor(site.op.users.alice)], [[], []],
        ]) {
            const { identity } = await send(site, '/app/x',
                [...lines, ...identityNames.flatMap((name) => [`${name}: x`,
                    `${name.replace('-', '_')}: x`])], method);
            assert.deepEqual(identity, expected, method);
        }
    }
});

test('naming our headers in Connection does not remove them', async (t) => {
    const site = await startStage(t, 'valid-user');
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    const expected = identityFor(site.op.users.alice);
    for (const name of identityNames) {
        const forms = [
            `close, ${name}`, name, name.toLowerCase(), `${name} ,\tclose`, `keep-alive,,${name},`,
            `${name}, ${name.replace('-', '_')}`, `x-other, ${name.toUpperCase()}`,
        ];
        for (const form of forms) {
            const { identity } = await send(site, '/app/x', [
                `Connection: ${form}`, `${name.replace('-', '_')}: mallory`, `Cookie: ${cookies}`,
            ]);
            assert.deepEqual(identity, expected, form);
        }
    }
});

test('a Connection header that parsers split in different ways removes nothing', async (t) => {
    const site = await startStage(t, 'valid-user');
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    for (const form of ['close Remote-User', 'close;Remote-User', '"x", Remote-User',
        '"Remote-User"', 'close\tRemote-User', 'close, (a, b) Remote-User', '"a, Remote-User"']) {
        const { answer, identity } = await send(site, '/app/x',
            [`Connection: ${form}`, `Cookie: ${cookies}`]);
        assert.ok(answer.status === 400 || identity, `${form}: ${answer.status}`);
        assert.deepEqual(identity ?? [], identity ? identityFor(site.op.users.alice) : [], form);
    }
});

test('others named in Connection are still dropped, as HTTP wants it', async (t) => {
    const site = await startStage(t, 'all granted');
    await send(site, '/app/x', ['Connection: X-Hop, Remote-User', 'X-Hop: 1', 'X-Far: 2']);
    const { headers } = site.backend.requests.last();
    assert.equal(headers['x-hop'], undefined);
    assert.equal(headers['x-far'], '2');
});

test('a name with a blank before the colon is refused, or removed by lax servers', async (t) => {
    for (const [more, statuses] of [['', [400]], ['HttpProtocolOptions Unsafe', [200, 400]]]) {
        const site = await startStage(t, 'all granted', { more: () => more });
        for (const blank of [' ', '\t', '  ']) {
            const { answer, identity } = await send(site, '/app/x',
                [`Remote-User${blank}: mallory`, `Remote_User${blank}: mallory`]);
            assert.ok(statuses.includes(answer.status), `${more} ${answer.status}`);
            assert.deepEqual(identity ?? [], []);
        }
    }
});

test('not even conditions that httpd evaluates first see a forged header', async (t) => {
    const site = await startStage(t, 'all granted', {
        more: () => 'SetEnvIfNoCase ^remote.user$ . FORGED\n'
            + 'Header always set X-Forged 1 env=FORGED',
    });
    for (const line of forgedLines('Remote-User')) {
        const { answer } = await send(site, '/app/x', [line]);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['x-forged'], undefined, line);
    }
});

/* A request whose trailers try to say who the user is. */
const withTrailers = (site, target, trailers, headers = []) => rawRequest(site.httpd.port, [
    `POST ${target} HTTP/1.1`, `Host: localhost:${site.httpd.port}`, 'Connection: close',
    ...headers, 'Transfer-Encoding: chunked', '', '1', 'x', '0', ...trailers, '', '',
].join('\r\n'));

test('trailers that httpd merges do not forge the user of an error document', async (t) => {
    const site = await startStage(t, 'all granted', {
        backend: {
            onRequest: (req, res) => {
                res.statusCode = req.url === '/app/broken' ? 500 : 200;
                return false;
            },
        },
        more: () => 'MergeTrailers On\nProxyErrorOverride On\n'
            + 'ErrorDocument 500 /app/error-document',
    });
    for (const name of identityNames) {
        const { body } = await withTrailers(site, '/app/broken', forgedLines(name));
        assert.equal(JSON.parse(body).url, '/app/error-document');
        assert.deepEqual(identityOf(JSON.parse(body)), []);
    }
});

/* A FastCGI application: keeps what it is sent, and answers each request with nothing. */
async function startFastCgi(t) {
    const record = (type, content) => Buffer.concat([
        Buffer.from([1, type, 0, 1, 0, content.length, 0, 0]), content,
    ]);
    const seen = [];
    const server = net.createServer((socket) => {
        let bytes = Buffer.alloc(0);
        socket.on('error', () => {});
        socket.on('data', (chunk) => {
            bytes = Buffer.concat([bytes, chunk]);
            /* the empty STDIN record is the last one */
            if (bytes.includes(Buffer.from([1, 5, 0, 1, 0, 0]))) {
                seen.push(bytes.toString('latin1'));
                socket.end(Buffer.concat([
                    record(6, Buffer.from('Status: 200\r\n\r\n')), record(3, Buffer.alloc(8)),
                ]));
            }
        });
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    t.after(() => server.close());
    return { port: server.address().port, seen };
}

test('trailers that httpd merges do not forge a variable of FastCGI', async (t) => {
    const fastCgi = await startFastCgi(t);
    const site = await startStage(t, 'all granted', {
        modules: ['proxy_fcgi'],
        more: () => `MergeTrailers On\nProxyPass "/fast/" "fcgi://127.0.0.1:${fastCgi.port}/"`,
    });
    for (const name of identityNames) {
        await withTrailers(site, '/fast/x', ['X-Harmless: 1', ...forgedLines(name)]);
        const sent = fastCgi.seen.pop();
        assert.match(sent, /HTTP_X_HARMLESS/, 'trailers are merged');
        assert.doesNotMatch(sent, /HTTP_REMOTE_/i, name);
    }
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    await withTrailers(site, '/fast/x', forgedLines('Remote-User'), [`Cookie: ${cookies}`]);
    const sent = fastCgi.seen.pop();
    assert.match(sent, /HTTP_REMOTE_USERalice/);
    assert.doesNotMatch(sent, /mallory|root,/);
});

test('what RequestHeader makes of our headers stays where a body has trailers', async (t) => {
    const fastCgi = await startFastCgi(t);
    const lines = ['RequestHeader unset Remote-Groups', 'RequestHeader set Remote-Name Somebody',
        `ProxyPass "/fast/" "fcgi://127.0.0.1:${fastCgi.port}/"`];
    for (const merge of ['Off', 'On']) {
        const site = await startStage(t, 'all granted', {
            modules: ['proxy_fcgi'], more: () => [`MergeTrailers ${merge}`, ...lines].join('\n'),
        });
        const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
        await withTrailers(site, '/fast/x', forgedLines('Remote-Name'), [`Cookie: ${cookies}`]);
        const sent = fastCgi.seen.pop();
        assert.match(sent, /HTTP_REMOTE_USERalice/);
        assert.match(sent, /HTTP_REMOTE_NAMESomebody/, merge);
        assert.doesNotMatch(sent, /HTTP_REMOTE_GROUPS|mallory/, merge);
    }
});

test('over HTTP/2 the application gets our values alone', async (t) => {
    const site = await startStage(t, 'all granted', {
        tls: true, host: 'myapp.test', more: () => 'Protocols h2 http/1.1',
    });
    site.httpd.expectErrors(/AH01630/);
    const { cookies } = await loggedIn(site, 'alice', { back: '/app/login' });
    for (const [target, reached] of ways) {
        for (const name of identityNames) {
            const headers = Object.fromEntries(spellings(name)
                .map((each) => [each.toLowerCase(), ['mallory', 'root']]));
            for (const [who, expected] of [
                [{ cookie: cookies }, identityFor(site.op.users.alice)], [{}, []],
            ]) {
                site.backend.requests.clear();
                await http2Request(site.url(target), { headers: { ...headers, ...who } });
                assert.equal(site.backend.requests.last()?.url, reached);
                assert.deepEqual(seen(site.backend.requests.last()), expected, target);
            }
        }
    }
});
