/*
 * What providers do that is odd but allowed, and must not keep anybody out; and how long we
 * believe what a provider said: keys that rotate, documents that are kept, providers that are
 * down for a while.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, freePort, makeKey, protectedLocation, providerSection, sharedKey, startBackend,
    startHttpd, startLiar, startSite,
} from './harness.mjs';
import { answers } from './liar.mjs';
import { assertRefused, describe, loginWithLiar, startLogin } from './support/login_steps.mjs';
import { oneProcess } from './support/site.mjs';

function assertAlice(page) {
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.json.headers['remote-user'], 'alice');
    assert.equal(page.json.headers['remote-groups'], 'admins,users');
}

const charset = (value) => ({
    headers: { 'content-type': 'application/json; charset=UTF-8' }, text: JSON.stringify(value),
});
const token = (change) => (op) => { op.onToken = (form, body) => ({ ...body, ...change }); };
const claims = (change) => (op) => { op.onIdToken = () => op.idToken(change); };
const now = () => Math.floor(Date.now() / 1000);

/* Everything printable that a token may hold; the provider still knows it. */
const oddToken = String.fromCharCode(...Array.from({ length: 94 }, (_, i) => i + 33));
const withAccessToken = (name) => (op) => {
    op.onToken = (form, body) => {
        op.accessTokens.set(name, op.lastLogin);
        return { ...body, access_token: name, id_token: op.idToken({ at_hash: undefined }) };
    };
};

const oddities = [
    ['members of discovery that nobody knows', (op) => {
        op.onDiscovery = (document) => ({ ...document, x_new: { deep: [1] }, acr_values: null });
    }],
    ['algorithms and methods that nobody knows', (op) => {
        op.onDiscovery = (document) => ({
            ...document,
            id_token_signing_alg_values_supported: ['XX999', 'HS256'],
            token_endpoint_auth_methods_supported: ['tls_client_auth', 'client_secret_post'],
        });
    }],
    ['a discovery document with a charset', (op) => { op.onDiscovery = charset; }],
    ['no promise of an issuer in the response, and none there', (op) => {
        op.onDiscovery = (document) => ({
            ...document, authorization_response_iss_parameter_supported: undefined,
        });
        op.onAuthorize = (params, { code, state }) => ({ code, state });
    }],
    ['no userinfo endpoint', (op) => {
        op.onDiscovery = (document) => ({ ...document, userinfo_endpoint: undefined });
    }],
    ['keys that nobody can use beside the right one', (op) => {
        op.onKeys = ({ keys }) => ({
            keys: [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA', kid: keys[0].kid }, { kty: 'EC',
                crv: 'P-999', x: 'AA', y: 'AA' }, 'nonsense', { kty: 'RSA' }, ...keys],
        });
    }],
    ['a key without use and alg', (op) => {
        op.onKeys = ({ keys: [{ use, alg, ...key }] }) => ({ keys: [key] });
    }],
    ['two keys of one name', (op) => {
        op.onKeys = ({ keys: [key] }) => ({
            keys: [{ ...sharedKey('RS256', 'stranger').jwk, kid: key.kid }, key],
        });
    }],
    ['a token without kid', (op) => {
        op.onKeys = ({ keys }) => ({ keys: [sharedKey('RS256', 'stranger').jwk, ...keys] });
        op.onIdToken = () => op.idToken({}, { kid: undefined });
    }],
    ['a key set with a charset', (op) => { op.onKeys = charset; }],
    ['token_type in capitals', token({ token_type: 'BEARER' })],
    ['no expires_in', token({ expires_in: undefined })],
    ['expires_in as a string', token({ expires_in: '3600' })],
    ['members of the token answer that nobody knows', token({ x: [1], scope: null, nested: {} })],
    ['no refresh token', token({ refresh_token: undefined })],
    ['a refresh token of 8 KB', token({ refresh_token: 'r'.repeat(8000) })],
    ['an access token of every printable character', withAccessToken(oddToken)],
    ['an access token of 4 KB', withAccessToken('t'.repeat(4000))],
    ['a token answer with a charset', (op) => { op.onToken = (form, body) => charset(body); }],
    ['one audience as a string', claims({ aud: 'tinyauth' })],
    ['one audience in a list', claims({ aud: ['tinyauth'] })],
    ['ourselves as authorized party', claims({ azp: 'tinyauth' })],
    ['no at_hash', claims({ at_hash: undefined })],
    ['a provider whose clock is four minutes ahead', (op) => {
        op.onIdToken = () => op.idToken({ iat: now() + 240, nbf: now() + 240 });
    }],
    ['a provider whose clock is four minutes behind', (op) => {
        op.onIdToken = () => op.idToken({ iat: now() - 540, exp: now() - 240 });
    }],
    ['times with a fraction', (op) => {
        op.onIdToken = () => op.idToken({ iat: now() - 0.5, exp: now() + 60.25 });
    }],
    ['an expiry after 2038', claims({ exp: 4102444800 })],
    ['the type of Pocket ID\'s ID tokens', claims({ type: 'id-token' })],
    ['no typ in the header', (op) => { op.onIdToken = () => op.idToken({}, { typ: undefined }); }],
    ['userinfo with a charset', (op) => { op.onUserinfo = charset; }],
    ['signed userinfo', (op) => { op.onUserinfo = () => op.signedUserinfo(); }],
    ['signed userinfo for a list of one', (op) => {
        op.onUserinfo = () => op.signedUserinfo({ aud: ['tinyauth'] });
    }],
    ['userinfo that wins over the ID token', (op) => {
        op.onIdToken = () => op.idToken({ preferred_username: 'old', groups: ['old'] });
    }],
    ['groups in the ID token alone', (op) => {
        op.onUserinfo = ({ groups, ...rest }) => rest;
    }],
];

for (const [name, oddity] of oddities) {
    test(`a provider may have ${name}`, async (t) => {
        const site = await startSite(t, { liar: {}, mpm: 'worker' });
        oddity(site.op);
        assertAlice(await loginWithLiar(site.browser, site.url('/')));
        assert.deepEqual(site.op.problems, []);
    });
}

test('an issuer with a path, and one that ends with a slash', async (t) => {
    for (const slash of ['', '/']) {
        const port = await freePort();
        const path = '/realms/one';
        const site = await startSite(t, {
            liar: { port, path, issuer: `http://localhost:${port}${path}${slash}` },
        });
        site.op.onDiscovery = (document) => Object.fromEntries(Object.entries(document)
            .map(([name, value]) => [name, value.replace?.('one//', 'one/') ?? value]));
        assertAlice(await loginWithLiar(site.browser, site.url('/')));
        const [{ url }] = site.op.requests.entries;
        assert.equal(url, `${path}/.well-known/openid-configuration`);
    }
});

test('a provider without an issuer: its ID token is discarded unread, userinfo is believed',
    async (t) => {
        const op = await startLiar({}, t);
        const backend = await startBackend(t);
        const httpd = await startHttpd(t, {
            modules: ['proxy', 'proxy_http'],
            conf: [providerSection(op, {
                TinyauthIssuer: undefined,
                TinyauthAuthURL: `${op.issuer}/authorize`,
                TinyauthTokenURL: `${op.issuer}/api/oidc/token`,
                TinyauthUserInfoURL: `${op.issuer}/api/oidc/userinfo`,
            }), `ProxyPass "/" "${backend.url}/"`, protectedLocation('/')].join('\n'),
        });
        op.onAuthorize = (params, { code, state }) => ({ code, state, iss: 'http://whoever' });
        for (const idToken of ['trust me', 'e30.e30.e30', undefined]) {
            op.onToken = (form, body) => ({ ...body, id_token: idToken });
            assertAlice(await loginWithLiar(new Browser(), httpd.url('/')));
        }
        op.onUserinfo = ({ sub, ...rest }) => ({ ...rest, id: 4711 });
        const page = await loginWithLiar(new Browser(), httpd.url('/'));
        assert.equal(page.json.headers['remote-sub'], '4711');
        op.onUserinfo = ({ sub, ...rest }) => rest;
        assertRefused(await loginWithLiar(new Browser(), httpd.url('/')), 502, 'userinfo-subject');
        assert.equal(op.requests.count('discovery') + op.requests.count('keys'), 0);
    });

/* One process, so that what it knows is what all logins meet. */
test('a key that was rotated a second ago is found, with one more request', async (t) => {
    const { op, url } = await startSite(t, { liar: {}, server: oneProcess });
    for (const algorithm of ['RS256', 'ES256', 'EdDSA']) {
        assertAlice(await loginWithLiar(new Browser(), url('/')));
        op.clear();
        op.rotateKeys(algorithm);
        assertAlice(await loginWithLiar(new Browser(), url('/')));
        assert.deepEqual(op.requests.counts, { authorize: 1, token: 1, keys: 1, userinfo: 1 });
    }
});

test('a rotated key is found where keys have no names, too', async (t) => {
    const { op, url } = await startSite(t, { liar: {}, server: oneProcess });
    op.onKeys = ({ keys }) => ({ keys: keys.map(({ kid, ...key }) => key) });
    op.onIdToken = () => op.idToken({}, { kid: undefined });
    assertAlice(await loginWithLiar(new Browser(), url('/')));
    op.rotateKeys();
    assertAlice(await loginWithLiar(new Browser(), url('/')));
});

test('unknown key names cannot make us fetch keys in a storm', async (t) => {
    const { op, url } = await startSite(t, { liar: {} });
    assertAlice(await loginWithLiar(new Browser(), url('/')));
    op.clear();
    const unknown = makeKey('RS256');
    op.onIdToken = () => op.idToken({}, { kid: `made-up-${Math.random()}` }, unknown);
    for (let i = 0; i < 30; i += 1) {
        assertRefused(await loginWithLiar(new Browser(), url('/')), 502, 'id-token-key');
    }
    const fetched = op.requests.count('keys');
    assert.ok(fetched >= 1 && fetched <= 8, `${fetched} key sets for 30 made-up names`);
    op.behave();
    assertAlice(await loginWithLiar(new Browser(), url('/')));
});

test('discovery and keys are asked for once and serve all later logins', async (t) => {
    const { op, url } = await startSite(t, { liar: {} });
    op.onDiscovery = (document) => answers.json(document, 200, { 'cache-control': 'no-store' });
    for (let i = 0; i < 8; i += 1) {
        assertAlice(await loginWithLiar(new Browser(), url('/')));
    }
    assert.ok(op.requests.count('discovery') <= 2, 'at most one per process');
    assert.ok(op.requests.count('keys') <= 2, 'at most one per process');
    assert.equal(op.requests.count('token'), 8);
    assert.equal(op.requests.count('userinfo'), 8);
});

test('httpd starts while the provider is down; the first login after that works', async (t) => {
    const port = await freePort();
    const issuer = `http://localhost:${port}`;
    const backend = await startBackend(t);
    const httpd = await startHttpd(t, {
        modules: ['proxy', 'proxy_http'],
        conf: [providerSection({ issuer, clientId: 'tinyauth', clientSecret: 's' }),
            `ProxyPass "/" "${backend.url}/"`, protectedLocation('/')].join('\n'),
    });
    assert.equal((await new Browser().get(httpd.url('/'))).status, 200, 'the login page is there');
    await startLiar({ port, clientSecret: 's' }, t);
    assertAlice(await loginWithLiar(new Browser(), httpd.url('/')));
});

test('a provider that fails is left alone for a moment, then asked again', async (t) => {
    const { op, url } = await startSite(t, { liar: {}, server: oneProcess });
    op.onDiscovery = () => answers.html('no', 503);
    const login = url('/tinyauth/login?provider=pocketid&return=%2F');
    for (let i = 0; i < 10; i += 1) {
        assertRefused(await new Browser().get(login), 502, 'provider-unreachable');
    }
    assert.ok(op.requests.count('discovery') <= 2, 'at most one in five seconds');
    op.behave();
    for (let i = 0; i < 16; i += 1) {
        const page = await new Browser().get(login, { follow: false });
        if (page.status === 302) {
            return;
        }
        await new Promise((done) => { setTimeout(done, 500); });
    }
    assert.fail('the provider was never asked again');
});

test('endpoints on other hosts than the issuer are used as discovery names them', async (t) => {
    const { browser, op, url } = await startSite(t, { liar: {} });
    const elsewhere = await startLiar({ issuer: op.issuer, clientSecret: op.clientSecret }, t);
    op.onDiscovery = (document) => ({
        ...document, jwks_uri: `http://localhost:${elsewhere.port}/.well-known/jwks.json`,
    });
    assertAlice(await loginWithLiar(browser, url('/')));
    assert.equal(op.requests.count('keys'), 0);
    assert.equal(elsewhere.requests.count('keys'), 1);
    await startLogin(new Browser(), url('/'));
});
