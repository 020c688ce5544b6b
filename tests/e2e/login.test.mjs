/*
 * Whole logins with a real provider: with every algorithm and kind of client, from any page,
 * in many tabs, and with each directive that shapes the way in.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, algorithms, answerLoginForm, callbackPath, enterProvider, freePort, loginAt,
    protectedLocation, providerSection, startBackend, startHttpd, startProvider, startSite,
} from './harness.mjs';
import {
    assertRefused, attemptCookies, describe, loginWithLiar, sessionCookies, startLogin,
} from './support/login_steps.mjs';

const random = /^[\w-]{43}$/;

function assertApplication(page, url, user = 'alice') {
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.url, url);
    assert.equal(page.json.headers['remote-user'], user);
}

for (const algorithm of algorithms) {
    test(`a provider that signs with ${algorithm}`, async (t) => {
        const { browser, op, url } = await startSite(t, { provider: { algorithm } });
        assertApplication(await loginAt(browser, url('/'), 'alice'), url('/'));
        assert.deepEqual(op.errors, []);
    });
}

test('EdDSA under its newer name Ed25519', async (t) => {
    const { browser, url } = await startSite(t, { liar: { algorithm: 'Ed25519' } });
    assertApplication(await loginWithLiar(browser, url('/')), url('/'));
});

test('a search for a regular expression comes back as it was', async (t) => {
    const { browser, url } = await startSite(t);
    const page = await loginAt(browser, url('/search?q=\\d+|\\w'), 'alice');
    assertApplication(page, url('/search?q=%5Cd+|%5Cw'));
});

test('a login costs one request of each kind, with fresh values each time', async (t) => {
    const { op, url } = await startSite(t);
    await loginAt(new Browser(), url('/'), 'alice');
    const { discovery, keys, token, userinfo } = op.requests.counts;
    assert.deepEqual({ keys, token, userinfo }, { keys: 1, token: 1, userinfo: 1 });
    assert.ok(discovery <= 2, `each of two processes asks at most once, not ${discovery} times`);
    await loginAt(new Browser(), url('/'), 'alice');
    const sent = op.requests.of('authorize').map((entry) => new URL(entry.url, op.url).searchParams)
        .filter((params) => params.has('state'));
    assert.equal(sent.length, 2);
    for (const name of ['state', 'nonce', 'code_challenge']) {
        assert.match(sent[0].get(name), random);
        assert.notEqual(sent[0].get(name), sent[1].get(name));
    }
    for (const params of sent) {
        assert.equal(params.get('response_type'), 'code');
        assert.equal(params.get('code_challenge_method'), 'S256');
        assert.equal(params.get('scope'), 'openid email profile groups');
        assert.equal(params.get('redirect_uri'), url(callbackPath));
        assert.equal(params.has('response_mode'), false);
        assert.equal(new Set(['state', 'nonce', 'code_challenge']
            .map((name) => params.get(name))).size, 3);
    }
    assert.equal(op.requests.of('userinfo')[0].method, 'GET');
});

/* A site whose client is registered like this. */
async function startWithClient(t, client, section, more = {}) {
    const port = await freePort();
    const redirectUris = [`http://localhost:${port}${callbackPath}`];
    return startSite(t, {
        port,
        provider: { clients: [{ clientId: 'tinyauth', redirectUris, ...client }] },
        section,
        ...more,
    });
}

const odd = 'per%cent %2B+plus:colon /sl?ash&am=p"q\\b;#';
const quoted = `"${odd.replace(/["\\]/g, '\\$&')}"`;

const clients = [
    { name: 'a public client, without a secret', client: {}, method: 'none' },
    { name: 'client_secret_basic', client: { clientSecret: 's3cret' }, method: 'basic' },
    {
        name: 'client_secret_post',
        client: { clientSecret: 's3cret', auth: 'post' },
        section: { TinyauthTokenAuth: 'post' },
        method: 'post',
    },
    {
        name: 'a secret and a client id with blanks, plus, percent and colon, by basic',
        client: { clientId: 'our: id%+1', clientSecret: odd },
        section: { TinyauthClientID: '"our: id%+1"', TinyauthClientSecret: quoted },
        method: 'basic',
    },
    {
        name: 'the same secret by post, out of a file',
        client: { clientSecret: odd, auth: 'post' },
        section: {
            TinyauthClientSecret: undefined,
            TinyauthClientSecretFile: 'client.secret',
            TinyauthTokenAuth: 'post',
        },
        files: { 'client.secret': { text: `${odd}\n`, mode: 0o600 } },
        method: 'post',
    },
];

for (const { name, client, section, files, method } of clients) {
    test(`a client at the token endpoint: ${name}`, async (t) => {
        const { browser, op, url } = await startWithClient(t, client, section, { files });
        assertApplication(await loginAt(browser, url('/'), 'alice'), url('/'));
        const { headers } = op.requests.last('token');
        assert.equal(/^Basic /.test(headers.authorization ?? ''), method === 'basic');
        assert.deepEqual(op.refusals, []);
    });
}

for (const [method, expected] of [
    [['client_secret_post'], 'post'],
    [['client_secret_post', 'client_secret_basic'], 'basic'],
    [undefined, 'basic'],
]) {
    test(`discovery that lists ${method ?? 'no methods'} makes us use ${expected}`, async (t) => {
        const { browser, op, url } = await startSite(t, { liar: {} });
        op.onDiscovery = (document) => ({
            ...document, token_endpoint_auth_methods_supported: method,
        });
        assertApplication(await loginWithLiar(browser, url('/')), url('/'));
        assert.equal(op.requests.last('token').auth.method, expected);
        assert.deepEqual(op.problems, []);
    });
}

test('the way back leads to the very page that was asked for, query and all', async (t) => {
    const { browser, url } = await startSite(t);
    const target = '/deep%20er/page;v=1?q=a%26b&c=d+e&return=%2Fx&empty=&%C3%A4=%2e%2e';
    const page = await loginAt(browser, url(target), 'alice');
    assertApplication(page, url(target));
    assert.equal(page.json.url, target);
});

test('an endlessly long address is kept without its query', async (t) => {
    const { browser, url } = await startSite(t);
    const page = await loginAt(browser, url(`/long?q=${'x'.repeat(3000)}`), 'alice');
    assertApplication(page, url('/long'));
});

test('twenty tabs opened at once all log in, with less than 8 KB of cookies', async (t) => {
    const { browser, url } = await startSite(t);
    const targets = Array.from({ length: 20 }, (_, i) => url(`/tab/${i}?of=twenty`));
    const tabs = targets.map(() => browser.newTab());
    const asked = await Promise.all(targets.map(async (target, i) => (
        enterProvider(tabs[i], await tabs[i].get(target))
    )));
    assert.equal(attemptCookies(browser).length, 20);
    assert.ok(browser.jar.header(url('/')).length < 8192);
    for (const [i, target] of targets.entries()) {
        assertApplication(await answerLoginForm(tabs[i], asked[i], 'alice'), target);
    }
    assert.equal(attemptCookies(browser).length, 0);
});

test('forty logins begun: the oldest attempts are dropped, the newest work', async (t) => {
    const { browser, url } = await startSite(t, { liar: {} });
    const starts = [];
    for (let i = 0; i < 40; i += 1) {
        starts.push(await startLogin(browser, url(`/${i}/${'long/'.repeat(30)}`)));
        assert.ok(browser.jar.header(url('/')).length < 8192);
    }
    for (const i of [36, 38, 39]) {
        const page = await browser.get(starts[i].location, { from: starts[i].url });
        assertApplication(page, url(`/${i}/${'long/'.repeat(30)}`));
    }
    const stranger = new Browser();
    stranger.jar = browser.jar;
    stranger.jar.cookies = attemptCookies(browser);
    const oldest = await stranger.get(starts[0].location, { from: starts[0].url });
    assertRefused(oldest, 400, 'attempt-missing');
});

test('two tabs: the one that finishes last reaches its own page, and both stay in', async (t) => {
    const { browser, url } = await startSite(t);
    const first = browser.newTab();
    const asked = await enterProvider(first, await first.get(url('/first')));
    const second = browser.newTab();
    assertApplication(await loginAt(second, url('/second'), 'alice'), url('/second'));
    assertApplication(await answerLoginForm(first, asked, 'alice'), url('/first'));
    assertApplication(await second.get(url('/again'), { follow: false }), url('/again'));
});

test('a provider that remembers the user asks nothing', async (t) => {
    const { browser, op, url } = await startSite(t);
    await loginAt(browser, url('/'), 'alice');
    browser.jar.cookies = browser.jar.cookies.filter(({ name }) => !name.includes('tinyauth'));
    op.requests.clear();
    const login = await browser.get(url('/again'));
    assert.match(login.body, /Log in with Pocket ID/);
    assertApplication(await enterProvider(browser, login), url('/again'));
    assert.equal(op.requests.count('login'), 0);
});

test('who says no at the provider gets an error page, and the next try works', async (t) => {
    const { browser, op, url } = await startSite(t);
    const asked = await enterProvider(browser, await browser.get(url('/wanted')));
    const cancel = asked.forms.find(({ action }) => action.endsWith('/abort'));
    const page = await browser.submit(asked, cancel);
    assertRefused(page, 403, 'provider-error');
    assert.match(page.body, /access_denied/);
    assert.equal(op.requests.count('token'), 0);
    const retry = page.links.find(({ text }) => text === 'Try again');
    assert.equal(retry.href, url('/wanted'));
    assertApplication(await loginAt(browser, retry.href, 'alice'), url('/wanted'));
});

const whitelists = [
    ['alice@example.com,dave@example.org', 'alice', undefined],
    ['/@example\\.com$/', 'alice', undefined],
    ['dave@example.org', 'alice', 'not-whitelisted'],
    ['bob@example.com', 'bob', 'email-unverified'],
    ['alice@example.com', 'carol', 'not-whitelisted'],
];

for (const [list, user, reason] of whitelists) {
    test(`TinyauthWhitelist ${list} and ${user}: ${reason ?? 'welcome'}`, async (t) => {
        const { backend, browser, httpd, url } = await startSite(t, {
            server: `TinyauthWhitelist ${list}`, require: 'valid-user',
        });
        const page = await loginAt(browser, url('/'), user);
        if (!reason) {
            assertApplication(page, url('/'), user);
            return;
        }
        assertRefused(page, 403, reason);
        assert.deepEqual(sessionCookies(browser), []);
        assert.equal(backend.requests.count(), 0);
        assert.equal(httpd.log(/TA0040/).length, 1);
    });
}

test('who is not on the whitelist can log in with another account', async (t) => {
    const { browser, url } = await startSite(t, {
        server: 'TinyauthWhitelist alice@example.com', require: 'valid-user',
    });
    const page = await loginAt(browser, url('/wanted?x=1'), 'carol');
    assertRefused(page, 403, 'not-whitelisted');
    /* the provider knows carol by now: unless it is told to ask, it would send her back */
    const retry = page.links.find(({ text }) => text === 'Try again');
    const asked = await loginAt(browser, retry.href, 'alice');
    /* a script of its own sends this form, which forgets carol */
    const [change] = asked.forms;
    assert.ok(change, `the provider did not ask:\n${asked.url}`);
    assertApplication(await browser.submit(asked, change), url('/wanted?x=1'), 'alice');
});

test('TinyauthTrustEmail lets an unverified e-mail count in the whitelist', async (t) => {
    const { browser, url } = await startSite(t, {
        server: 'TinyauthWhitelist bob@example.com',
        section: { TinyauthTrustEmail: 'On' },
        require: 'valid-user',
    });
    assertApplication(await loginAt(browser, url('/'), 'bob'), url('/'), 'bob');
});

test('TinyauthAutoRedirect skips the login page', async (t) => {
    const { browser, op, url } = await startSite(t, { server: 'TinyauthAutoRedirect pocketid' });
    const page = await browser.get(url('/here?x=1'));
    assert.equal(page.chain[1].url.split('?')[0], `${op.url}/authorize`);
    assertApplication(await answerLoginForm(browser, page, 'alice'), url('/here?x=1'));
});

test('TinyauthTitle and TinyauthPath name the pages and move them', async (t) => {
    const { backend, browser, url } = await startSite(t, {
        server: 'TinyauthTitle "Smith & Sons"\nTinyauthPath /auth/pages',
    });
    const login = await browser.get(url('/'));
    assert.equal(new URL(login.url).pathname, '/auth/pages/login');
    assert.match(login.title, /Smith &amp; Sons/);
    await loginAt(browser, url('/'), 'alice');
    backend.requests.clear();
    const elsewhere = await browser.get(url('/tinyauth/logout'));
    assert.equal(elsewhere.json.url, '/tinyauth/logout');
    assert.equal((await browser.get(url('/auth/pages/logout'))).forms.length, 1);
    assert.equal(backend.requests.count(), 1);
});

/* Two providers, of which /members takes only the second. */
async function startTwo(t) {
    const port = await freePort();
    const backend = await startBackend(t);
    const ids = ['pocketid', 'second-one'];
    const ops = await Promise.all(ids.map((id) => startProvider({
        clients: [{
            clientId: `client-of-${id}`,
            clientSecret: 's3cret',
            redirectUris: [`http://localhost:${port}/api/oauth/callback/${id}`],
        }],
    })));
    ops.forEach((op) => t.after(() => op.close()));
    const httpd = await startHttpd(t, {
        port,
        modules: ['proxy', 'proxy_http'],
        conf: [
            ...ops.map((op, i) => providerSection(op, { TinyauthName: `"Provider ${i}"` }, ids[i])),
            `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/', 'valid-user'),
            protectedLocation('/members', 'valid-user', 'TinyauthProviders second-one'),
        ].join('\n'),
    });
    return { httpd, ops, url: (path) => httpd.url(path) };
}

const offered = (page) => page.links.map(({ text }) => text)
    .filter((text) => text.startsWith('Log in with'));

test('several providers are all offered, and each logs in', async (t) => {
    const { ops, url } = await startTwo(t);
    for (const i of [0, 1]) {
        const browser = new Browser();
        const login = await browser.get(url('/x'));
        assert.deepEqual(offered(login), ['Log in with Provider 0', 'Log in with Provider 1']);
        const page = await loginAt(browser, url('/x'), 'alice', { provider: `Provider ${i}` });
        assertApplication(page, url('/x'));
        assert.equal(ops[i].requests.count('token'), 1);
    }
});

test('TinyauthProviders takes no login of another provider, and offers only its own', async (t) => {
    const { url } = await startTwo(t);
    const browser = new Browser();
    await loginAt(browser, url('/x'), 'alice', { provider: 'Provider 0' });
    const login = await browser.get(url('/members/x'));
    assert.deepEqual(offered(login), ['Log in with Provider 1']);
    assert.equal((await browser.fetch(url('/members/x'))).status, 401);
    const page = await loginAt(browser, url('/members/x'), 'alice');
    assertApplication(page, url('/members/x'));
});

test('a callback of one provider does not take the answer of another (mix-up)', async (t) => {
    const { ops, url } = await startTwo(t);
    const browser = new Browser();
    const started = await enterProvider(browser, await browser.get(url('/x')), 'Provider 0');
    const form = started.forms.find(({ fields }) => fields.some(([name]) => name === 'login'));
    const answered = await browser.submit(started, form, { login: 'alice' }, { follow: 1 });
    const callback = answered.location.replace('/pocketid?', '/second-one?');
    assert.notEqual(callback, answered.location);
    assertRefused(await browser.get(callback, { from: ops[1].url }), 400, 'attempt-missing');
    assert.equal(ops[0].requests.count('token') + ops[1].requests.count('token'), 0);
    assert.deepEqual(sessionCookies(browser), []);
});
