/*
 * Where settings come from and which one counts: the environment under directives, a virtual
 * host over the server, an inner scope over an outer one, .htaccess, and hosts that want
 * nothing of us.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, configTest, freePort, loginAt, protectedLocation, providerSection, rawLines,
    rawRequest, startBackend, startHttpd, startProvider, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

const prefix = 'TINYAUTH_OAUTH_PROVIDERS_POCKETID_';
const environment = (values) => Object.fromEntries(
    Object.entries(values).map(([key, value]) => [prefix + key, value]),
);
const issuer = 'https://id.example.com';

test('a variable that is not known is warned of, with the nearest name', async () => {
    for (const [name, meant] of [
        [`${prefix}CLIENTD`, `${prefix}CLIENTID`], [`${prefix}ISSUR`, `${prefix}ISSUER`],
        [`${prefix}USER_INFO_URL`, `${prefix}USERINFOURL`],
        ['TINYAUTH_UI_TITEL', 'TINYAUTH_UI_TITLE'], ['TINYAUTH_APP_URL', 'TINYAUTH_APPURL'],
        ['TINYAUTH_OAUTH_WITELIST', 'TINYAUTH_OAUTH_WHITELIST'],
        ['TINYAUTH_SESSIONEXPIRY', 'TINYAUTH_AUTH_SESSIONEXPIRY'],
        ['TINYAUTH_OAUTH_PROVIDERS_OTHER_CLIENT_ID', 'TINYAUTH_OAUTH_PROVIDERS_OTHER_CLIENTID'],
    ]) {
        const { code, stderr } = await configTest('', { env: { [name]: 'x' } });
        assert.equal(code, 0, stderr);
        assert.match(stderr, new RegExp(`variable ${name} is not known.*is ${meant} meant`), name);
        assert.equal(stderr.match(/TA0101/g).length, 1, 'said once');
    }
});

test('of a setting that Tinyauth has and we have not, no other name is guessed', async () => {
    for (const name of ['AUTH_USERS', 'AUTH_SECURECOOKIE', 'DATABASEPATH', 'LOG_LEVEL',
        'SERVER_PORT', 'SERVER_TRUSTEDPROXIES', 'LDAP_ADDRESS', 'UI_BACKGROUNDIMAGE', 'X']) {
        const { code, stderr } = await configTest('', { env: { [`TINYAUTH_${name}`]: 'x' } });
        assert.equal(code, 0, stderr);
        assert.match(stderr, new RegExp(`variable TINYAUTH_${name} is not known and has no effect$`, 'm'));
    }
});

test('a bad value in the environment names the variable', async () => {
    const whole = environment({ CLIENTID: 'x', ISSUER: issuer });
    for (const [name, value, wrong] of [
        [`${prefix}AUTHURL`, 'nonsense', /no URL/], [`${prefix}TOKENURL`, 'http://a.test/', /encr/],
        [`${prefix}TOKENAUTH`, 'magic', /basic/], [`${prefix}CLIENTSECRETFILE`, '/none', /read/],
        [`${prefix}INSECURE`, 'perhaps', /On or Off/], [`${prefix}IDTOKENALG`, 'HS256', /know/],
        [`${prefix}REDIRECTURL`, 'x', /absolute/], [`${prefix}SCOPES`, 'email', /openid/],
        ['TINYAUTH_APPURL', 'nonsense', /URL/], ['TINYAUTH_AUTH_SESSIONEXPIRY', 'soon', /seconds/],
        ['TINYAUTH_AUTH_SESSIONMAXLIFETIME', '-1', /seconds/],
        ['TINYAUTH_OAUTH_WHITELIST', '/(/', /regular expression/],
        ['TINYAUTH_OAUTH_AUTOREDIRECT', 'other', /not described/],
        ['TINYAUTH_UI_TITLE', 'two\nlines', /one line of text/],
    ]) {
        const { code, stderr } = await configTest('', { env: { ...whole, [name]: value } });
        assert.equal(code, 1, name);
        assert.match(stderr, new RegExp(`environment variable ${name}\\b`), stderr);
        assert.match(stderr, wrong, stderr);
    }
});

/* As in Tinyauth's own example, which lists them all. */
test('an empty variable is as good as none', async () => {
    const empty = Object.fromEntries(['APPURL', 'OAUTH_AUTOREDIRECT', 'OAUTH_WHITELIST',
        'AUTH_SESSIONEXPIRY', 'AUTH_SESSIONMAXLIFETIME', 'UI_TITLE',
        'OAUTH_PROVIDERS_OTHER_CLIENTID', 'OAUTH_PROVIDERS_OTHER_NAME', 'AUTH_USERS',
        'OAUTH_WHITELISTFILE',
    ].map((name) => [`TINYAUTH_${name}`, '']));
    const { code, stderr } = await configTest(protectedLocation('/', 'valid-user'), {
        env: {
            ...environment({ CLIENTID: 'x', ISSUER: issuer, NAME: '', SCOPES: '', INSECURE: '',
                CLIENTSECRET: 'x', CLIENTSECRETFILE: '', REDIRECTURL: '', USERINFOURL: '' }),
            ...empty,
        },
    });
    assert.equal(code, 0, stderr);
    assert.equal(stderr.trim(), 'Syntax OK');
});

/* Without them everybody could log in whom the provider lets in. */
test('a variable that lets few log in, and is nothing here, keeps httpd from starting', async () => {
    for (const name of ['TINYAUTH_OAUTH_WHITELISTFILE', `${prefix}WHITELIST`,
        `${prefix}WHITELISTFILE`]) {
        const env = { ...environment({ CLIENTID: 'x', ISSUER: issuer }), [name]: '/etc/few' };
        const { code, stderr } = await configTest('', { env });
        assert.equal(code, 1, name);
        assert.match(stderr, new RegExp(`environment variable ${name} .*TinyauthWhitelist`), stderr);
    }
});

test('half a provider in the environment names the variable that is missing', async () => {
    const { code, stderr } = await configTest('', { env: environment({ ISSUER: issuer }) });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${prefix}CLIENTID`));
});

test('other variables are none of our business', async () => {
    const env = { TINYAUTHX: '1', TINY: '1', XTINYAUTH_A: '1' };
    const { stderr } = await configTest('', { env });
    assert.equal(stderr.trim(), 'Syntax OK');
});

/* Where a login page's button leads, as a URL of the provider. */
async function loginUrl(httpd, path = '/') {
    const browser = new Browser();
    const page = await browser.get(httpd.url(path));
    const [link, ...more] = page.links.filter(({ text }) => /^Log in with/.test(text));
    assert.deepEqual(more, [], 'one provider');
    const { location } = await browser.click(page, link, { follow: false });
    return { title: page.title, button: link.text, url: new URL(location) };
}

test('a directive wins over the environment, which fills in the rest', async (t) => {
    const op = await startProvider();
    t.after(() => op.close());
    const httpd = await startHttpd(t, {
        env: {
            ...environment({ CLIENTID: 'from-env', ISSUER: op.issuer, NAME: 'From Env' }),
            TINYAUTH_UI_TITLE: 'Title of env', TINYAUTH_AUTH_SESSIONEXPIRY: '60',
        },
        conf: `<TinyauthProvider pocketid>\nTinyauthName "From File"\n</TinyauthProvider>
TinyauthTitle "Title of file"\n${protectedLocation('/', 'valid-user')}`,
    });
    const { title, button, url } = await loginUrl(httpd);
    assert.equal(button, 'Log in with From File');
    assert.match(title, /Title of file/);
    assert.equal(url.searchParams.get('client_id'), 'from-env');
    assert.equal(url.origin, op.issuer);
});

test('two secrets in the environment are refused, whichever comes first', async () => {
    const both = { CLIENTSECRET: 'x', CLIENTSECRETFILE: '/none' };
    const names = /environment variable (\S+) and (\S+) both give the secret: leave one/;
    for (const secrets of [both, Object.fromEntries(Object.entries(both).reverse())]) {
        const env = environment({ CLIENTID: 'x', ISSUER: issuer, ...secrets });
        const { code, stderr } = await configTest('', { env });
        assert.equal(code, 1, stderr);
        assert.deepEqual(names.exec(stderr)?.slice(1).sort(), [`${prefix}CLIENTSECRET`,
            `${prefix}CLIENTSECRETFILE`], stderr);
        const directive = '<TinyauthProvider pocketid>\nTinyauthClientSecret y\n</TinyauthProvider>';
        assert.equal((await configTest(directive, { env })).code, 0, 'neither of them counts');
    }
});

test('the eight variables of the guide are enough for httpd -t', async () => {
    const { code, stderr } = await configTest(protectedLocation('/', 'oauth-group admins'), {
        env: environment({
            CLIENTID: 'id', CLIENTSECRET: 'secret', AUTHURL: `${issuer}/authorize`,
            TOKENURL: `${issuer}/api/oidc/token`, USERINFOURL: `${issuer}/api/oidc/userinfo`,
            REDIRECTURL: 'https://tinyauth.example.com/api/oauth/callback/pocketid',
            SCOPES: 'openid email profile groups', NAME: 'Pocket ID',
        }),
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /TinyauthIssuer/, 'the advice');
    assert.doesNotMatch(stderr, /is not known/);
});

test('a virtual host\'s section replaces the server\'s as a whole', async (t) => {
    const op = await startProvider();
    t.after(() => op.close());
    const port = await freePort();
    const other = await freePort();
    const httpd = await startHttpd(t, {
        port,
        ports: [other],
        conf: `${providerSection(op, { TinyauthScopes: 'openid email' })}
TinyauthTitle Server
${protectedLocation('/', 'valid-user')}
<VirtualHost *:${other}>
    ServerName localhost:${other}
    TinyauthPath /sso
    <TinyauthProvider pocketid>
        TinyauthName "Other ID"
        TinyauthIssuer ${op.issuer}
        TinyauthClientID other
    </TinyauthProvider>
</VirtualHost>`,
    });
    const server = await loginUrl(httpd);
    assert.equal(server.button, 'Log in with Pocket ID');
    assert.equal(server.url.searchParams.get('scope'), 'openid email');
    const host = await loginUrl({ url: (path) => `http://localhost:${other}${path}` });
    assert.equal(host.button, 'Log in with Other ID');
    assert.equal(host.url.searchParams.get('client_id'), 'other');
    assert.equal(host.url.searchParams.get('scope'), 'openid email profile groups', 'the default');
    assert.match(host.title, /Server/, 'inherited');
    const page = await new Browser().get(`http://localhost:${other}/`);
    assert.equal(new URL(page.url).pathname, '/sso/login');
});

test('the environment reaches virtual hosts, with and without directives of ours', async (t) => {
    const op = await startProvider();
    t.after(() => op.close());
    const ports = [await freePort(), await freePort()];
    const host = (port, more) => `<VirtualHost *:${port}>\nServerName localhost:${port}
${protectedLocation('/', 'valid-user')}\n${more}\n</VirtualHost>`;
    await startHttpd(t, {
        ports,
        env: environment({ CLIENTID: 'tinyauth', ISSUER: op.issuer, NAME: 'Env ID' }),
        conf: `${host(ports[0], '')}\n${host(ports[1], 'TinyauthTitle Second')}`,
    });
    for (const [port, title] of [[ports[0], /Tinyauth/], [ports[1], /Second/]]) {
        const seen = await loginUrl({ url: (path) => `http://localhost:${port}${path}` });
        assert.equal(seen.button, 'Log in with Env ID');
        assert.match(seen.title, title);
    }
});

test('an empty TinyauthWhitelist takes back the one of the server or the environment', async (t) => {
    for (const list of ['TinyauthWhitelist bob@example.com', '']) {
        const other = await freePort();
        const site = await startSite(t, {
            liar: {},
            require: 'valid-user',
            ports: [other],
            env: { TINYAUTH_OAUTH_WHITELIST: 'dave@example.org' },
            server: `${list}
<VirtualHost *:${other}>
    ServerName localhost:${other}
    TinyauthWhitelist ""
</VirtualHost>`,
        });
        const refused = await loginAt(new Browser(), site.url('/'), 'alice');
        assert.equal(refused.status, 403, list);
        const page = await loginAt(new Browser(), `http://localhost:${other}/`, 'alice');
        assert.equal(page.status, 200, list);
    }
});

test('an .htaccess file protects its folder, where AllowOverride AuthConfig lets it', async (t) => {
    const files = {
        'htdocs/a/.htaccess': 'AuthType Tinyauth\nRequire oauth-group admins\n'
            + 'TinyauthUnauthenticated deny\nTinyauthProviders pocketid\nTinyauthHeaders Off\n',
        'htdocs/a/x.html': 'for admins',
    };
    const site = await startSite(t, {
        files, allowOverride: 'AuthConfig', write: ({ op }) => providerSection(op),
    });
    site.httpd.expectErrors(/AH01631/);
    assert.equal((await site.browser.get(site.url('/a/x.html'))).status, 401, 'deny');
    const alice = await loggedIn(site, 'alice', { back: '/index.html' });
    assert.match((await alice.get(site.url('/a/x.html'))).body, /for admins/);
    const bob = await loggedIn(site, 'bob', { back: '/index.html' });
    const denied = await bob.get(site.url('/a/x.html'));
    assert.equal(denied.status, 403);
    assert.doesNotMatch(denied.body, /for admins/);
});

test('an .htaccess file cannot describe a provider or change the server', async (t) => {
    for (const line of ['<TinyauthProvider x>\n</TinyauthProvider>', 'TinyauthEngine Off',
        'TinyauthAppURL https://evil.test', 'TinyauthPath /x',
        'TinyauthIssuer https://evil.test']) {
        const site = await startSite(t, {
            files: { 'htdocs/.htaccess': line }, allowOverride: 'All',
            write: ({ op }) => `${providerSection(op)}\n${protectedLocation('/', 'all granted')}`,
        });
        site.httpd.expectErrors(/not allowed here/);
        assert.equal((await site.browser.get(site.url('/index.html'))).status, 500, line);
    }
});

/* Two hosts on one server: the first has the engine off. */
async function startHalfOff(t) {
    const op = await startProvider();
    t.after(() => op.close());
    const backend = await startBackend(t);
    const off = await freePort();
    const httpd = await startHttpd(t, {
        ports: [off],
        modules: ['proxy', 'proxy_http'],
        conf: `${providerSection(op)}
<VirtualHost *:${off}>
    ServerName localhost:${off}
    TinyauthEngine Off
    ProxyPass "/" "${backend.url}/"
    <Location "/mine">
        AuthType Tinyauth
        Require valid-user
    </Location>
</VirtualHost>`,
    });
    return { httpd, off, backend };
}

test('TinyauthEngine Off leaves URLs, headers and cookies of a host alone', async (t) => {
    const { off } = await startHalfOff(t);
    for (const path of ['/tinyauth/login', '/api/oauth/callback/pocketid', '/tinyauth/accept']) {
        const { body } = await rawRequest(off, rawLines(`GET ${path} HTTP/1.1`,
            `Host: localhost:${off}`, 'Remote-User: theirs', 'Cookie: tinyauth=theirs'));
        const { url, headers } = JSON.parse(body);
        assert.equal(url, path);
        assert.equal(headers['remote-user'], 'theirs');
        assert.equal(headers.cookie, 'tinyauth=theirs');
    }
});

test('AuthType Tinyauth where the engine is off lets nobody in, and says why', async (t) => {
    const { httpd, off, backend } = await startHalfOff(t);
    httpd.expectErrors(/TA0150/);
    const { status } = await new Browser().get(`http://localhost:${off}/mine`);
    assert.equal(status, 500);
    assert.equal(backend.requests.count(), 0);
    assert.match(httpd.log(/TA0150/)[0], /TinyauthEngine is Off/);
});

test('AuthType Tinyauth without any provider lets nobody in, and says why', async (t) => {
    const httpd = await startHttpd(t, { conf: protectedLocation('/', 'valid-user') });
    httpd.expectErrors(/TA0150/);
    const page = await new Browser().get(httpd.url('/index.html'));
    assert.equal(page.status, 500);
    assert.doesNotMatch(page.body, /protected page/);
    assert.match(httpd.log(/TA0150/)[0], /no <TinyauthProvider>/);
});

test('an inner scope adds to, or replaces, what an outer one requires', async (t) => {
    const site = await startSite(t, {
        require: 'oauth-group admins',
        server: `${protectedLocation('/bob', 'oauth-user bob')}
<Location "/both">\n    AuthMerging And\n    Require oauth-group users\n</Location>
<Location "/either">\n    AuthMerging Or\n    Require oauth-user bob\n</Location>
<Location "/open">\n    Require all granted\n</Location>`,
    });
    site.httpd.expectErrors(/AH01631/);
    const who = {};
    for (const [name, back] of [['alice', '/'], ['bob', '/bob']]) {
        who[name] = await loggedIn(site, name, { back });
    }
    const allowed = async (path) => {
        const names = [];
        for (const [name, browser] of Object.entries(who)) {
            const { status } = await browser.fetch(site.url(path));
            names.push(...(status === 200 ? [name] : []));
        }
        return names.join();
    };
    assert.equal(await allowed('/'), 'alice');
    assert.equal(await allowed('/bob'), 'bob');
    assert.equal(await allowed('/both'), 'alice');
    assert.equal(await allowed('/either'), 'alice,bob');
    assert.equal(await allowed('/open'), 'alice,bob');
});

test('a login that no provider could give is warned of', async () => {
    const asked = protectedLocation('/', 'valid-user');
    assert.match((await configTest(asked)).stderr,
        /TA0143: .*:\d+: AuthType Tinyauth, but no provider is described anywhere/);
    const described = `<TinyauthProvider pocketid>
    TinyauthIssuer http://127.0.0.1:1
    TinyauthClientID x
</TinyauthProvider>
${asked}`;
    assert.doesNotMatch((await configTest(described)).stderr, /TA0143/);
});
