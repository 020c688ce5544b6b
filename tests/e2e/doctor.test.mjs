/*
 * tinyauth-doctor looks: at a provider by its URL, and at a server's configuration. Each fault
 * that people make is found, named, and there is a way out.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import {
    freePort, httpdPath, providerSection, startLiar, startProvider, testCertificates,
} from './harness.mjs';
import { startPocketId } from './pocket_id.mjs';
import { configuredServer, doctor } from './support/doctor.mjs';
import { environment } from './support/httpd.mjs';
import { listen } from './support/ports.mjs';

/* The line of a check, and what follows below it. */
function finding(out, what) {
    const lines = out.split('\n');
    const at = lines.findIndex((line) => new RegExp(`^  \\S+ ${what}: `).test(line));
    assert.ok(at >= 0, `nothing is said about ${what}:\n${out}`);
    const end = lines.findIndex((line, i) => i > at && !line.startsWith('      '));
    return { mark: lines[at].trim()[0], text: lines.slice(at, end).join('\n') };
}

function assertGood(out, ...checks) {
    for (const what of checks) {
        assert.equal(finding(out, what).mark, '✓', out);
    }
}

function assertWrong({ code, out }, what, ...patterns) {
    const { mark, text } = finding(out, what);
    assert.equal(mark, '✗', out);
    for (const pattern of patterns) {
        assert.match(text, pattern, out);
    }
    assert.equal(code, 1, out);
}

test('a real provider is found to be all right', async (t) => {
    const op = await startProvider({
        clients: [{ clientId: 'tinyauth', clientSecret: 'x'.repeat(32), redirectUris: [] }],
    });
    t.after(() => op.close());
    const { code, out } = await doctor(op.issuer);
    assertGood(out, 'reachable', 'clock', 'issuer', 'keys', 'groups', 'PKCE');
    assert.match(out, /All is well/);
    assert.equal(code, 0, out);
});

test('over TLS the certificate is looked at', async (t) => {
    const tls = testCertificates();
    const pocketId = await startPocketId(t, { tls });
    assertWrong(await doctor(pocketId.issuer), 'TLS', /certificate/,
        /TinyauthCACertificateFile/);
    const good = await doctor('--ca-file', tls.caFile, pocketId.issuer);
    assertGood(good.out, 'reachable', 'TLS', 'issuer');
    assert.equal(good.code, 0, good.out);
    assert.doesNotMatch(good.out, /CA file/);
    const closed = await configuredServer(t, '', {
        files: { 'ca.pem': { text: tls.ca.toString(), mode: 0o600 } },
    });
    const warned = await doctor('--ca-file', closed.file('ca.pem'), pocketId.issuer);
    assert.match(finding(warned.out, 'CA file').text, /chmod 0644/);
    const elsewhere = pocketId.issuer.replace('localhost', '127.0.0.2');
    assert.equal((await doctor('--ca-file', tls.caFile, elsewhere)).code, 1);
});

test('nobody there, and a name that nobody knows', async () => {
    assertWrong(await doctor(`http://localhost:${await freePort()}`), 'reachable', /onnect/,
        /Check host and port/);
    assertWrong(await doctor('https://no-such-host.invalid'), 'reachable', /resolve/, /Check the name/);
});

test('something else than a provider', async (t) => {
    const server = http.createServer((req, res) => res.end('hello'));
    const port = await freePort();
    t.after(await listen(server, port));
    assertWrong(await doctor(`http://localhost:${port}`), 'discovery', /no JSON object/);
    const liar = await startLiar({}, t);
    liar.onDiscovery = () => ({ status: 404, text: 'no' });
    assertWrong(await doctor(liar.issuer), 'discovery', /404/, /TinyauthIssuer/);
});

test('an issuer that is called otherwise', async (t) => {
    const pocketId = await startPocketId(t, { issuerSays: 'https://id.example.com' });
    assertWrong(await doctor(pocketId.issuer), 'issuer', /https:\/\/id\.example\.com/, /APP_URL/);
    const right = await startPocketId(t);
    assertWrong(await doctor(`${right.issuer}/`), 'issuer', /to the last character/);
});

test('clocks that differ', async (t) => {
    for (const [skew, mark, words] of [[-400, '✗', /ahead of/], [400, '✗', /behind/],
        [120, '!', /behind/], [5, '✓', /agree/]]) {
        const pocketId = await startPocketId(t, { skew });
        const { out, code } = await doctor(pocketId.issuer);
        const found = finding(out, 'clock');
        assert.equal(found.mark, mark, out);
        assert.match(found.text, words);
        assert.equal(code, mark === '✗' ? 1 : 0);
    }
});

test('keys that verify nothing, and scopes that are not there', async (t) => {
    const liar = await startLiar({}, t);
    liar.onKeys = () => ({ keys: [{ kty: 'oct', k: 'AAAA' }] });
    assertWrong(await doctor(liar.issuer), 'keys', /none of the 1 keys/, /RS256/);
    liar.onKeys = () => ({ status: 500, text: '' });
    assertWrong(await doctor(liar.issuer), 'keys', /status 500/);
    liar.behave();
    liar.onDiscovery = (document) => ({ ...document, scopes_supported: ['openid'] });
    assert.match(finding((await doctor(liar.issuer)).out, 'groups').text, /TinyauthGroupsClaim/);
    liar.onDiscovery = (document) => ({ ...document, code_challenge_methods_supported: ['plain'] });
    assert.equal(finding((await doctor(liar.issuer)).out, 'PKCE').mark, '!');
});

test('a client id that Pocket ID does not know, and a secret that it does not accept', async (t) => {
    const pocketId = await startPocketId(t);
    const client = pocketId.addClient({ id: 'my-app', name: 'My "app"' });
    const server = await configuredServer(t, '', { files: { secret: { text: 'wrong\n', mode: 0o600 } } });
    const file = server.file('secret');
    const look = (id) => doctor(pocketId.issuer, '--client-id', id, '--secret-file', file);

    assertWrong(await look('other'), 'client id', /knows no client other/, /--api-key-file/);
    const wrong = await look('my-app');
    assertGood(wrong.out, 'client id', 'secret file');
    assertWrong(wrong, 'client', /does not accept/, /Write the secret anew/);
    fs.writeFileSync(file, `${pocketId.addSecret(client)}\n`);
    const right = await look('my-app');
    assertGood(right.out, 'client id', 'secret file', 'client');
    assert.equal(right.code, 0, right.out);
    for (const secret of pocketId.secrets) {
        assert.ok(!(right.out + wrong.out).includes(secret), 'a secret is shown');
    }
});

test('files with secrets that others can read, that are empty, or not there', async (t) => {
    const pocketId = await startPocketId(t);
    const client = pocketId.addClient({ id: 'my-app', name: 'My app' });
    const secret = pocketId.addSecret(client);
    const server = await configuredServer(t, '', {
        files: { open: { text: secret, mode: 0o644 }, empty: { text: '\n', mode: 0o600 } },
    });
    const look = (name) => doctor(pocketId.issuer, '--client-id', 'my-app', '--secret-file',
        server.file(name));
    const open = await look('open');
    assert.equal(finding(open.out, 'secret file').mark, '!', open.out);
    assert.match(finding(open.out, 'secret file').text, /chmod 0600/);
    assert.equal(open.code, 0);
    assertWrong(await look('empty'), 'secret file', /is empty/);
    assertWrong(await look('absent'), 'secret file', /No such file/, /mode 0600/);
});

/* A server with two sites and one login host. */
const sites = (op, more = {}) => ({ dir }) => [
    providerSection(op, {
        TinyauthClientSecret: undefined, TinyauthClientSecretFile: `${dir}/secret`, ...more.section,
    }),
    more.server ?? '',
    '<VirtualHost *:443>', 'ServerName https://wiki.example.com', 'ServerAlias docs.example.com',
    '<Location "/">', 'AuthType Tinyauth', 'Require oauth-group admins "the team" /^x/',
    '</Location>', more.host ?? '', '</VirtualHost>',
    '<VirtualHost *:80>', 'ServerName wiki.example.com', '</VirtualHost>',
    '<VirtualHost *:443>', 'ServerName https://open.example.com', '</VirtualHost>',
].join('\n');

const secretFile = (text) => ({ files: { secret: { text: `${text}\n`, mode: 0o600 } } });

test('the server\'s configuration says which URLs to register', async (t) => {
    const pocketId = await startPocketId(t);
    const client = pocketId.addClient({ id: 'wiki', name: 'Wiki' });
    const op = { issuer: pocketId.issuer, clientId: 'wiki' };
    const server = await configuredServer(t, sites(op), secretFile(pocketId.addSecret(client)));
    const { out, code } = await server.ask();
    assertGood(out, 'reachable', 'issuer', 'client id', 'client', 'cookie', 'groups');
    const urls = [...out.matchAll(/register as (\S* ?callback) URL: (\S+)/g)].map((m) => m[2]);
    assert.deepEqual(urls, [
        'https://wiki.example.com/api/oauth/callback/pocketid',
        'https://docs.example.com/api/oauth/callback/pocketid',
        'https://wiki.example.com/tinyauth/signed-out',
        'https://docs.example.com/tinyauth/signed-out',
    ]);
    assert.ok(!out.includes('open.example.com'), out);
    assert.equal(code, 0, out);
});

test('with a login host there is one URL, and the hosts must fit it', async (t) => {
    const pocketId = await startPocketId(t);
    const client = pocketId.addClient({ id: 'wiki', name: 'Wiki' });
    const op = { issuer: pocketId.issuer, clientId: 'wiki' };
    const files = secretFile(pocketId.addSecret(client));
    const ask = async (more) => (await configuredServer(t, sites(op, more), files)).ask();

    const good = await ask({ server: 'TinyauthAppURL https://open.example.com' });
    assert.match(good.out, /callback URL: https:\/\/open\.example\.com\/api\/oauth\/callback\/poc/);
    assert.ok(!good.out.includes('callback URL: https://wiki.'), good.out);
    assertGood(good.out, 'login host');
    const elsewhere = await ask({ server: 'TinyauthAppURL https://login.example.com' });
    assert.equal(finding(elsewhere.out, 'login host').mark, '!', elsewhere.out);
    assertWrong(await ask({ server: 'TinyauthAppURL http://open.example.com' }), 'login host',
        /http:\/\/open\.example\.com, but this host is https:/, /ServerName https:/);
    assertWrong(await ask({ host: 'TinyauthCookieDomain example.org' }), 'cookie',
        /example\.org does not cover wiki\.example\.com/, /take the directive out/);
    const groups = await ask({ section: { TinyauthScopes: 'openid profile' } });
    assert.match(finding(groups.out, 'groups').text, /Add groups to TinyauthScopes/);
    const inline = await ask({
        section: { TinyauthClientSecretFile: undefined, TinyauthClientSecret: 'secret-in-line' },
    });
    assert.equal(finding(inline.out, 'secret').mark, '!', inline.out);
    assert.ok(!inline.out.includes('secret-in-line'));
});

test('explicit URLs without an issuer are looked at, too', async (t) => {
    const pocketId = await startPocketId(t);
    const client = pocketId.addClient({ id: 'wiki', name: 'Wiki' });
    const op = { issuer: pocketId.issuer, clientId: 'wiki' };
    const section = {
        TinyauthIssuer: undefined,
        TinyauthAuthURL: `${op.issuer}/authorize`,
        TinyauthTokenURL: `${op.issuer}/api/oidc/token`,
        TinyauthUserInfoURL: `${op.issuer}/api/oidc/userinfo`,
    };
    const server = await configuredServer(t, sites(op, { section }),
        secretFile(pocketId.addSecret(client)));
    const { out, code } = await server.ask();
    assert.equal(finding(out, 'issuer').mark, '!', out);
    assertGood(out, 'reachable', 'client');
    assert.equal(code, 0, out);
});

test('a control program that refuses says why, on whichever output', async () => {
    for (const output of ['1', '2']) {
        const { code, err } = await doctor('--server', `sh -c "echo no arguments >&${output}; exit 1"`);
        assert.equal(code, 2);
        assert.match(err, /does not accept its configuration\nno arguments/);
    }
});

test('what httpd itself warns of is passed on, and what it refuses', async (t) => {
    const pocketId = await startPocketId(t);
    const op = { issuer: pocketId.issuer, clientId: 'wiki' };
    const warned = await configuredServer(t, sites(op, { host: '<Location "/x">\nAuthType Tinyauth\n</Location>' }),
        secretFile('x'));
    assert.match((await warned.ask()).out, /! configuration: TA0141: .*does not say who may pass/);
    const refused = await (await configuredServer(t, 'TinyauthEngine perhaps')).ask();
    assert.equal(refused.code, 2);
    assert.match(refused.err, /does not accept its configuration[^]*On or Off/);
    const empty = await (await configuredServer(t, '')).ask();
    assert.equal(empty.code, 2);
    assert.match(empty.err, /no such provider is described/);
    const foreign = await (await configuredServer(t, '', { module: false })).ask();
    assert.equal(foreign.code, 2);
    assert.match(foreign.err, /mod_tinyauth is not loaded/);
});

const dumpOf = ({ dir, confFile }) => execFileSync(
    httpdPath,
    ['-t', '-D', 'TINYAUTH_DUMP', '-d', dir, '-f', confFile],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: environment({}) },
);

test('scheme and port of a host are those that browsers see', async (t) => {
    const host = (port, ...lines) => [`<VirtualHost *:${port}>`, ...lines, '</VirtualHost>'];
    const server = await configuredServer(t, [
        providerSection({ issuer: 'https://id.example.com', clientId: 'x' }),
        ...host(443, 'ServerName a.example.com'),
        ...host(8443, 'ServerName b.example.com', 'SSLEngine on'),
        ...host(8443, 'ServerName c.example.com:443', 'SSLEngine on'),
        ...host(80, 'ServerName https://d.example.com'),
        ...host(80, 'ServerName E.example.com'),
        ...host(8080, 'ServerName f.example.com'),
    ].join('\n'), { modules: ['ssl'] });
    const { hosts } = JSON.parse(dumpOf(server));
    assert.deepEqual(hosts.filter((each) => !each.is_main).map(({ origin }) => origin).sort(), [
        'http://e.example.com', 'http://f.example.com:8080', 'https://a.example.com',
        'https://b.example.com:8443', 'https://c.example.com', 'https://d.example.com',
    ]);
});

test('the dump holds no secret, and can be looked at elsewhere', async (t) => {
    const pocketId = await startPocketId(t);
    const client = pocketId.addClient({ id: 'wiki', name: 'Wiki' });
    const secret = pocketId.addSecret(client);
    const op = { issuer: pocketId.issuer, clientId: 'wiki' };
    const server = await configuredServer(t, sites(op, {
        host: `TinyauthSecretFile ${'long'}`,
    }), { files: { ...secretFile(secret).files, long: { text: 's'.repeat(40), mode: 0o600 } } });
    const dump = dumpOf(server);
    assert.ok(!dump.includes(secret) && !dump.includes('s'.repeat(40)), 'a secret is in the dump');
    const parsed = JSON.parse(dump);
    assert.deepEqual(parsed.groups, ['admins', 'the team']);
    const file = path.join(server.dir, 'dump.json');
    fs.writeFileSync(file, dump);
    const { out, code } = await doctor('--dump', file);
    assert.match(finding(out, 'TinyauthSecretFile').text, /closed to others/);
    assert.equal(code, 0, out);
    fs.writeFileSync(file, dump.slice(0, 100));
    assert.equal((await doctor('--dump', file)).code, 2);
});

test('a command line that makes no sense is refused', async () => {
    for (const args of [['--nonsense'], ['--client-id', 'x'], ['https://a.example', 'https://b.example'],
        ['nonsense'], ['http://id.example.com'], ['--yes'], ['--dump', '/no/such/file'],
        ['--server', '/no/such/program'], ['--dump', 'x', 'https://id.example.com'],
        ['--api-key-file', '/no/such/file', '--client-id', 'a', '--callback', 'b', 'https://a.example'],
    ]) {
        const { code, err } = await doctor(...args);
        assert.equal(code, 2, args.join(' '));
        assert.match(err, /^tinyauth-doctor: .{20,}/, args.join(' '));
    }
    assert.match((await doctor('--help')).out, /--api-key-file/);
    assert.match((await doctor('--version')).out, /^tinyauth-doctor \d+\.\d+\.\d+/);
});
