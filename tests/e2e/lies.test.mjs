/*
 * Providers that lie, or are broken, in discovery, key set, token answer or userinfo. Each lie
 * has its own reason on the page and in the log, and lets nobody in.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, freePort, makeKey, protectedLocation, providerSection, sharedKey, startBackend,
    startHttpd, startLiar, startSite,
} from './harness.mjs';
import { answers } from './liar.mjs';
import { assertLieIsRefused, assertRefused } from './support/login_steps.mjs';

const without = (name) => (document) => ({ ...document, [name]: undefined });
const withMember = (member) => (document) => ({ ...document, ...member });

/* Discovery documents: what is made of the honest one, and the reason. */
const discoveries = [
    ['of another issuer', withMember({ issuer: 'http://localhost:1' }), 'discovery-issuer'],
    ['of the issuer with a slash more', (document) => ({
        ...document, issuer: `${document.issuer}/`,
    }), 'discovery-issuer'],
    ['without an issuer', without('issuer'), 'discovery-malformed'],
    ['with two issuers', (document) => answers.rawJson(JSON.stringify(document)
        .replace('{', '{"issuer":"http://x",')), 'discovery-malformed'],
    ['without authorization endpoint', without('authorization_endpoint'), 'discovery-malformed'],
    ['without token endpoint', without('token_endpoint'), 'discovery-malformed'],
    ['without key set', without('jwks_uri'), 'discovery-malformed'],
    ['with an endpoint that is not encrypted', withMember({
        token_endpoint: 'http://id.example.com/token',
    }), 'discovery-malformed'],
    ['with a script for an endpoint', withMember({ authorization_endpoint: 'javascript:alert(1)' }),
        'discovery-malformed'],
    ['with a file for a key set', withMember({ jwks_uri: 'file:///etc/passwd' }),
        'discovery-malformed'],
    ['with an endpoint that is a list', withMember({ userinfo_endpoint: ['http://localhost'] }),
        'discovery-malformed'],
    ['that wants clients to sign', withMember({
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
    }), 'discovery-malformed'],
    ['that is a list', () => answers.rawJson('[]'), 'discovery-malformed'],
    ['that is a web page', () => answers.html(), 'discovery-malformed'],
    ['that is empty', () => answers.rawJson(''), 'discovery-malformed'],
    ['that is nested a thousand times', () => answers.rawJson(`{"x":${answers.nested(1000)}}`),
        'discovery-malformed'],
    ['that is not there', () => answers.json({ error: 'not found' }, 404), 'provider-unreachable'],
    ['that fails', () => answers.html('<h1>Oops</h1>', 500), 'provider-unreachable'],
    ['that moved', (document) => answers.redirect(`${document.issuer}/elsewhere`),
        'provider-unreachable'],
    ['that breaks off', (document) => answers.closeEarly({ json: document }, 20),
        'provider-unreachable'],
];

/* One httpd with a provider of its own for each lie: a document, once seen, is kept. */
async function startMany(t, lies) {
    const ops = await Promise.all(lies.map(() => startLiar({}, t)));
    ops.forEach((op, i) => { op.onDiscovery = lies[i]; });
    const backend = await startBackend(t);
    const httpd = await startHttpd(t, {
        modules: ['proxy', 'proxy_http'],
        conf: [...ops.map((op, i) => providerSection(op, {}, `op-${i}`)),
            `ProxyPass "/" "${backend.url}/"`, protectedLocation('/')].join('\n'),
    });
    return { ops, backend, httpd };
}

test('a discovery document with a lie in it begins no login', async (t) => {
    const { ops, backend, httpd } = await startMany(t, discoveries.map(([, lie]) => lie));
    for (const [i, [name, , reason]] of discoveries.entries()) {
        await t.test(`a document ${name}`, async () => {
            const browser = new Browser();
            const logged = httpd.log(/TA0020/).length;
            const login = httpd.url(`/tinyauth/login?provider=op-${i}&return=%2F`);
            assertRefused(await browser.get(login), 502, reason);
            assert.deepEqual(ops[i].requests.counts, { discovery: 1 });
            assert.deepEqual(browser.jar.cookies, []);
            const lines = httpd.log(/TA0020/).slice(logged);
            assert.equal(lines.length, 1);
            assert.ok(lines[0].includes(reason), lines[0]);
        });
    }
    assert.equal(backend.requests.count(), 0);
});

test('a provider that is down is an error page, and one line in the log', async (t) => {
    const port = await freePort();
    const op = { issuer: `http://localhost:${port}`, clientId: 'tinyauth' };
    const httpd = await startHttpd(t, {
        conf: `${providerSection(op)}\n${protectedLocation('/')}`,
    });
    const login = httpd.url('/tinyauth/login?provider=pocketid&return=%2F');
    assertRefused(await new Browser().get(login), 502, 'provider-unreachable');
    assert.equal(httpd.log(/TA0020.*provider-unreachable: localhost: /).length, 1);
});

const secretKey = { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0', alg: 'HS256' };
const changedKey = (change) => ({ keys: [key] }) => ({ keys: [{ ...key, ...change }] });

/* Key sets; each needs a provider that has not shown another one before. */
const keySets = [
    ['that is no JSON', () => answers.html(), 'keys-malformed'],
    ['without keys', () => answers.json({}), 'keys-malformed'],
    ['whose keys are no list', () => answers.json({ keys: {} }), 'keys-malformed'],
    ['that is not there', () => answers.json({}, 404), 'provider-unreachable'],
    ['that moved', () => answers.redirect('/elsewhere'), 'provider-unreachable'],
    ['that is empty', () => ({ keys: [] }), 'id-token-key'],
    ['with a key for encryption', changedKey({ use: 'enc' }), 'id-token-key'],
    ['with a key for another algorithm', changedKey({ alg: 'RS512' }), 'id-token-key'],
    ['with a key of another name', changedKey({ kid: 'other' }), 'id-token-key'],
    ['with a shared secret', ({ keys }) => ({ keys: [{ ...secretKey, kid: keys[0].kid }] }),
        'id-token-key'],
    ['with a short RSA key', ({ keys }) => ({ keys: [{ ...keys[0], n: 'AQAB', e: 'AQAB' }] }),
        'id-token-key'],
    ['with another key under our name', ({ keys }) => ({
        keys: [{ ...sharedKey('RS256', 'stranger').jwk, kid: keys[0].kid }],
    }), 'id-token-signature'],
];

for (const [name, lie, reason] of keySets) {
    test(`a key set ${name} lets nobody in`, async (t) => {
        const site = await startSite(t, { liar: {} });
        await assertLieIsRefused(site, { lie: (op) => { op.onKeys = lie; }, reason });
        assert.equal(site.op.requests.count('userinfo'), 0);
    });
}

const token = (change) => (form, body) => ({ ...body, ...change });
const sentence = 'The code has <b>expired</b>.';

const tokens = [
    ['invalid_grant', () => answers.oauthError('invalid_grant', sentence), 'token-refused'],
    ['an error in words, as Pocket ID before 2.10', () => answers.json({ error: 'Bad code' }, 400),
        'token-refused'],
    ['access_denied with 403', () => answers.oauthError('access_denied', sentence, 403),
        'token-refused'],
    ['an error with status 200', () => answers.json({ error: 'invalid_grant' }), 'token-refused'],
    ['invalid_client', () => answers.oauthError('invalid_client', sentence, 401),
        'client-refused', 500],
    ['unauthorized_client', () => answers.oauthError('unauthorized_client', sentence),
        'client-refused', 500],
    ['a 401 without words', () => answers.html('no', 401), 'client-refused', 500],
    ['too many requests', () => answers.json({}, 429), 'provider-unreachable'],
    ['a server error', () => answers.html('<h1>Oops</h1>', 500), 'provider-unreachable'],
    ['a redirect', () => answers.redirect('http://localhost:1/'), 'token-malformed'],
    ['a web page', () => answers.html(), 'token-malformed'],
    ['a list', () => answers.rawJson('[]'), 'token-malformed'],
    ['an empty answer', () => answers.rawJson(''), 'token-malformed'],
    ['text behind the JSON', (form, body) => answers.rawJson(`${JSON.stringify(body)}x`),
        'token-malformed'],
    ['an access token twice', (form, body) => answers.rawJson(JSON.stringify(body)
        .replace('{', '{"access_token":"x",')), 'token-malformed'],
    ['no access token', token({ access_token: undefined }), 'token-malformed'],
    ['an access token that is a number', token({ access_token: 5 }), 'token-malformed'],
    ['an access token with a line break', token({ access_token: 'a\r\nX-Evil: 1' }),
        'token-malformed'],
    ['no token type', token({ token_type: undefined }), 'token-malformed'],
    ['an unknown token type', token({ token_type: 'DPoP' }), 'token-malformed'],
    ['no ID token', token({ id_token: undefined }), 'id-token-missing'],
    ['an ID token that is a list', token({ id_token: ['x'] }), 'token-malformed'],
    ['an answer that breaks off', (form, body) => answers.closeEarly({ json: body }, 30),
        'provider-unreachable'],
];

test('a token answer with a lie in it lets nobody in', async (t) => {
    const site = await startSite(t, { liar: {} });
    for (const [name, onToken, reason, status] of tokens) {
        await t.test(name, async () => {
            const lie = (op) => { op.onToken = onToken; };
            const page = await assertLieIsRefused(site, { lie, reason, status });
            assert.ok(!page.body.includes('<b>'));
            assert.equal(site.op.requests.count('userinfo'), 0);
        });
    }
});

const stranger = makeKey('RS256');
const signed = (...change) => (op) => () => op.signedUserinfo(...change);

const userinfos = [
    ['of somebody else', (op) => () => op.claims('bob'), 'userinfo-subject'],
    ['of nobody', () => (claims) => ({ ...claims, sub: undefined }), 'userinfo-subject'],
    ['whose subject is a number', () => (claims) => ({ ...claims, sub: 1 }), 'userinfo-subject'],
    ['whose subject differs by a blank', () => (claims) => ({ ...claims, sub: `${claims.sub} ` }),
        'userinfo-subject'],
    ['that is refused', () => () => answers.json({ error: 'invalid_token' }, 401),
        'userinfo-refused'],
    ['that is forbidden', () => () => answers.html('no', 403), 'userinfo-refused'],
    ['that fails', () => () => answers.html('no', 500), 'provider-unreachable'],
    ['that moved', () => () => answers.redirect('http://localhost:1/'), 'userinfo-malformed'],
    ['that is a web page', () => () => answers.html(), 'userinfo-malformed'],
    ['that is plain text', () => () => ({ headers: { 'content-type': 'text/plain' }, text: '{}' }),
        'userinfo-malformed'],
    ['that is a list', () => () => answers.rawJson('[]'), 'userinfo-malformed'],
    ['with a claim twice', () => (claims) => answers.rawJson(JSON.stringify(claims)
        .replace('{', '{"groups":["users"],')), 'userinfo-malformed'],
    ['signed by somebody else', signed({}, {}, stranger), 'id-token-key'],
    ['signed for another client', signed({ aud: 'other' }), 'id-token-audience'],
    ['signed by another issuer', signed({ iss: 'http://x' }), 'id-token-issuer'],
    ['signed, of somebody else', signed({ sub: 'bob' }), 'userinfo-subject'],
    ['with alg none', signed({}, { alg: 'none' }), 'id-token-malformed'],
    ['that says it is signed, and is not', () => (claims) => answers.jwt(JSON.stringify(claims)),
        'id-token-malformed'],
];

test('userinfo with a lie in it lets nobody in', async (t) => {
    const site = await startSite(t, { liar: {} });
    for (const [name, hook, reason] of userinfos) {
        await t.test(`userinfo ${name}`, async () => {
            await assertLieIsRefused(site, {
                lie: (op) => { op.onUserinfo = hook(op); }, reason,
            });
        });
    }
});

test('somebody without any name that counts is told so', async (t) => {
    const site = await startSite(t, { liar: {}, section: { TinyauthUserClaim: 'nickname email' } });
    const lie = (op) => { op.onUserinfo = (claims) => ({ ...claims, email_verified: false }); };
    await assertLieIsRefused(site, {
        lie: (op) => {
            lie(op);
            op.onIdToken = () => op.idToken({ email_verified: false });
        },
        reason: 'identity-empty',
        status: 403,
    });
});
