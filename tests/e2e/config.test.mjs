/*
 * What `httpd -t` says about half and dangerous configurations: they are refused, or warned of,
 * with file and line, what is wrong, and what to write.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { configTest } from './harness.mjs';

const issuer = 'TinyauthIssuer https://id.example.com';
const client = 'TinyauthClientID abc';
const section = (...lines) => ['<TinyauthProvider pocketid>', ...lines, '</TinyauthProvider>'];
const good = section(issuer, client);
const location = (...lines) => ['<Location "/a">', ...lines, '</Location>'];

/* Tests lines that stand in a file of their own. */
function check(lines, options = {}) {
    return configTest((server) => `Include "${server.file('test.conf')}"`, {
        ...options, files: { 'test.conf': lines.join('\n'), ...options.files },
    });
}

/* "…/test.conf:3" in our messages, "line 3 of …/test.conf" in httpd's own. */
function placeIn(text) {
    const match = /test\.conf:(\d+)/.exec(text) ?? /line (\d+) of \S*test\.conf/.exec(text);
    return match && Number(match[1]);
}

/*
 * Each case: the lines, the line that is named (a part of it), what is said to be wrong, and
 * what is said to help.
 */
async function assertSaid(cases, code) {
    for (const [lines, at, wrong, help] of cases) {
        const { code: actual, stderr } = await check(lines);
        const what = `${lines.join(' | ')}\n${stderr}`;
        assert.equal(actual, code, what);
        assert.match(stderr, wrong, what);
        assert.match(stderr, help, what);
        assert.ok(lines[placeIn(stderr) - 1]?.includes(at), `${what}\nnot the line of ${at}`);
    }
}

const endpoints = [
    'TinyauthAuthURL https://id.example.com/a', 'TinyauthTokenURL https://id.example.com/t',
    'TinyauthUserInfoURL https://id.example.com/u',
];

test('a provider that lacks something is refused', () => assertSaid([
    [section(issuer), '<Tinyauth', /TinyauthClientID is missing/, /write the client ID/],
    [section(client), '<Tinyauth', /TinyauthAuthURL is missing/, /write TinyauthIssuer, or all/],
    [section(), '<Tinyauth', /TinyauthClientID is missing/, /write/],
    ...endpoints.map((left) => [
        section(client, ...endpoints.filter((each) => each !== left)), '<Tinyauth',
        new RegExp(`${left.split(' ')[0]} is missing`), /write TinyauthIssuer, or all three/,
    ]),
    [section(issuer, client, 'TinyauthTokenAuth basic'), '<Tinyauth', /needs a secret/,
        /write TinyauthClientSecretFile/],
], 1));

const urls = ['Issuer', 'AuthURL', 'TokenURL', 'UserInfoURL', 'JwksURL', 'EndSessionURL'];

test('a URL that is none is refused', () => assertSaid(urls.flatMap((name) => [
    'id.example.com', '/path', 'ftp://id.example.com/', 'https://', 'https://user@id.example.com/',
    'https://id.example.com:99999/', '"https://id example.com/"',
].map((url) => [
    section(...(name === 'Issuer' ? [] : [issuer]), client, `Tinyauth${name} ${url}`), '<Tinyauth',
    new RegExp(`Tinyauth${name} is`), /write an absolute one such as https:\/\//,
])), 1));

test('plain http to a host that is not loopback is refused', () => assertSaid(urls.flatMap(
    (name) => ['http://id.example.com/x', 'http://127.0.0.1.example.com/', 'http://10.0.0.1/',
        'http://localhost.example.com/'].map((url) => [
        section(...(name === 'Issuer' ? [] : [issuer]), client, `Tinyauth${name} ${url}`),
        '<Tinyauth', /not encrypted/, /write https:\/\/\S+, or TinyauthInsecure On/,
    ]),
), 1));

test('plain http to loopback is fine', async () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]', 'localhost:8080']) {
        const { code, stderr } = await check(section(client, `TinyauthIssuer http://${host}`));
        assert.equal(code, 0, stderr);
    }
});

test('a provider\'s settings that cannot work are refused', () => assertSaid([
    [section(`${issuer}/.well-known/openid-configuration`, client), '<Tinyauth',
        /is no part of an issuer/, /write https:\/\/id\.example\.com\S*$/m],
    [section(`${issuer}/?a=b`, client), '<Tinyauth', /is no part of an issuer/, /write/],
    [section(issuer, client, 'TinyauthScopes profile email'), '<Tinyauth', /asked for openid/,
        /write openid profile email/],
    [section(issuer, client, `TinyauthScopes openid ${'x'.repeat(5000)}`), '<Tinyauth',
        /TinyauthScopes has 5007 bytes/, /write at most 4096/],
    [section(issuer, client, 'TinyauthRedirectURL https://a.example.com/callback'), '<Tinyauth',
        /not where the answer is awaited/,
        /write https:\/\/a\.example\.com\/api\/oauth\/callback\/pocketid/],
    [section(issuer, client, 'TinyauthRedirectURL nonsense'), '<Tinyauth', /no absolute URL/,
        /write https:\/\//],
    [section(issuer, client, 'TinyauthTokenAuth magic'), 'TokenAuth', /not "magic"/,
        /must be auto, basic, post or none/],
    [section(issuer, client, 'TinyauthIdTokenAlg HS256'), 'IdTokenAlg', /does not know "HS256"/,
        /write one or more of RS256/],
    [section(issuer, client, 'TinyauthIdTokenAlg none'), 'IdTokenAlg', /"none"/, /write/],
    [section(issuer, client, 'TinyauthIdTokenAlg ","'), 'IdTokenAlg', /needs a name/, /write one/],
    [section(issuer, client, 'TinyauthUserClaim'), 'UserClaim', /must not be empty/, /UserClaim/],
    [section(issuer, client, 'TinyauthInsecure maybe'), 'Insecure', /not "maybe"/, /On or Off/],
    [section(issuer, client, 'TinyauthClientSecretFile /no/such/file'), 'SecretFile',
        /\/no\/such\/file, which cannot be read/, /No such file/],
    [section(issuer, client, 'TinyauthCACertificateFile /no/such/file'), 'CACertificate',
        /cannot be read/, /No such file/],
    [section(issuer, client, 'TinyauthClientSecret x', 'TinyauthClientSecretFile /no/such/file'),
        'ClientSecretFile', /and TinyauthClientSecret both give the secret/, /leave one/],
    [section(issuer, client, 'TinyauthClientSecret ""'), 'ClientSecret', /takes one argument/,
        /client secret/],
], 1));

test('sections in the wrong place, twice, or without a good id are refused', () => assertSaid([
    [['<TinyauthProvider Pocket_ID>', issuer, client, '</TinyauthProvider>'], '<Tinyauth',
        /not "Pocket_ID"/, /write <TinyauthProvider pocketid>/],
    [['<TinyauthProvider>', issuer, client, '</TinyauthProvider>'], '<Tinyauth', /needs an id/,
        /write <TinyauthProvider pocketid>/],
    [[`<TinyauthProvider ${'a'.repeat(33)}>`, issuer, client, '</TinyauthProvider>'], '<Tinyauth',
        /1 to 32/, /write/],
    [['<TinyauthProvider pocket id>', issuer, client, '</TinyauthProvider>'], '<Tinyauth',
        /not "pocket id"/, /write <TinyauthProvider pocketid>/],
    [[...good, '# another', ...good], '<Tinyauth', /described already/, /test\.conf:1/],
    [['<Location "/">', ...good, '</Location>'], '<Tinyauth', /not allowed/, /<Location>/],
    [['<Directory "/">', ...good, '</Directory>'], '<Tinyauth', /not allowed/, /<Directory>/],
    [section(...good), '<TinyauthProvider', /cannot stand inside another/, /close/],
    [section(issuer, client, 'TinyauthWhitelist a@example.com'), 'TinyauthWhitelist',
        /is for all providers/, /write it outside of <TinyauthProvider pocketid>/],
    [section(issuer, client, 'TinyauthSessionStore shm:1M'), 'TinyauthSessionStore',
        /is for all providers/, /write it outside/],
    ...['ServerAdmin a@example.com', 'DocumentRoot "/tmp"', '<Location "/">\n</Location>']
        .map((line) => [section(issuer, client, ...line.split('\n')), line.split(' ')[0],
            /is no setting of a provider/, /write it outside of <TinyauthProvider pocketid>/]),
    [[issuer], 'TinyauthIssuer', /belongs in a/, /<TinyauthProvider id> section/],
    [section(issuer, client, 'TinyauthNonsense x'), 'Nonsense', /Invalid command/, /misspelled/],
], 1));

test('ids of providers that nobody described are refused', () => assertSaid([
    [[...good, 'TinyauthAutoRedirect other'], 'AutoRedirect', /names provider "other"/,
        /write <TinyauthProvider other>, or another id/],
    [[...good, ...location('TinyauthProviders pocketid other')],
        'TinyauthProviders', /names provider "other"/, /write <TinyauthProvider other>/],
    [['TinyauthEngine On'], 'TinyauthEngine', /no provider is described/,
        /write a <TinyauthProvider> section/],
], 1));

test('settings of the server that cannot work are refused', () => assertSaid([
    ['TinyauthAppURL nonsense', /must be a URL such as https/, /not "nonsense"/],
    ['TinyauthAppURL https://a.example.com/path', /scheme and host alone/, /write https:\/\/a\.ex/],
    ['TinyauthPath login', /must be a path such as \/tinyauth/, /not "login"/],
    ['TinyauthPath /', /must be a path/, /such as/],
    ['TinyauthPath /a/../b', /must be a path/, /such as/],
    ['TinyauthWhitelist /(/', /regular expression \/\(\/ is wrong/, /TinyauthWhitelist/],
    ['TinyauthWhitelist "a@example.com, /b/"', /must stand alone/, /TinyauthWhitelist/],
    ['TinyauthCookieDomain localhost', /must be a domain such as/, /not "localhost"/],
    ['TinyauthSessionExpiry 0', /number of seconds from 1 to/, /not "0"/],
    ['TinyauthSessionExpiry 2147483648', /from 1 to 2147483647/, /not "2147483648"/],
    ['TinyauthSessionExpiry 1h', /number of seconds/, /not "1h"/],
    ['TinyauthSessionMaxLifetime -5', /number of seconds/, /not "-5"/],
    ['TinyauthSessionStore nonsense', /is not a store/, /write shm/],
    ['TinyauthSessionStore shm:1', /is not a size/, /write shm:64M/],
    ['TinyauthSessionStore shm:511K', /is not a size from 512K to 1024G/, /write shm:64M/],
    ['TinyauthSessionStore shm:2T', /is not a size/, /write shm:64M/],
    ['TinyauthSessionStore shm:1025G', /is not a size/, /write shm:64M/],
    ['TinyauthSessionStore shm:64M,path=/x', /neither a size nor file=path/, /write shm/],
    ['TinyauthSessionStore shm:64M,file=', /neither a size nor file=path/, /write shm/],
    ['TinyauthSessionStore shm:file=/nowhere/at/all', /\/nowhere\/at\/, which is not/, /make it/],
    ['TinyauthSessionStore shm:64M,file=/dev/null', /\/dev\/null, which/, /not a file/],
    ['TinyauthSecretFile /no/such/file', /cannot be read/, /No such file/],
    ['TinyauthEngine perhaps', /On or Off/, /not "perhaps"/],
].map(([line, ...said]) => [[...good, line], line.split(' ')[0], ...said]), 1));

test('a cookie domain that does not cover the login host is refused', () => assertSaid([
    [[...good, 'TinyauthAppURL https://tinyauth.example.com', 'TinyauthCookieDomain example.org'],
        'CookieDomain', /does not cover the login host/, /write a domain/],
    [[...good, 'TinyauthAppURL https://evil-example.com', 'TinyauthCookieDomain example.com'],
        'CookieDomain', /does not cover/, /leave it out/],
    [[...section(issuer, client,
        'TinyauthRedirectURL https://a.example.com/api/oauth/callback/pocketid'),
    'TinyauthAppURL https://b.example.com'], '<Tinyauth', /logins live on https:\/\/b\.example/,
    /write the same scheme and host/],
], 1));

const host = (port, name, ...lines) => [
    `<VirtualHost *:${port}>`, `ServerName ${name}`, ...lines, '</VirtualHost>',
];
const inDomain = 'TinyauthCookieDomain example.com';

test('a cookie domain that the login host does not have is refused', async () => {
    const server = [...good, 'TinyauthAppURL https://login.example.com'];
    const redirects = host(80, 'login.example.com', 'Redirect / https://login.example.com/');
    const app = host(443, 'App.example.com', inDomain);
    const wrong = [[], ['TinyauthCookieDomain login.example.com']].map((lines) => [
        [...server, ...redirects, ...host(443, 'Login.Example.com', ...lines), ...app],
        '<VirtualHost *:443>', /TinyauthCookieDomain is example.com here, but not on login/, /leave/,
    ]);
    await assertSaid(wrong, 1);
    for (const lines of [
        host(443, 'login.example.com', inDomain), host(443, 'x', 'ServerAlias login.example.com',
            inDomain), [],
    ]) {
        const both = lines.length ? redirects : [];
        assert.equal((await check([...server, ...both, ...lines, ...app])).code, 0, lines.join());
    }
    const elsewhere = [...redirects, ...host(443, 'app.example.org', inDomain)];
    assert.equal((await check([...server, ...elsewhere])).code, 0, 'a host outside of the domain');
});

test('a rule that nobody could ever pass is refused', () => assertSaid([
    [[...good, ...location('AuthType Basic', 'AuthName x', 'Require oauth-group admins')],
        'Require', /needs AuthType Tinyauth/, /line 6 of this section says AuthType Basic/],
    [[...good, ...location('AuthType Basic', '<RequireAll>', 'Require valid-user',
        'Require not oauth-user x', '</RequireAll>')], 'Require not', /needs AuthType Tinyauth/,
    /AuthType Basic/],
    [[...good, ...location('AuthType Tinyauth', 'Require oauth-group')], 'Require',
        /Require oauth-group needs at least one value/, /write/],
    [[...good, ...location('AuthType Tinyauth', 'Require oauth-claim department')], 'Require',
        /needs the claim's name and at least one value/, /write Require oauth-claim/],
    [[...good, ...location('AuthType Tinyauth', 'Require oauth-user /[/')], 'Require',
        /regular expression \/\[\/ is wrong/, /Syntax error/],
    [[...good, ...location('TinyauthUnauthenticated never')], 'Unauthenticated', /not "never"/,
        /must be auto, login or deny/],
], 1));

test('what is dangerous but works is warned of', () => assertSaid([
    [[...good, ...location('AuthType Tinyauth')], 'AuthType', /does not say who may pass/,
        /Write Require valid-user, or Require oauth-group/],
    [section(issuer, client, 'TinyauthInsecure On'), '<Tinyauth', /TinyauthInsecure On: anybody/,
        /Write TinyauthCACertificateFile/],
    [section(client, ...endpoints), '<Tinyauth', /has no TinyauthIssuer/, /Write TinyauthIssuer/],
    [[...good, 'TinyauthAppURL http://tinyauth.example.com'], 'AppURL', /not encrypted/,
        /Write an https URL/],
], 0));

test('nothing is said about a good configuration', async () => {
    const { code, stderr } = await check([
        ...good, ...location('AuthType Tinyauth', 'Require oauth-group admins'),
        ...location('AuthType Tinyauth', '<RequireAll>', 'Require valid-user', '</RequireAll>'),
        /* which one it is a request says */
        ...location('AuthType "%{reqenv:WHICH}"', 'Require oauth-group admins'),
    ]);
    assert.equal(code, 0);
    assert.equal(stderr.trim(), 'Syntax OK');
});

test('a secret file that everybody can read is warned of, an empty one refused', async () => {
    const lines = section(issuer, client, 'TinyauthClientSecretFile client.secret');
    const withFile = (text, mode) => check(lines, { files: { 'client.secret': { text, mode } } });
    const open = await withFile('secret\n', 0o644);
    assert.equal(open.code, 0);
    assert.match(open.stderr, /everybody on this machine can read[^]*client\.secret[^]*chmod 0600/);
    const closed = await withFile('secret\n', 0o600);
    assert.equal(closed.stderr.trim(), 'Syntax OK');
    const empty = await withFile('\n\n', 0o600);
    assert.equal(empty.code, 1);
    assert.match(empty.stderr, /client\.secret, which is empty: write the secret/);
});

test('the default store needs no other module, and shmcb says which one it needs', async () => {
    const without = { without: ['socache_shmcb'] };
    assert.equal((await check(good, without)).stderr.trim(), 'Syntax OK');
    const { code, stderr } = await check([...good, 'TinyauthSessionStore shmcb'], without);
    assert.equal(code, 1);
    assert.match(stderr, /a2enmod socache_shmcb/);
});
