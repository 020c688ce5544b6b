/*
 * tinyauth-doctor with an API key: it shows what it would do at Pocket ID, does nothing unless
 * told to, and afterwards the client is as the server's configuration needs it.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { providerSection, startLiar } from './harness.mjs';
import { startPocketId } from './pocket_id.mjs';
import { configuredServer, doctor } from './support/doctor.mjs';

const callback = 'https://wiki.example.com/api/oauth/callback/pocketid';
const signedOut = 'https://wiki.example.com/tinyauth/signed-out';

/* A server whose secret is yet to be written, and the file with the API key. */
async function stage(t, options = {}) {
    const pocketId = await startPocketId(t, options.pocketId);
    const op = { issuer: pocketId.issuer, clientId: 'wiki' };
    const server = await configuredServer(t, ({ dir }) => [
        providerSection(op, {
            TinyauthClientSecret: undefined,
            ...(!options.isPublic && { TinyauthClientSecretFile: `${dir}/keys/wiki.secret` }),
            ...options.section,
        }),
        options.more ?? '',
        '<VirtualHost *:443>', 'ServerName https://wiki.example.com', '<Location "/">',
        'AuthType Tinyauth', `Require ${options.require ?? 'oauth-group admins'}`,
        '</Location>', '</VirtualHost>',
    ].join('\n'), {
        files: { 'api.key': { text: `${pocketId.apiKey}\n`, mode: 0o600 }, ...options.files },
    });
    const repair = (...args) => server.ask('--api-key-file', server.file('api.key'), ...args);
    const secret = () => fs.readFileSync(server.file('keys/wiki.secret'), 'utf8').trim();
    return { pocketId, server, repair, secret };
}

function assertNoSecret(pocketId, { out, err }) {
    for (const secret of pocketId.secrets) {
        assert.ok(!(out + err).includes(secret), 'a secret is shown');
    }
}

const steps = (out) => [...out.matchAll(/to do: (.*)/g)].map((match) => match[1]);

test('a client is created with its secret and its groups, and then all is well', async (t) => {
    const { pocketId, server, repair, secret } = await stage(t);
    const { code, out, err } = await repair('--yes');
    const client = pocketId.clients.get('wiki');
    assert.ok(client, out);
    assert.deepEqual(client.callbackURLs, [callback]);
    assert.deepEqual(client.logoutCallbackURLs, [signedOut]);
    assert.equal(client.name, 'wiki.example.com');
    assert.deepEqual([client.pkceEnabled, client.isPublic, client.isGroupRestricted],
        [true, false, true]);
    assert.deepEqual(pocketId.groups.map(({ name }) => name), ['admins']);
    assert.deepEqual(client.allowed, [pocketId.groups[0].id]);
    assert.ok(pocketId.accepts('wiki', secret()));
    assert.equal(fs.statSync(server.file('keys/wiki.secret')).mode & 0o777, 0o600);
    assert.equal(fs.statSync(server.file('keys')).mode & 0o777, 0o700);
    assert.match(out, /✓ client: the provider accepts id and secret/);
    assert.match(out, /apachectl graceful/);
    assert.equal(code, 0, out);
    assertNoSecret(pocketId, { out, err });
    const before = pocketId.changes.length;
    const again = await repair('--yes');
    assert.match(again.out, /there is nothing to do/);
    assert.equal(pocketId.changes.length, before, 'changed although all was well');
});

test('nothing is done by a dry run, nor when nobody says yes', async (t) => {
    const { pocketId, server, repair } = await stage(t);
    for (const args of [['--dry-run'], []]) {
        const { code, out } = await repair(...args);
        assert.equal(steps(out).length, 4, out);
        assert.match(out, /Nothing was done/);
        assert.equal(code, 1, 'the client is missing still');
    }
    assert.deepEqual(pocketId.changes, []);
    assert.ok(!fs.existsSync(server.file('keys')));
});

test('a client that is there is repaired, and keeps what we do not know', async (t) => {
    const { pocketId, repair, secret } = await stage(t);
    const team = pocketId.addGroup('team');
    pocketId.addGroup('admins-of-others');
    pocketId.addClient({
        id: 'wiki',
        name: 'Our <wiki>',
        callbackURLs: ['https://old.example.com/callback'],
        launchURL: 'https://wiki.example.com/a/b',
        somethingNew: { a: [1, 'ü', null] },
    });
    pocketId.clients.get('wiki').allowed = [team.id];
    const { code, out } = await repair('--yes', '--allow-group', 'admins');
    const client = pocketId.clients.get('wiki');
    assert.deepEqual(client.callbackURLs, ['https://old.example.com/callback', callback]);
    assert.deepEqual([client.name, client.launchURL, client.somethingNew],
        ['Our <wiki>', 'https://wiki.example.com/a/b', { a: [1, 'ü', null] }]);
    assert.equal(client.pkceEnabled, true);
    const admins = pocketId.groups.find(({ name }) => name === 'admins');
    assert.deepEqual(client.allowed, [team.id, admins.id]);
    assert.ok(pocketId.accepts('wiki', secret()));
    assert.equal(code, 0, out);
});

test('a secret that works is kept, one that does not is replaced', async (t) => {
    const { pocketId, server, repair, secret } = await stage(t, {
        files: { 'keys/wiki.secret': { text: 'old\n', mode: 0o600 } },
    });
    const client = pocketId.addClient({
        id: 'wiki', name: 'Wiki', callbackURLs: [callback], logoutCallbackURLs: [signedOut],
        pkceEnabled: true, isGroupRestricted: false,
    });
    pocketId.addSecret(client, 'old');
    const kept = await repair('--yes');
    assert.match(kept.out, /there is nothing to do/);
    client.secretHashes = [];
    const replaced = await repair('--yes');
    assert.deepEqual(steps(replaced.out).length, 1, replaced.out);
    assert.notEqual(secret(), 'old');
    assert.ok(pocketId.accepts('wiki', secret()));
    assert.deepEqual(fs.readdirSync(server.file('keys')), ['wiki.secret']);
});

test('Pocket ID before 2.14 has one secret for each client', async (t) => {
    const { pocketId, repair, secret } = await stage(t, { pocketId: { hasSecretList: false } });
    const { code, out } = await repair('--yes');
    assert.ok(pocketId.accepts('wiki', secret()), out);
    assert.equal(code, 0, out);
});

test('a public client gets no secret', async (t) => {
    const { pocketId, repair } = await stage(t, { isPublic: true });
    const { out, code } = await repair('--yes', '--unrestricted', '--name', 'The wiki');
    const client = pocketId.clients.get('wiki');
    assert.deepEqual([client.isPublic, client.secretHashes, client.name, client.isGroupRestricted],
        [true, [], 'The wiki', false]);
    assert.deepEqual(pocketId.groups, []);
    assert.equal(code, 0, out);
});

test('who may use a client that nobody can use has to be said', async (t) => {
    const { pocketId, repair } = await stage(t, { require: 'valid-user' });
    const unsaid = await repair('--yes');
    assert.match(unsaid.out, /nobody may use the client: say who may/);
    assert.deepEqual(pocketId.changes, []);
    const said = await repair('--yes', '--allow-group', 'the team', '--allow-group', 'x&y=z');
    assert.deepEqual(pocketId.groups.map(({ name }) => name), ['the team', 'x&y=z']);
    assert.equal(said.code, 0, said.out);
});

test('a group is found on whatever page it is', async (t) => {
    const { pocketId, repair } = await stage(t);
    for (let i = 0; i < 150; i += 1) {
        pocketId.addGroup(`admins-${i}`);
    }
    const admins = pocketId.addGroup('admins');
    const { out } = await repair('--yes');
    assert.deepEqual(pocketId.clients.get('wiki').allowed, [admins.id], out);
    assert.equal(pocketId.groups.length, 151);
});

test('a key that does not count changes nothing, and says so', async (t) => {
    const { pocketId, server, repair } = await stage(t);
    fs.writeFileSync(server.file('api.key'), 'nonsense\n');
    const { code, out } = await repair('--yes');
    assert.match(out, /does not accept the API key \("?You are not signed in/);
    assert.deepEqual(pocketId.changes, []);
    assert.equal(code, 1);
});

test('a client is created before anything is configured', async (t) => {
    const { pocketId, server } = await stage(t);
    const file = server.file('fresh/pocketid.secret');
    const { code, out } = await doctor(pocketId.issuer, '--api-key-file', server.file('api.key'),
        '--client-id', 'fresh', '--callback', callback, '--secret-file', file,
        '--allow-group', 'admins', '--yes');
    assert.ok(pocketId.accepts('fresh', fs.readFileSync(file, 'utf8').trim()), out);
    for (const line of ['<TinyauthProvider pocketid>', `TinyauthIssuer           ${pocketId.issuer}`,
        'TinyauthClientID         fresh', `TinyauthClientSecretFile ${file}`]) {
        assert.ok(out.includes(line), out);
    }
    assert.equal(code, 0, out);
    assertNoSecret(pocketId, { out, err: '' });
});

test('another provider is left alone', async (t) => {
    const liar = await startLiar({}, t);
    liar.onDiscovery = (document) => ({ ...document, token_endpoint: `${liar.issuer}/token` });
    const { server } = await stage(t);
    const { out } = await doctor(liar.issuer, '--api-key-file', server.file('api.key'),
        '--client-id', 'x', '--callback', callback, '--yes');
    assert.match(out, /not Pocket ID: left alone/);
    for (const { headers } of liar.requests.entries) {
        assert.equal(headers['x-api-key'], undefined);
    }
    assert.ok(liar.requests.count() > 0, 'the liar was not asked at all');
});

test('of two Pocket IDs the one is not shown the key of the other', async (t) => {
    const liar = await startLiar({}, t);
    liar.onDiscovery = (document) => ({
        ...document,
        authorization_endpoint: `${liar.issuer}/authorize`,
        token_endpoint: `${liar.issuer}/api/oidc/token`,
    });
    const { pocketId, repair } = await stage(t, {
        more: providerSection({ issuer: liar.issuer, clientId: 'x' }, {}, 'others'),
    });
    const { code, err } = await repair('--yes');
    assert.equal(code, 2);
    assert.match(err, /an API key is of one Pocket ID, and there are \S+ and \S+: .*--provider/);
    assert.deepEqual(pocketId.changes, []);
    assert.equal((await repair('--yes', '--provider', 'pocketid')).code, 0);
    assert.notDeepEqual(pocketId.changes, []);
    for (const { headers } of liar.requests.entries) {
        assert.equal(headers['x-api-key'], undefined);
    }
});

test('where the secret has no place to go nothing is changed', async (t) => {
    const { pocketId, repair } = await stage(t, {
        isPublic: true, section: { TinyauthClientSecret: 'in-line' },
    });
    const { out } = await repair('--yes');
    assert.match(out, /write TinyauthClientSecretFile/);
    assert.deepEqual(pocketId.changes, []);
});
