/*
 * The shared memory as a provider of httpd's shared object cache: other modules keep their
 * things in it, by the same directives and arguments as in any other.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import tls from 'node:tls';
import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { configTest, rawLines, rawRequest, startHttpd } from './harness.mjs';

const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/* Basic authentication whose passwords are cached; the file with them is `people`. */
const withCache = (server, store = 'shm:1M') => [
    `AuthnCacheSOCache ${store}`, 'AuthnCacheEnable',
    '<Location "/">', '    AuthType Basic', '    AuthName here',
    '    AuthBasicProvider socache file', '    AuthnCacheProvideFor file',
    `    AuthUserFile "${server.file('people')}"`, '    Require valid-user', '</Location>',
].join('\n');

const passwords = (password) => `alice:{SHA}${execFileSync('openssl', ['dgst', '-sha1', '-binary'], {
    input: password,
}).toString('base64')}\n`;

const modules = ['authn_file', 'auth_basic', 'authn_socache', 'status'];

function ask(httpd, password, target = '/index.html') {
    return rawRequest(httpd.port, rawLines(
        `GET ${target} HTTP/1.1`, `Host: localhost:${httpd.port}`,
        `Authorization: ${basic('alice', password)}`,
    ));
}

test('mod_authn_socache keeps passwords in it, in every child and through a reload', async (t) => {
    const httpd = await startHttpd(t, {
        conf: withCache,
        modules,
        files: { people: passwords('first'), 'htdocs/index.html': 'in' },
    });
    assert.equal((await ask(httpd, 'first')).status, 200);
    /* with another password in the file only the cache still knows the first one */
    fs.writeFileSync(httpd.file('people'), passwords('second'));
    for (let i = 0; i < 8; i += 1) {
        assert.equal((await ask(httpd, 'first')).status, 200);
    }
    await httpd.graceful();
    assert.equal((await ask(httpd, 'first')).status, 200);
    await httpd.restart();
    httpd.expectErrors(/AH01617/);
    assert.equal((await ask(httpd, 'first')).status, 401);
    assert.equal((await ask(httpd, 'second')).status, 200);
});

test('mod_ssl keeps its sessions in it, and mod_status shows how full it is', async (t) => {
    const httpd = await startHttpd(t, {
        conf: ['SSLSessionCache shm:1M', 'SSLSessionTickets off', 'SSLProtocol TLSv1.2',
            'ExtendedStatus On', '<Location "/status">\n    SetHandler server-status\n</Location>',
        ].join('\n'),
        tls: true,
        modules: ['status'],
    });
    const connect = async (session) => {
        const socket = tls.connect({
            port: httpd.port, host: '127.0.0.1', servername: 'localhost', session,
            rejectUnauthorized: false, maxVersion: 'TLSv1.2',
        });
        await once(socket, 'secureConnect');
        const found = { session: socket.getSession(), reused: socket.isSessionReused() };
        socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        let body = '';
        socket.on('data', (chunk) => { body += chunk; });
        await once(socket, 'close');
        return { ...found, body };
    };
    const { session } = await connect();
    for (let i = 0; i < 6; i += 1) {
        const again = await connect(session);
        assert.equal(again.reused, true);
        assert.match(again.body, /records: <b>[1-9]\d*<\/b>, bytes: <b>[1-9]/);
    }
    await httpd.graceful();
    assert.equal((await connect(session)).reused, true);
});

test('arguments that are wrong are refused where they are read', async () => {
    for (const [store, said] of [
        ['shm:1K', /"1K" is not a size from 512K/], ['shm:1M,elsewhere', /neither a size nor file=/],
    ]) {
        const { code, stderr } = await configTest((server) => withCache(server, store), { modules });
        assert.equal(code, 1);
        assert.match(stderr, said);
    }
});
