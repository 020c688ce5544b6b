/*
 * The provider logs people out: over the back channel, from server to server, and over the
 * front channel, by a frame in the browser.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import {
    answers, Browser, callbackPath, freePort, launchChromium, loginAt, makeKey, noChromium,
    protectedLocation, providerSection, rawLines, rawRequest, startHttpd, startLiar, startSite,
    testCertificates,
} from './harness.mjs';
import { loginWithLiar, programRequest, sessionCookies } from './support/login_steps.mjs';

const back = '/tinyauth/backchannel-logout/pocketid';
const front = '/tinyauth/frontchannel-logout/pocketid';

/* Each login at this liar has a sid of its own; op.sidOf(n) is that of the n-th. */
function giveSids(op) {
    const sids = [];
    op.onIdToken = (claims) => {
        sids.push(`sid & ${sids.length} ~ä`);
        return op.idToken({ ...claims, sid: sids.at(-1) });
    };
    op.sidOf = (index) => sids.at(index);
}

async function startWithLiar(t, options = {}) {
    const site = await startSite(t, { liar: {}, require: 'valid-user', ...options });
    giveSids(site.op);
    t.after(() => site.op.secrets.forEach((secret) => site.httpd.secrets.add(secret)));
    return site;
}

async function logIn(site, user = 'alice') {
    const browser = new Browser();
    site.op.user = user;
    await loginWithLiar(browser, site.url('/'));
    assert.equal(sessionCookies(browser).length, 1);
    return browser;
}

const isLoggedIn = async (browser, url) => (await browser.fetch(url('/'))).status === 200;

/* As a provider's server does it. */
function send(url, form, headers = {}) {
    return new Browser().post(url, form, { navigation: false, headers });
}

const post = ({ url, op }, claims, ...how) => (
    send(url(back), { logout_token: op.logoutToken(claims, ...how) })
);

function assertInvalid(page, reason) {
    assert.equal(page.status, 400, page.body);
    assert.equal(page.headers['cache-control'], 'no-store');
    assert.match(page.headers['content-type'], /^application\/json/);
    assert.equal(page.json.reason, reason);
    assert.equal(page.json.error, 'invalid_request');
}

test('a real provider ends the session here when somebody logs out there', async (t) => {
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const { httpd, op, url } = await startSite(t, {
        port,
        provider: {
            clients: [{
                clientId: 'tinyauth',
                clientSecret: 's3cret',
                redirectUris: [origin + callbackPath],
                backchannelLogoutUri: origin + back,
            }],
        },
    });
    /* what was registered there is what the log said */
    const [told] = httpd.log(/TA0504/);
    for (const path of [callbackPath, '/tinyauth/signed-out', back, front]) {
        assert.ok(told.includes(path), told);
    }
    const browser = new Browser();
    const other = new Browser();
    await loginAt(browser, url('/'), 'alice');
    await loginAt(other, url('/'), 'alice');
    const [{ name, value }] = sessionCookies(browser);

    /* at the provider, without any link from us */
    const asked = await browser.get(`${op.issuer}/api/oidc/end-session`);
    const form = asked.forms.find(({ method }) => method === 'POST');
    await browser.submit(asked, form, { logout: 'yes' });
    await httpd.waitForLog(/TA0501/);
    assert.deepEqual(op.errors, []);
    assert.equal(op.backchannel.length, 1);
    assert.ok(op.backchannel[0].sid);
    for (let i = 0; i < 20; i += 1) {
        const replayed = await programRequest(url('/'), `Cookie: ${name}=${value}`);
        assert.equal(replayed.status, 401);
    }
    assert.ok(await isLoggedIn(other, url), 'a session at the provider of its own');
});

test('sid ends one session, sub alone ends all of that user', async (t) => {
    const site = await startWithLiar(t);
    const { op, url } = site;
    const first = await logIn(site);
    const second = await logIn(site);
    const third = await logIn(site);
    const bob = await logIn(site, 'bob');
    op.user = 'alice';
    const done = await post(site, { sub: undefined, sid: op.sidOf(1) });
    assert.equal(done.status, 200, done.body);
    assert.equal(done.headers['cache-control'], 'no-store');
    assert.deepEqual(done.setCookies, []);
    assert.deepEqual(
        await Promise.all([first, second, third, bob].map((who) => isLoggedIn(who, url))),
        [true, false, true, true],
    );
    assert.equal((await post(site, { sid: op.sidOf(1) })).status, 200, 'gone already');
    assert.ok(await isLoggedIn(first, url));
    assert.equal((await post(site)).status, 200);
    assert.deepEqual(
        await Promise.all([first, third, bob].map((who) => isLoggedIn(who, url))),
        [false, false, true],
    );
});

test('a logout token that is not the provider\'s, not for us, or used, ends nothing', async (t) => {
    const site = await startWithLiar(t);
    const { httpd, op, url } = site;
    const browser = await logIn(site);
    const key = makeKey('RS256');
    const forged = op.logoutToken({}, { kid: op.key.kid }, key);
    const spent = op.logoutToken();
    const cases = [
        [forged, 'id-token-signature'],
        [op.logoutToken({ aud: 'another-client' }), 'id-token-audience'],
        [op.logoutToken({ iss: 'https://evil.example' }), 'id-token-issuer'],
        [op.logoutToken({ events: {} }), 'backchannel-token'],
        [op.logoutToken({ nonce: 'n' }), 'backchannel-token'],
        [op.logoutToken({ sub: undefined }), 'backchannel-token'],
        [op.logoutToken({ iat: 1 }), 'id-token-expired'],
        [op.logoutToken({}, { alg: 'none' }), 'id-token-malformed'],
        [op.logoutToken({}, { alg: 'HS256' }, op.clientSecret), 'id-token-algorithm'],
        [op.idToken(), 'backchannel-token'],
        ['', 'id-token-malformed'],
    ];
    for (const [token, reason] of cases) {
        assertInvalid(await send(url(back), { logout_token: token }), reason);
    }
    assertInvalid(await send(url(back), `logout_token=${spent}&logout_token=${spent}`),
        'backchannel-token');
    assertInvalid(await send(url(back), { logout_token: spent }, { 'content-type': 'text/plain' }),
        'backchannel-token');
    assert.ok(await isLoggedIn(browser, url));
    assert.equal(httpd.log(/TA0500/).length, cases.length + 2);

    assert.equal((await send(url(back), { logout_token: spent })).status, 200);
    const again = await logIn(site);
    assertInvalid(await send(url(back), { logout_token: spent }), 'backchannel-used');
    assert.ok(await isLoggedIn(again, url));
});

test('only a POST of some size is taken, and only for a provider that there is', async (t) => {
    const { backend, httpd, url } = await startWithLiar(t);
    const got = await new Browser().get(url(back));
    assert.equal(got.status, 405);
    assert.equal(got.headers.allow, 'POST');
    const long = await send(url(back), { logout_token: 'x'.repeat(70000) });
    assert.equal(long.status, 400);
    assert.equal(long.headers['cache-control'], 'no-store');
    const chunked = await rawRequest(httpd.port, rawLines(`POST ${back} HTTP/1.1`,
        'Host: localhost', 'Content-Type: application/x-www-form-urlencoded',
        'Transfer-Encoding: chunked', 'Connection: close') + '3\r\nx=y\r\n0\r\n\r\n');
    assert.equal(chunked.status, 400);
    assert.equal((await send(url('/tinyauth/backchannel-logout/other'), {})).status, 401);
    assert.equal(backend.requests.count(), 0);
});

test('without an issuer a logout token is refused', async (t) => {
    const { op, url } = await startSite(t, {
        liar: {},
        write: ({ op: at }) => [providerSection(at, {
            TinyauthIssuer: undefined,
            TinyauthAuthURL: `${at.issuer}/authorize`,
            TinyauthTokenURL: `${at.issuer}/api/oidc/token`,
            TinyauthUserInfoURL: `${at.issuer}/api/oidc/userinfo`,
        }), protectedLocation('/')].join('\n'),
    });
    assertInvalid(await send(url(back), { logout_token: op.logoutToken() }), 'backchannel-token');
});

test('a logout ends the login on every host that it reached', async (t) => {
    const port = await freePort();
    const op = await startLiar({}, t);
    giveSids(op);
    const host = (name) => [`<VirtualHost *:${port}>`, `ServerName ${name}`, 'SSLEngine on',
        protectedLocation('/', 'valid-user'), '</VirtualHost>'].join('\n');
    const names = ['myapp.test', 'other.test', 'tinyauth.test'];
    await startHttpd(t, {
        port,
        tls: true,
        host: 'main.test',
        conf: [providerSection(op), `TinyauthAppURL https://tinyauth.test:${port}`,
            ...names.map(host)].join('\n'),
    });
    const url = (name, path = '/index.html') => `https://${name}:${port}${path}`;
    const browser = new Browser();
    await loginWithLiar(browser, url('myapp.test'));
    for (const name of names) {
        assert.equal((await browser.get(url(name))).status, 200, name);
    }
    const token = op.logoutToken({ sid: op.sidOf(0) });
    /* on the application's host it is the application's own path */
    assert.equal((await send(url('myapp.test', back), { logout_token: token })).status, 401);
    assert.equal((await browser.fetch(url('myapp.test'))).status, 200);
    assert.equal((await send(url('tinyauth.test', back), { logout_token: token })).status, 200);
    for (const name of names) {
        assert.equal((await browser.fetch(url(name))).status, 401, name);
    }
});

/* Runs `work` for each of `items`, so many at a time. */
async function inParallel(items, width, work) {
    const queue = [...items.entries()];
    const worker = async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
            await work(next[1], next[0]);
        }
    };
    await Promise.all(Array.from({ length: width }, worker));
}

/* Somebody who is logged in, with the log-out form open: sid is that of this login. */
async function becomeReady(site) {
    const browser = new Browser();
    const page = await loginWithLiar(browser, site.url('/'));
    const { url } = page.chain.find((step) => step.url.includes(callbackPath));
    const asked = await browser.get(site.url('/tinyauth/logout'));
    const [cookie] = sessionCookies(browser);
    assert.ok(cookie);
    return {
        browser,
        asked,
        sid: `of ${new URL(url).searchParams.get('code')}`,
        form: asked.forms.find(({ method }) => method === 'POST'),
        cookie: `Cookie: ${cookie.name}=${cookie.value}`,
    };
}

test('1,000 logouts in parallel, by the user, the provider, or both, end 1,000 sessions',
    async (t) => {
        const site = await startWithLiar(t);
        site.op.onIdToken = (claims, header, { code }) => (
            site.op.idToken({ ...claims, sid: `of ${code}` })
        );
        const people = [];
        await inParallel(Array(1010), 16, async () => people.push(await becomeReady(site)));
        const survivors = people.splice(0, 10);
        const statuses = new Set();
        const byProvider = async ({ sid }) => {
            statuses.add((await post(site, { sid })).status);
        };
        const byUser = async ({ browser, asked, form }) => {
            statuses.add((await browser.submit(asked, form, {}, { follow: false })).status);
        };
        await inParallel(people, 64, (who, index) => Promise.all(
            [[byUser], [byProvider], [byUser, byProvider]][index % 3].map((end) => end(who)),
        ));
        assert.deepEqual([...statuses].sort(), [200, 303]);

        const answersOf = async (them) => {
            const seen = new Set();
            await inParallel(them, 32, async ({ cookie }) => {
                seen.add((await programRequest(site.url('/'), cookie)).status);
            });
            return [...seen];
        };
        assert.deepEqual(await answersOf(people), [401]);
        assert.deepEqual(await answersOf(survivors), [200]);
    });

test('a front-channel request ends the session of its sid, or of its cookie', async (t) => {
    const site = await startWithLiar(t);
    const { op, url } = site;
    const first = await logIn(site);
    const second = await logIn(site);
    const query = (values) => `${url(front)}?${new URLSearchParams(values)}`;
    const stranger = { cookies: false, headers: { 'sec-fetch-dest': 'iframe' } };

    assert.equal((await new Browser().get(url(front), stranger)).status, 200);
    for (const values of [
        { iss: 'https://evil.example', sid: op.sidOf(0) }, { sid: op.sidOf(0) },
        { iss: op.issuer },
    ]) {
        const refused = await new Browser().get(query(values), stranger);
        assert.equal(refused.status, 400, JSON.stringify(values));
    }
    assert.ok(await isLoggedIn(first, url));
    const done = await new Browser().get(query({ iss: op.issuer, sid: op.sidOf(0) }), stranger);
    assert.equal(done.status, 200);
    assert.equal(done.headers['cache-control'], 'no-store');
    assert.equal(await isLoggedIn(first, url), false);
    assert.ok(await isLoggedIn(second, url));
    /* a link from another site: Lax cookies go along, and nobody is logged out */
    await second.get(url(front), { from: 'http://evil.test/' });
    assert.ok(await isLoggedIn(second, url));
    await second.get(url(front), { headers: { 'sec-fetch-dest': 'iframe' } });
    assert.equal(await isLoggedIn(second, url), false);
    assert.deepEqual(sessionCookies(second), []);
});

let chromium;
before(async () => { chromium = noChromium ? undefined : await launchChromium(); });
after(() => chromium?.close());

/* Provider on localhost, application on myapp.test: two sites, both with TLS. */
async function startTwoSites(t) {
    const port = await freePort();
    const { key, cert, caFile } = testCertificates();
    const op = await startLiar({ tls: { key, cert } }, t);
    giveSids(op);
    const httpd = await startHttpd(t, {
        port,
        tls: true,
        host: 'myapp.test',
        conf: [providerSection(op, { TinyauthCACertificateFile: caFile }),
            protectedLocation('/', 'valid-user')].join('\n'),
    });
    return { op, httpd };
}

async function openFrame(t, page) {
    const site = await startTwoSites(t);
    const { op, httpd } = site;
    op.onEndSession = () => answers.html(page(op, httpd));
    const context = await chromium.newPerson();
    t.after(() => context.close());
    const tab = await context.newPage();
    const complaints = [];
    tab.on('console', (message) => {
        if (!/Failed to load resource/.test(message.text())) { /* an icon */
            complaints.push(message.text());
        }
    });
    await tab.goto(httpd.url('/index.html'));
    await tab.getByRole('link', { name: 'Log in with Pocket ID' }).click();
    await tab.waitForURL(httpd.url('/index.html'));
    const seen = tab.waitForResponse((response) => response.url().includes(front));
    await tab.goto(`${op.issuer}/api/oidc/end-session`);
    const answer = await seen;
    await tab.waitForLoadState('networkidle');
    return { ...site, tab, complaints, answer, request: answer.request() };
}

const frame = (address) => `<!DOCTYPE html><title>out</title><iframe src="${address}"></iframe>`;

test('a frame in the provider\'s page logs out on another site, in Chromium',
    { skip: noChromium }, async (t) => {
        const named = (op) => new URLSearchParams({ iss: op.issuer, sid: op.sidOf(0) });
        const { answer, complaints, httpd, request, tab } = await openFrame(t, (op, at) => (
            frame(at.url(`${front}?${named(op).toString().replaceAll('&', '&amp;')}`))
        ));
        assert.equal(answer.status(), 200);
        assert.ok(!(await request.allHeaders()).cookie?.includes('tinyauth'));
        assert.deepEqual(complaints, []);
        assert.match(await tab.frames()[1].content(), /You are signed out/);
        await tab.goto(httpd.url('/index.html'));
        await tab.getByRole('link', { name: 'Log in with Pocket ID' }).waitFor();
    });

test('a frame without iss and sid on another site ends nothing, in Chromium',
    { skip: noChromium }, async (t) => {
        const { answer, httpd, tab } = await openFrame(t, (op, at) => frame(at.url(front)));
        assert.equal(answer.status(), 200);
        await tab.goto(httpd.url('/index.html'));
        assert.match(await tab.content(), /protected page/);
    });
