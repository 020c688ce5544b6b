/*
 * Providers that lie in the ID token. Each lie is refused for its own reason, before userinfo
 * is asked, before any session exists.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { makeKey, sharedKey, signJwt, startSite } from './harness.mjs';
import { answers } from './liar.mjs';
import { assertLieIsRefused } from './support/login_steps.mjs';

const now = () => Math.floor(Date.now() / 1000);
const stranger = sharedKey('RS256', 'stranger');

/* Lies in the claims: name, what is changed (undefined removes), the reason. */
const claims = [
    ['the issuer of somebody else', { iss: 'http://localhost:1' }, 'id-token-issuer'],
    ['an issuer with a slash more', (op) => ({ iss: `${op.issuer}/` }), 'id-token-issuer'],
    ['an issuer in capitals', (op) => ({ iss: op.issuer.toUpperCase() }), 'id-token-issuer'],
    ['no issuer', { iss: undefined }, 'id-token-issuer'],
    ['an issuer in an array', (op) => ({ iss: [op.issuer] }), 'id-token-issuer'],
    ['no subject', { sub: undefined }, 'id-token-subject'],
    ['an empty subject', { sub: '' }, 'id-token-subject'],
    ['a subject that is a number', { sub: 42 }, 'id-token-subject'],
    ['a subject with a line break', { sub: 'a\nb' }, 'id-token-subject'],
    ['the audience of another client', { aud: 'other' }, 'id-token-audience'],
    ['an audience that begins like ours', { aud: 'tinyauth2' }, 'id-token-audience'],
    ['several audiences, ours among them', { aud: ['tinyauth', 'other'] }, 'id-token-audience'],
    ['an empty list of audiences', { aud: [] }, 'id-token-audience'],
    ['no audience', { aud: undefined }, 'id-token-audience'],
    ['an audience that is an object', { aud: { tinyauth: true } }, 'id-token-audience'],
    ['another authorized party', { azp: 'other' }, 'id-token-audience'],
    ['an authorized party that is a list', { azp: ['tinyauth'] }, 'id-token-audience'],
    ['an expiry six minutes ago', () => ({ exp: now() - 360 }), 'id-token-expired'],
    ['an expiry in 1970', { exp: 0 }, 'id-token-expired'],
    ['no expiry', { exp: undefined }, 'id-token-time'],
    ['an expiry in words', { exp: '2999-01-01' }, 'id-token-time'],
    ['an expiry that is a string of digits', () => ({ exp: String(now() + 600) }),
        'id-token-time'],
    ['no time of issue', { iat: undefined }, 'id-token-time'],
    ['a time of issue six minutes ahead', () => ({ iat: now() + 360 }), 'id-token-time'],
    ['a time before which it is not valid, six minutes ahead', () => ({ nbf: now() + 360 }),
        'id-token-time'],
    ['another nonce', { nonce: 'A'.repeat(43) }, 'id-token-nonce'],
    ['no nonce', { nonce: undefined }, 'id-token-nonce'],
    ['a nonce that is a list', (op) => ({ nonce: [op.lastLogin.nonce] }), 'id-token-nonce'],
    ['the hash of another access token', { at_hash: 'A'.repeat(22) }, 'id-token-hash'],
    ['a hash that is no string', { at_hash: 1 }, 'id-token-hash'],
    ['the type of Pocket ID\'s access tokens', { type: 'oauth-access-token' }, 'id-token-type'],
    ['the type of Keycloak\'s access tokens', { typ: 'Bearer' }, 'id-token-type'],
];

/* Lies in the header and the signature: what op.idToken takes. */
const signatures = [
    ['alg none, and no signature', ({ key }) => [{}, { alg: 'none' }, key], 'id-token-malformed'],
    ['alg none, with a signature', ({ key }) => [{}, { alg: 'none' }, key, 'RS256'],
        'id-token-algorithm'],
    ['alg nOnE', ({ key }) => [{}, { alg: 'nOnE' }, key, 'RS256'], 'id-token-algorithm'],
    ['HS256 with the client secret', (op) => [{}, { alg: 'HS256' }, op.clientSecret],
        'id-token-algorithm'],
    ['HS256 with the public RSA key as secret', ({ key }) => [{}, { alg: 'HS256' },
        key.publicKey.export({ type: 'spki', format: 'pem' })], 'id-token-algorithm'],
    ['an unknown algorithm', ({ key }) => [{}, { alg: 'RS1' }, key, 'RS256'],
        'id-token-algorithm'],
    ['no algorithm', ({ key }) => [{}, { alg: undefined }, key, 'RS256'], 'id-token-malformed'],
    ['PS256 said, RS256 done', ({ key }) => [{}, { alg: 'PS256' }, key, 'RS256'], 'id-token-key'],
    ['a key that is not in the key set', () => [{}, {}, stranger], 'id-token-key'],
    ['another key under the right name', (op) => [{}, { kid: op.key.kid }, stranger],
        'id-token-signature'],
    ['its own key in the header', () => [{}, { jwk: stranger.jwk, kid: stranger.kid }, stranger],
        'id-token-key'],
    ['the address of its own key in the header', (op) => [{}, {
        jku: `${op.issuer}/evil-jwks`, x5u: `${op.issuer}/evil`, kid: stranger.kid,
    }, stranger], 'id-token-key'],
    ['no kid, and another key', () => [{}, { kid: undefined }, stranger], 'id-token-signature'],
    ['a critical extension', ({ key }) => [{}, { crit: ['x'], x: 1 }, key], 'id-token-malformed'],
    ['the header type of an access token', ({ key }) => [{}, { typ: 'at+jwt' }, key],
        'id-token-type'],
    ['the header type of a logout token', ({ key }) => [{}, { typ: 'application/logout+jwt' },
        key], 'id-token-type'],
    ['a kid that is a number', ({ key }) => [{}, { kid: 7 }, key], 'id-token-malformed'],
];

const payload = (op, change) => {
    const text = JSON.stringify(op.idTokenClaims());
    return op.idToken(change(text));
};

/* Lies in the very bytes: each returns the whole token. */
const bytes = [
    ['exp 1e300', (op) => payload(op, (text) => text.replace(/"exp":\d+/, '"exp":1e300')),
        'id-token-time'],
    ['exp -1', (op) => op.idToken({ exp: -1 }), 'id-token-time'],
    ['iss twice', (op) => payload(op, (text) => text.replace('{', '{"iss":"http://x",')),
        'id-token-malformed'],
    ['aud twice, the right one last', (op) => payload(op, (text) => text
        .replace('{', '{"aud":"other",')), 'id-token-malformed'],
    ['a payload that is a list', (op) => op.idToken('[]'), 'id-token-malformed'],
    ['a payload that is a string', (op) => op.idToken('"sub"'), 'id-token-malformed'],
    ['a payload that is no JSON', (op) => op.idToken('{iss}'), 'id-token-malformed'],
    ['an empty payload', (op) => op.idToken(''), 'id-token-malformed'],
    ['text behind the payload', (op) => payload(op, (text) => `${text}x`), 'id-token-malformed'],
    ['a thousand levels of lists', (op) => payload(op, (text) => text
        .replace('{', `{"x":${answers.nested(1000)},`)), 'id-token-malformed'],
    ['NUL in a claim', (op) => payload(op, (text) => text
        .replace('"alice"', '"alice\\u0000x"')), 'id-token-malformed'],
    ['one megabyte', (op) => op.idToken({ filler: 'x'.repeat(2 ** 20 - 1e5) }),
        'provider-unreachable'],
    ['300 kilobytes', (op) => op.idToken({ filler: 'x'.repeat(300000) }), 'id-token-malformed'],
    ['two parts', (op) => op.idToken().split('.').slice(0, 2).join('.'), 'id-token-malformed'],
    ['five parts (encrypted)', (op) => `${op.idToken()}.x.y`, 'id-token-malformed'],
    ['an empty signature', (op) => op.idToken().replace(/[^.]*$/, ''), 'id-token-malformed'],
    ['a signature cut short', (op) => op.idToken().slice(0, -6), 'id-token-signature'],
    ['another payload under the signature', (op) => {
        const parts = op.idToken().split('.');
        parts[1] = op.idToken({ preferred_username: 'root' }).split('.')[1];
        return parts.join('.');
    }, 'id-token-signature'],
    ['blanks in it', (op) => op.idToken().replace('.', ' .'), 'id-token-malformed'],
    ['plain words', () => 'trust me', 'id-token-malformed'],
    ['an old token of another login', (op) => {
        const claim = { ...op.idTokenClaims(), nonce: 'of-another-login' };
        return signJwt({ alg: 'RS256', kid: op.key.kid }, claim, op.key);
    }, 'id-token-nonce'],
];

const resolve = (value, op) => (typeof value === 'function' ? value(op) : value);

const cases = [
    ...claims.map(([name, change, reason]) => ({
        name: `a claim: ${name}`,
        lie: (op) => { op.onIdToken = () => op.idToken(resolve(change, op)); },
        reason,
    })),
    ...signatures.map(([name, change, reason]) => ({
        name: `header and signature: ${name}`,
        lie: (op) => { op.onIdToken = () => op.idToken(...change(op)); },
        reason,
    })),
    ...bytes.map(([name, token, reason]) => ({
        name: `bytes: ${name}`,
        lie: (op) => { op.onIdToken = () => token(op); },
        reason,
    })),
];

test('an ID token with a lie in it lets nobody in', async (t) => {
    const site = await startSite(t, { liar: {} });
    for (const each of cases) {
        await t.test(each.name, async () => {
            await assertLieIsRefused(site, each);
            assert.equal(site.op.requests.count('userinfo'), 0);
        });
    }
});

test('the algorithm must be on the list of TinyauthIdTokenAlg', async (t) => {
    const site = await startSite(t, {
        liar: {}, section: { TinyauthIdTokenAlg: 'ES256 RS512' },
    });
    await assertLieIsRefused(site, { lie: () => {}, reason: 'id-token-algorithm' });
    assert.equal(site.op.requests.count('userinfo'), 0);
});

for (const algorithm of ['PS256', 'ES256', 'ES384', 'EdDSA']) {
    test(`a forged signature with ${algorithm}`, async (t) => {
        const site = await startSite(t, { liar: { algorithm } });
        const other = makeKey(algorithm);
        const zeros = (op) => op.idToken().replace(/[^.]*$/, (signature) => (
            Buffer.alloc(Buffer.from(signature, 'base64url').length).toString('base64url')
        ));
        for (const token of [(op) => op.idToken({}, { kid: op.key.kid }, other), zeros]) {
            const lie = (op) => { op.onIdToken = () => token(op); };
            await assertLieIsRefused(site, { lie, reason: 'id-token-signature' });
        }
    });
}
