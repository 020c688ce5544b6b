/*
 * The set-up that the project was asked for: the eight environment variables of Tinyauth's
 * guide for Pocket ID, a module that is loaded, `Require oauth-group admins` in a virtual
 * host, and nothing else. With one host name, with the guide's two, and with more.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, callbackPath, enterProvider, freePort, loginAt, protectedLocation, providerSection,
    startBackend, startHttpd, startLiar, startProvider,
} from './harness.mjs';
import {
    assertRefused, describe, loginWithLiar, programRequest, sessionCookies,
} from './support/login_steps.mjs';

const prefix = 'TINYAUTH_OAUTH_PROVIDERS_POCKETID_';

/* As they stand in the guide, in its order. */
function eightVariables(op, redirectUrl) {
    return {
        [`${prefix}CLIENTID`]: op.clientId,
        [`${prefix}CLIENTSECRET`]: op.clientSecret,
        [`${prefix}AUTHURL`]: `${op.url}/authorize`,
        [`${prefix}TOKENURL`]: `${op.url}/api/oidc/token`,
        [`${prefix}USERINFOURL`]: `${op.url}/api/oidc/userinfo`,
        [`${prefix}REDIRECTURL`]: redirectUrl,
        [`${prefix}SCOPES`]: 'openid email profile groups',
        [`${prefix}NAME`]: 'Pocket ID',
    };
}

const protection = '<Location "/">\nAuthType Tinyauth\nRequire oauth-group admins\n</Location>';
const oneLine = '<Location "/">\nRequire oauth-group admins\n</Location>';

function virtualHost(port, name, tls, lines) {
    return [`<VirtualHost *:${port}>`, `ServerName ${name}`, tls ? 'SSLEngine on' : '', ...lines,
        '</VirtualHost>'].join('\n');
}

/*
 * A provider, an application, and httpd. `loginHost`: where the callback is; `apps`: names of
 * protected hosts; `extra`: more lines of the server, which the guide's set-up has not; `rule`: who may pass.
 */
async function startSeed(t, { loginHost, apps, extra = '', rule = protection }) {
    const port = await freePort();
    const tls = loginHost !== 'localhost';
    const originOf = (host) => `${tls ? 'https' : 'http'}://${host}:${port}`;
    const redirectUrl = originOf(loginHost) + callbackPath;
    const op = await startProvider({
        clients: [{
            clientId: 'tinyauth', clientSecret: 'its-secret', redirectUris: [redirectUrl],
        }],
    });
    t.after(() => op.close());
    const backend = await startBackend(t);
    const app = [`ProxyPass "/" "${backend.url}/"`, rule];
    const hosts = [...apps.map((name) => virtualHost(port, name, tls, app)),
        ...(apps.includes(loginHost) ? [] : [virtualHost(port, loginHost, tls, [])])];
    const httpd = await startHttpd(t, {
        port,
        tls,
        host: tls ? 'main.test' : undefined,
        env: eightVariables(op, redirectUrl),
        modules: ['proxy', 'proxy_http'],
        conf: `${extra}\n${hosts.join('\n')}`,
    });
    httpd.expectErrors(/AH0163[01]: .*authorization failure/);
    const url = (host, path = '/') => originOf(host) + path;
    return { op, backend, httpd, url };
}

const received = (page) => page.json.headers;

/* The four visitors of the guide, at one protected page. */
async function visitAll({ op, backend, url }, host) {
    const page = url(host, '/page?x=1');
    const stranger = new Browser();
    const login = await stranger.get(page);
    assert.equal(login.status, 200, describe(login));
    assert.match(login.body, /Log in with Pocket ID/);
    assert.deepEqual(sessionCookies(stranger), []);

    const program = await programRequest(page);
    assert.equal(program.status, 401);
    assert.match(program.headers['www-authenticate'], /^Tinyauth realm="/);
    assert.equal(program.headers['set-cookie'], undefined);
    assert.equal(backend.requests.count(), 0);

    const bob = await loginAt(new Browser(), page, 'bob');
    assertRefused(bob, 403, 'not-in-group');
    assert.match(bob.url, /\/tinyauth\/unauthorized\?/);
    const denied = bob.chain.at(-2);
    assert.equal(denied.status, 302);
    assert.equal(denied.url, page);
    assert.equal(backend.requests.count(), 0);

    const alice = await loginAt(new Browser(), page, 'alice');
    assert.equal(alice.status, 200, describe(alice));
    assert.equal(alice.url, page);
    assert.equal(received(alice)['remote-user'], 'alice');
    assert.equal(received(alice)['remote-groups'], 'admins,users');
    assert.equal(backend.requests.count(), 1);
    assert.deepEqual(op.errors, []);
    assert.deepEqual(op.refusals, []);
}

test('the guide\'s eight variables and one Require protect a host of one name', async (t) => {
    const seed = await startSeed(t, { loginHost: 'localhost', apps: ['localhost'] });
    await visitAll(seed, 'localhost');
});

for (const [loginHost, app] of [['localhost', 'localhost'], ['tinyauth.test', 'myapp.test']]) {
    test(`the one line Require is enough, login on ${loginHost}, page on ${app}`, async (t) => {
        const seed = await startSeed(t, { loginHost, apps: [app], rule: oneLine });
        // what httpd says of a denied user where it knows no AuthType
        seed.httpd.expectErrors(/AH01630/);
        await visitAll(seed, app);
    });
}

test('the guide\'s two hosts: callback on one, application on the other', async (t) => {
    const seed = await startSeed(t, { loginHost: 'tinyauth.test', apps: ['myapp.test'] });
    await visitAll(seed, 'myapp.test');
});

test('the login page of an application stands on the login host, and no cookie has a domain',
    async (t) => {
        const { url } = await startSeed(t, { loginHost: 'tinyauth.test', apps: ['myapp.test'] });
        const browser = new Browser();
        const login = await browser.get(url('myapp.test'));
        assert.equal(new URL(login.url).hostname, 'tinyauth.test');
        await loginAt(browser, url('myapp.test'), 'alice');
        const cookies = sessionCookies(browser);
        assert.deepEqual(cookies.map(({ domain }) => domain).sort(),
            ['myapp.test', 'tinyauth.test']);
        for (const cookie of cookies) {
            assert.match(cookie.name, /^__Host-/);
            assert.ok(cookie.hostOnly && cookie.secure && cookie.httpOnly, cookie.line);
            assert.equal(cookie.sameSite, 'lax');
        }
        const refused = browser.jar.refused.filter(({ line }) => /tinyauth/.test(line));
        assert.deepEqual(refused, []);
    });

test('who is logged in passes to applications of other domains without seeing a page',
    async (t) => {
        const { op, url } = await startSeed(t, {
            loginHost: 'tinyauth.test',
            apps: ['myapp.test', 'other.test', 'wiki.example.test'],
        });
        const browser = new Browser();
        await loginAt(browser, url('myapp.test'), 'alice');
        op.requests.clear();
        for (const host of ['other.test', 'wiki.example.test']) {
            const page = await browser.get(url(host, '/deep/page?a=1&b=2'));
            assert.equal(page.status, 200, describe(page));
            assert.equal(page.url, url(host, '/deep/page?a=1&b=2'));
            assert.equal(received(page)['remote-user'], 'alice');
            assert.ok(page.chain.slice(0, -1).every(({ location }) => location), describe(page));
        }
        assert.deepEqual(op.requests.counts, {});
    });

test('the user of another application is not let in where the group is missing', async (t) => {
    const { backend, url } = await startSeed(t, {
        loginHost: 'tinyauth.test', apps: ['myapp.test', 'other.test'],
    });
    const browser = new Browser();
    await loginAt(browser, url('myapp.test'), 'bob');
    const denied = await browser.get(url('other.test', '/secret'));
    assertRefused(denied, 403, 'not-in-group');
    assert.equal(new URL(denied.url).hostname, 'other.test');
    assert.equal(backend.requests.count(), 0);
});

async function logOutAt(browser, url) {
    const asked = await browser.get(url);
    const form = asked.forms.find(({ method }) => method === 'POST');
    assert.ok(form, `no form to log out:\n  ${describe(asked)}`);
    return browser.submit(asked, form);
}

/* A login on all hosts, logged out at one: whoever asks next must log in. */
async function assertLogoutEndsAll(seed, hosts, at) {
    const browser = new Browser();
    await loginAt(browser, seed.url(hosts[0]), 'alice');
    for (const host of hosts) {
        assert.equal((await browser.get(seed.url(host))).status, 200);
    }
    const replayed = browser.jar.cookies.map((cookie) => ({ ...cookie }));
    assert.equal((await logOutAt(browser, seed.url(at, '/tinyauth/logout'))).status, 200);
    browser.jar.cookies = replayed;
    seed.backend.requests.clear();
    for (const host of hosts) {
        assert.match((await browser.get(seed.url(host))).body, /Log in with/, host);
        const program = await browser.fetch(seed.url(host));
        assert.equal(program.status, 401, host);
    }
    assert.equal(seed.backend.requests.count(), 0);
}

test('logging out at an application ends the login on every host', async (t) => {
    const apps = ['myapp.test', 'other.test'];
    const seed = await startSeed(t, { loginHost: 'tinyauth.test', apps });
    await assertLogoutEndsAll(seed, apps, 'other.test');
});

test('logging out at the login host ends the login on every host', async (t) => {
    const apps = ['myapp.test', 'other.test'];
    const seed = await startSeed(t, { loginHost: 'tinyauth.test', apps });
    await assertLogoutEndsAll(seed, apps, 'tinyauth.test');
});

test('with TinyauthCookieDomain one cookie serves the hosts of a domain', async (t) => {
    const apps = ['myapp.example.test', 'wiki.example.test'];
    const seed = await startSeed(t, {
        loginHost: 'tinyauth.example.test', apps, extra: 'TinyauthCookieDomain example.test',
    });
    await visitAll(seed, 'myapp.example.test');
    const browser = new Browser();
    await loginAt(browser, seed.url('myapp.example.test', '/a?b=c'), 'alice');
    const cookies = sessionCookies(browser);
    assert.deepEqual(cookies.map(({ domain, hostOnly }) => [domain, hostOnly]),
        [['example.test', false]]);
    assert.match(cookies[0].name, /^__Secure-/);
    const direct = await browser.get(seed.url('wiki.example.test'), { follow: false });
    assert.equal(direct.status, 200);
    await assertLogoutEndsAll(seed, apps, 'wiki.example.test');
});

test('a host outside TinyauthCookieDomain still shares the login', async (t) => {
    const seed = await startSeed(t, {
        loginHost: 'tinyauth.example.test',
        apps: ['myapp.example.test', 'other.test'],
        extra: 'TinyauthCookieDomain example.test',
    });
    const browser = new Browser();
    await loginAt(browser, seed.url('myapp.example.test'), 'alice');
    const page = await browser.get(seed.url('other.test', '/x'));
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.url, seed.url('other.test', '/x'));
    assert.deepEqual(sessionCookies(browser, 'other.test').map(({ hostOnly }) => hostOnly), [true]);
});

test('a ServerAlias has the cookies of its own name', async (t) => {
    const port = await freePort();
    const op = await startLiar({}, t);
    const backend = await startBackend(t);
    const names = ['other.test', 'myapp.example.test', 'myapp.test'];
    await startHttpd(t, {
        port,
        tls: true,
        host: 'main.test',
        modules: ['proxy', 'proxy_http'],
        conf: `${providerSection(op)}
TinyauthCookieDomain example.test
<VirtualHost *:${port}>
    ServerName ${names[0]}
    ServerAlias ${names.slice(1).join(' ')}
    SSLEngine on
    ProxyPass "/" "${backend.url}/"
    ${protectedLocation('/', 'valid-user')}
</VirtualHost>`,
    });
    for (const name of names) {
        const browser = new Browser();
        const page = await loginWithLiar(browser, `https://${name}:${port}/`);
        assert.equal(page.status, 200, describe(page));
        const [cookie, ...more] = sessionCookies(browser);
        const isInDomain = name.endsWith('.example.test');
        assert.deepEqual(more, []);
        assert.equal(cookie.hostOnly, !isInDomain, name);
        assert.equal(cookie.name, isInDomain ? '__Secure-tinyauth-domain'
            : `__Host-tinyauth-${port}`);
        for (const other of names) {
            const answer = await new Browser().fetch(`https://${other}:${port}/`, {
                headers: { cookie: `${cookie.name}=${cookie.value}` },
            });
            assert.equal(answer.status, name === other ? 200 : 401, `${name} → ${other}`);
        }
    }
});

test('a login that began before a graceful restart ends well after it', async (t) => {
    const { httpd, url } = await startSeed(t, {
        loginHost: 'tinyauth.test', apps: ['myapp.test'],
    });
    const browser = new Browser();
    const first = await browser.get(url('myapp.test', '/late'));
    const asked = await enterProvider(browser, first);
    await httpd.graceful();
    const form = asked.forms.find(({ fields }) => fields.some(([name]) => name === 'login'));
    const page = await browser.submit(asked, form, { login: 'alice' });
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.url, url('myapp.test', '/late'));
});
