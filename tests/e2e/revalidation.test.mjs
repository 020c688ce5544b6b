/*
 * Asked again: what changes at the provider counts here within TinyauthRevalidate seconds,
 * without a new login; a definite no ends the session, and not to know does not.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { answers, Browser, enterProvider, sleep } from './harness.mjs';
import { loginAt } from './support/login.mjs';
import { describe, sessionCookies } from './support/login_steps.mjs';
import {
    enter, enterEach, interval, roundIsOver, startShortSite, statusNextRound, statusNow,
} from './support/revalidation.mjs';
import { oneProcess } from './support/site.mjs';

const withoutRefresh = { provider: { refreshTokens: false } };

/* A user loses a group and another gains it, and neither is sent to the provider. */
async function assertGroupsFollow(site) {
    const alice = await enter(site, 'alice');
    const bob = await enter(site, 'bob');
    const cookie = sessionCookies(alice)[0].value;
    assert.equal(await statusNow(site, alice), 200);
    assert.equal(await statusNow(site, bob), 403);
    site.op.setUser('alice', { groups: ['users'] });
    site.op.setUser('bob', { groups: ['users', 'admins'] });
    assert.equal(await statusNextRound(site, alice), 403);
    assert.equal(await statusNow(site, bob), 200);
    const page = await bob.get(site.url('/page'));
    assert.equal(page.json.headers['remote-groups'], 'users,admins');
    site.op.setUser('alice', { groups: ['admins'] });
    assert.equal(await statusNextRound(site, alice), 200);
    assert.notEqual(sessionCookies(alice)[0].value, cookie, 'other rights, and the same id');
    assert.equal(sessionCookies(alice).length, 1);
    assert.equal(site.op.requests.count('authorize'), 0);
    assert.deepEqual(site.op.errors, []);
}

test('groups that are lost and won at the provider count without a new login', async (t) => {
    const site = await startShortSite(t);
    await assertGroupsFollow(site);
    assert.ok(site.op.requests.count('token') >= 3);
    assert.deepEqual(site.op.refusals, []);
});

test('without a refresh token userinfo says the same', async (t) => {
    const site = await startShortSite(t, withoutRefresh);
    await assertGroupsFollow(site);
    assert.ok(site.op.requests.count('userinfo') >= 3);
    assert.equal(site.op.requests.count('token'), 0);
});

/* How the answer to a changed user gives another id, also one that lets nobody in. */
test('a new id comes whenever rights change, and the old one is good for a minute', async (t) => {
    const site = await startShortSite(t);
    const alice = await enter(site);
    const idOf = () => sessionCookies(alice)[0].value;
    const comeWith = (id) => new Browser().fetch(site.url('/'), {
        headers: { cookie: `${sessionCookies(alice)[0].name}=${id}` },
    });
    const first = idOf();
    assert.equal(await statusNextRound(site, alice), 200);
    assert.equal(idOf(), first, 'nothing has changed');

    site.op.setUser('alice', { groups: [] });
    assert.equal(await statusNextRound(site, alice), 403);
    const second = idOf();
    assert.notEqual(second, first);
    site.op.setUser('alice', { groups: ['admins', 'users'] });
    const answers = await roundIsOver().then(() => Promise.all(
        Array.from({ length: 8 }, () => alice.fetch(site.url('/'))),
    ));
    assert.equal(answers.filter(({ setCookies }) => setCookies.length).length, 1);
    assert.notEqual(idOf(), second);
    assert.equal((await comeWith(second)).status, 200);
    assert.equal(await statusNow(site, alice), 200);
    await sleep(62000);
    assert.equal((await comeWith(first)).status, 401);
    assert.equal((await comeWith(second)).status, 401);
    assert.equal(await statusNow(site, alice), 200);
    assert.equal(site.httpd.log(/TA0073/).length, 2);
});

test('before the interval is over the provider is left alone', async (t) => {
    const site = await startShortSite(t, { server: 'TinyauthRevalidate 30' });
    const alice = await enter(site);
    site.op.setUser('alice', { groups: [] });
    assert.equal(await statusNextRound(site, alice), 200);
    assert.deepEqual(site.op.requests.counts, {});
});

test('by default five minutes pass before the provider is asked', async (t) => {
    const site = await startShortSite(t, { server: '' });
    const alice = await enter(site);
    assert.equal(await statusNextRound(site, alice), 200);
    assert.deepEqual(site.op.requests.counts, {});
});

test('a disabled user is out, and stays out with that cookie', async (t) => {
    const site = await startShortSite(t);
    const alice = await enter(site);
    site.op.setUser('alice', { disabled: true });
    assert.equal(await statusNextRound(site, alice), 401);
    assert.match((await alice.get(site.url('/'))).body, /Log in with/);
    assert.equal(site.httpd.log(/TA0070: .*"alice" ends.*token-refused/).length, 1);
    site.op.setUser('alice', { disabled: false });
    assert.equal(await statusNextRound(site, alice), 401);
    assert.equal((await loginAt(new Browser(), site.url('/'), 'alice')).status, 200);
});

test('a deleted user is out, whichever way the provider is asked', async (t) => {
    for (const options of [{}, withoutRefresh]) {
        const site = await startShortSite(t, options);
        const alice = await enter(site);
        site.op.setUser('alice', { deleted: true });
        assert.equal(await statusNextRound(site, alice), 401);
        assert.equal(site.httpd.log(/TA0070/).length, 1);
    }
});

test('an e-mail that is no longer on the whitelist is out at once', async (t) => {
    const site = await startShortSite(t, {
        server: 'TinyauthRevalidate 1\nTinyauthWhitelist alice@example.com',
    });
    const alice = await enter(site);
    assert.equal(await statusNextRound(site, alice), 200);
    site.op.setUser('alice', { email: 'alice@example.net' });
    assert.equal(await statusNextRound(site, alice), 401);
});

test('a key that the provider changed meanwhile verifies the new ID token', async (t) => {
    const site = await startShortSite(t);
    const alice = await enter(site);
    site.op.rotateKeys('ES256');
    site.op.setUser('alice', { groups: [] });
    assert.equal(await statusNextRound(site, alice), 403);
});

test('a provider that is gone ends nobody\'s session', async (t) => {
    const site = await startShortSite(t);
    const alice = await enter(site);
    await site.op.close();
    assert.equal(await statusNextRound(site, alice), 200);
    assert.equal((await alice.get(site.url('/'))).status, 200);
    assert.equal(site.httpd.log(/TA0071: .*"alice".*provider-unreachable/).length, 1);
});

/* What the token endpoint may say, and whether the session lives on. */
const tokenAnswers = [
    [200, 'too many requests', () => answers.json({ error: 'Too many requests' }, 429)],
    [200, 'invalid_client', () => answers.oauthError('invalid_client', 'expired', 401)],
    [200, 'a server error', () => answers.oauthError('server_error', 'oops', 500)],
    [200, 'a gateway without JSON', () => answers.html('<h1>Bad Gateway</h1>', 502)],
    [200, 'a race that was lost', () => answers.oauthError('invalid_request', 'Please retry')],
    [200, 'half an answer', (form, body) => answers.closeEarly(answers.json(body))],
    [200, 'a redirect', () => answers.redirect('/elsewhere')],
    [200, 'no access token', (form, body) => ({ ...body, access_token: undefined })],
    [401, 'invalid_grant', () => answers.oauthError('invalid_grant', 'The user is disabled.')],
    [401, 'access_denied', () => answers.oauthError('access_denied', 'Not allowed.', 403)],
].map(([expected, name, answer]) => ({ expected, name, answer }));

const userinfoAnswers = [
    [200, 'too many requests', () => answers.json({}, 429)],
    [200, 'a server error', () => answers.json({}, 500)],
    [200, 'no JSON', () => answers.html('<h1>maintenance</h1>')],
    [401, 'invalid_token', () => answers.json({ error: 'invalid_token' }, 401)],
    [401, 'another person', (claims) => ({ ...claims, sub: 'somebody-else' })],
].map(([expected, name, answer]) => ({ expected, name, answer }));

/* Each answer to a session of its own; and nobody is asked a second time at once. */
async function assertAnswers(t, hook, endpoint, cases) {
    const site = await startShortSite(t, { liar: {} });
    const people = await enterEach(site, hook, cases);
    for (let round = 0; round < 2; round += 1) {
        await roundIsOver();
        for (const { browser, expected, name } of people) {
            assert.equal(await statusNow(site, browser), expected, name);
        }
        assert.equal(site.op.requests.count(endpoint), cases.length);
    }
    assert.deepEqual(site.op.problems, []);
    const count = (tag) => site.httpd.log(new RegExp(`${tag}: `)).length;
    assert.equal(count('TA0070'), cases.filter(({ expected }) => expected === 401).length);
    assert.equal(count('TA0071'), cases.filter(({ expected }) => expected === 200).length);
}

test('only a definite no of the token endpoint ends a session', async (t) => {
    await assertAnswers(t, 'onToken', 'token', tokenAnswers);
});

test('only a definite no of userinfo ends a session', async (t) => {
    await assertAnswers(t, 'onUserinfo', 'userinfo', userinfoAnswers);
});

test('a new ID token of somebody else ends the session before userinfo is asked', async (t) => {
    const site = await startShortSite(t, { liar: {} });
    const alice = await enter(site);
    site.op.onIdToken = (claims) => site.op.idToken({ ...claims, sub: site.op.claims('bob').sub });
    assert.equal(await statusNextRound(site, alice), 401);
    assert.equal(site.op.requests.count('userinfo'), 0);
    assert.equal(site.httpd.log(/TA0070: .*id-token-subject/).length, 1);
});

test('a new ID token that does not verify changes nothing, and no userinfo is asked', async (t) => {
    // one process: another one would fetch the keys for itself
    const site = await startShortSite(t, { liar: {}, server: `${interval}\n${oneProcess}` });
    const wrong = [{ iss: 'https://evil.example.net' }, { aud: ['another'] }, { exp: 1 }];
    const people = await enterEach(site, 'onIdToken', wrong.map((change) => ({
        answer: (claims) => site.op.idToken({ ...claims, ...change, groups: [] }),
    })));
    await roundIsOver();
    for (const { browser } of people) {
        assert.equal(await statusNow(site, browser), 200);
    }
    assert.deepEqual(site.op.requests.counts, { token: wrong.length });
    assert.equal(site.httpd.log(/TA0071: .*id-token/).length, wrong.length);
});

test('a plain OAuth provider, whose users have an id, is asked again too', async (t) => {
    const site = await startShortSite(t, {
        liar: {},
        write: ({ op, backend }) => [
            '<TinyauthProvider pocketid>',
            `TinyauthClientID ${op.clientId}`,
            `TinyauthClientSecret ${op.clientSecret}`,
            `TinyauthAuthURL ${op.url}/authorize`,
            `TinyauthTokenURL ${op.url}/api/oidc/token`,
            `TinyauthUserInfoURL ${op.url}/api/oidc/userinfo`,
            '</TinyauthProvider>',
            'TinyauthRevalidate 1',
            `ProxyPass "/" "${backend.url}/"`,
            '<Location "/">\nAuthType Tinyauth\nRequire oauth-group admins\n</Location>',
        ].join('\n'),
    });
    let id = 4711;
    let groups = ['admins'];
    site.op.onUserinfo = ({ sub, ...claims }) => ({ ...claims, id, groups });
    const alice = await enter(site);
    assert.equal(await statusNextRound(site, alice), 200);
    groups = [];
    assert.equal(await statusNextRound(site, alice), 403);
    groups = ['admins'];
    assert.equal(await statusNextRound(site, alice), 200);
    id = 4712;
    assert.equal(await statusNextRound(site, alice), 401);
});

/* A session whose only token has run out. */
async function enterWithDeadToken(t, options = {}) {
    const site = await startShortSite(t, {
        provider: { refreshTokens: false, accessTokenSeconds: 1 }, ...options,
    });
    const alice = await enter(site);
    await roundIsOver();
    await roundIsOver();
    return { site, alice };
}

test('with no token left the next navigation passes by the provider, and shows no page of ours',
    async (t) => {
        /* two seconds: the new login is not due again when the clock's second changes */
        const { site, alice } = await enterWithDeadToken(t, { server: 'TinyauthRevalidate 2' });
        const cookie = sessionCookies(alice)[0].value;
        const page = await alice.get(site.url('/deep/page?a=1&b=2'));
        assert.equal(page.status, 200, describe(page));
        assert.equal(page.url, site.url('/deep/page?a=1&b=2'));
        assert.ok(page.chain.slice(0, -1).every(({ location }) => location), describe(page));
        assert.equal(site.op.requests.count('authorize') > 0, true, describe(page));
        assert.notEqual(sessionCookies(alice)[0].value, cookie);
        const again = await alice.get(site.url('/'), { follow: false });
        assert.equal(again.status, 200);
    });

test('with no token left, programs, forms and frames go on', async (t) => {
    const { site, alice } = await enterWithDeadToken(t);
    assert.equal(await statusNow(site, alice), 200);
    assert.equal((await alice.post(site.url('/form'), { a: 1 }, { follow: false })).status, 200);
    const frame = await alice.get(site.url('/frame'), {
        follow: false, headers: { 'sec-fetch-dest': 'iframe' },
    });
    assert.equal(frame.status, 200);
    assert.deepEqual(site.op.requests.counts, {});
    /* and they take nothing from the person who comes next */
    assert.equal((await alice.get(site.url('/'), { follow: false })).status, 302);
});

test('who comes back from the provider without a new login is not sent there again at once',
    async (t) => {
        const { site, alice } = await enterWithDeadToken(t, {
            server: 'TinyauthRevalidate 2',
        });
        const away = await alice.get(site.url('/'), { follow: false });
        assert.match(away.location, /\/authorize\?/);
        for (let i = 0; i < 3; i += 1) {
            assert.equal((await alice.get(site.url('/'), { follow: false })).status, 200);
        }
    });

test('passing by the provider finds out who may not log in any more', async (t) => {
    const { site, alice } = await enterWithDeadToken(t);
    site.op.setUser('alice', { groups: ['users'] });
    const page = await alice.get(site.url('/'));
    assert.equal(page.status, 403, describe(page));
    assert.match(page.body, /not-in-group/);
});

test('a token that userinfo refuses at its end is no word about the user', async (t) => {
    const site = await startShortSite(t, { liar: {} });
    site.op.expiresIn = 20;
    site.op.onToken = (form, body) => ({ ...body, refresh_token: undefined });
    const alice = await enter(site);
    site.op.onUserinfo = () => answers.json({ error: 'invalid_token' }, 401);
    assert.equal(await statusNextRound(site, alice), 200);
    assert.equal(await statusNextRound(site, alice), 200);
    assert.equal(site.op.requests.count('userinfo'), 1);
    site.op.behave();
    const page = await enterProvider(alice, await alice.get(site.url('/')));
    assert.equal(page.status, 200, describe(page));
});
