/*
 * The ends of a session: logging out, here and at the provider, and the two limits of time.
 */
import test, { describe as suite } from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, freePort, loginAt, protectedLocation, providerSection, sleep, startHttpd, startLiar,
    startSite,
} from './harness.mjs';
import {
    assertRefused, describe, loginWithLiar, programRequest, sessionCookies,
} from './support/login_steps.mjs';

const page = '/tinyauth/logout';

/* alice, logged in, with a copy of her cookies as a thief would have it. */
async function startWithAlice(t, options) {
    const site = await startSite(t, options);
    const { browser, url } = site;
    await (site.op.login ? loginWithLiar : loginAt)(browser, url('/'), 'alice');
    const [cookie] = sessionCookies(browser);
    assert.ok(cookie, 'alice has no session');
    return { ...site, stolen: `Cookie: ${cookie.name}=${cookie.value}` };
}

async function askToLogOut(browser, url) {
    const asked = await browser.get(url(page));
    const form = asked.forms.find(({ method }) => method === 'POST');
    assert.ok(form, `no form to log out:\n  ${describe(asked)}`);
    return { asked, form };
}

const isLoggedIn = async (browser, url) => (
    (await browser.fetch(url('/'))).status === 200
);

test('GET shows a question and ends nothing; POST ends the session here and at the provider',
    async (t) => {
        const { browser, op, stolen, url } = await startWithAlice(t);
        const { asked, form } = await askToLogOut(browser, url);
        assert.match(asked.body, /alice/);
        assert.equal((await browser.request('HEAD', url(page))).status, 200);
        assert.ok(await isLoggedIn(browser, url));

        const done = await browser.submit(asked, form);
        assert.equal(done.status, 200, describe(done));
        assert.equal(new URL(done.url).pathname, '/tinyauth/signed-out');
        assert.match(done.title, /signed out/i);
        assert.equal(done.chain[0].status, 303);
        const sent = new URL(op.requests.of('endSession')[0].url, op.url).searchParams;
        assert.equal(sent.get('client_id'), 'tinyauth');
        assert.equal(sent.get('post_logout_redirect_uri'), url('/tinyauth/signed-out'));
        assert.equal(sent.get('id_token_hint').split('.').length, 3);
        assert.ok(sent.get('state').length > 20);

        assert.deepEqual(sessionCookies(browser), []);
        assert.equal((await programRequest(url('/'), stolen)).status, 401);
        assert.match((await browser.get(url('/'))).body, /Log in with Pocket ID/);
        assert.deepEqual(op.errors, []);
    });

test('the provider forgets the user too: the next login asks again', async (t) => {
    const { browser, op, url } = await startWithAlice(t);
    const { asked, form } = await askToLogOut(browser, url);
    await browser.submit(asked, form);
    op.requests.clear();
    await loginAt(browser, url('/'), 'bob');
    assert.ok(op.requests.count('login') > 0);
    op.requests.clear();
});

test('without an end-session endpoint the signed-out page is our own', async (t) => {
    const site = await startSite(t, { liar: {} });
    const { browser, op, url } = site;
    op.onDiscovery = (document) => ({ ...document, end_session_endpoint: undefined });
    await loginWithLiar(browser, url('/'));
    const { asked, form } = await askToLogOut(browser, url);
    const done = await browser.submit(asked, form);
    assert.deepEqual(done.chain.map(({ status }) => status), [303, 200]);
    assert.match(done.title, /signed out/i);
    assert.equal(await isLoggedIn(browser, url), false);
});

test('the signed-out page needs no login and is content with any state', async (t) => {
    const { url } = await startSite(t);
    for (const query of ['', '?state=made-up', '?state=a&state=b', '?state=%00%ff']) {
        const done = await new Browser().get(url(`/tinyauth/signed-out${query}`));
        assert.equal(done.status, 200, query);
        assert.deepEqual(done.setCookies, []);
    }
});

test('logging out without a session leads to the signed-out page', async (t) => {
    const { url } = await startSite(t);
    for (const method of ['get', 'post']) {
        const done = await new Browser()[method](url(page));
        assert.equal(done.status, 200, describe(done));
        assert.equal(new URL(done.url).pathname, '/tinyauth/signed-out');
    }
});

test('another site\'s form logs nobody out, with and without their cookie', async (t) => {
    const { browser, httpd, op, stolen, url } = await startWithAlice(t);
    const evil = { from: 'http://evil.test/', headers: { origin: 'http://evil.test' } };
    await browser.post(url(page), { token: 'x' }, evil);
    assert.ok(await isLoggedIn(browser, url));
    const cookie = stolen.slice('Cookie: '.length);
    for (const form of [{}, { token: '' }, { token: 'x' }, 'token=a&token=b', '%']) {
        const headers = { ...evil.headers, cookie };
        const answer = await browser.post(url(page), form, { ...evil, headers });
        assertRefused(answer, 400, 'logout-token');
    }
    assert.ok(await isLoggedIn(browser, url));
    assert.equal(op.requests.count('endSession'), 0);
    assert.equal(httpd.log(/TA0061/).length, 5);
});

test('the log-out form of one session does not end another', async (t) => {
    const { browser, url } = await startWithAlice(t, { require: 'valid-user' });
    const attacker = new Browser();
    await loginAt(attacker, url('/'), 'bob');
    const { form } = await askToLogOut(attacker, url);
    const token = form.fields.find(([name]) => name === 'token')[1];
    assertRefused(await browser.post(url(page), { token }), 400, 'logout-token');
    assert.ok(await isLoggedIn(browser, url));
    assert.ok(await isLoggedIn(attacker, url));
});

test('logging out ends one session of a user, not the one in another browser', async (t) => {
    const { browser, url } = await startWithAlice(t);
    const other = new Browser();
    await loginAt(other, url('/'), 'alice');
    const { asked, form } = await askToLogOut(browser, url);
    await browser.submit(asked, form);
    assert.ok(await isLoggedIn(other, url));
});

test('a login gives the session another id, and the one before is dead', async (t) => {
    const { browser, stolen, url } = await startWithAlice(t);
    assert.equal((await programRequest(url('/'), stolen)).status, 200);
    await loginAt(browser, url('/tinyauth/login?prompt=login'), 'alice');
    const [cookie] = sessionCookies(browser);
    assert.ok(!stolen.includes(cookie.value));
    assert.equal((await programRequest(url('/'), stolen)).status, 401);
    assert.ok(await isLoggedIn(browser, url));
});

test('a session id that the browser brings along is never taken over (fixation)', async (t) => {
    const { browser, url } = await startSite(t);
    const name = `tinyauth-${new URL(url('/')).port}`;
    const planted = 'A'.repeat(43);
    browser.jar.set(`${name}=${planted}; Path=/`, url('/'));
    await loginAt(browser, url('/'), 'alice');
    assert.notEqual(browser.cookie(name), planted);
    assert.equal((await programRequest(url('/'), `Cookie: ${name}=${planted}`)).status, 401);
});

/* Two hosts of one domain that share a cookie; `settings` are myapp's alone. */
async function startDomain(t, settings) {
    const port = await freePort();
    const op = await startLiar({}, t);
    const host = (name, lines) => [`<VirtualHost *:${port}>`,
        `ServerName ${name}.example.test`, 'SSLEngine on', lines,
        protectedLocation('/', 'valid-user'), '</VirtualHost>'].join('\n');
    await startHttpd(t, {
        port,
        tls: true,
        conf: [providerSection(op), `TinyauthAppURL https://wiki.example.test:${port}`,
            'TinyauthCookieDomain example.test', host('wiki', ''), host('myapp', settings),
        ].join('\n'),
    });
    const url = (name) => `https://${name}.example.test:${port}/index.html`;
    return { browser: new Browser(), url };
}

suite('limits of time', { concurrency: 4 }, () => {
    test('a session ends so many seconds after its last use', async (t) => {
        const { browser, url } = await startWithAlice(t, { server: 'TinyauthSessionExpiry 5' });
        for (let i = 0; i < 5; i += 1) {
            await sleep(1500);
            assert.ok(await isLoggedIn(browser, url), `used again and again, round ${i}`);
        }
        await sleep(6200);
        assert.equal(await isLoggedIn(browser, url), false);
        assert.match((await browser.get(url('/'))).body, /Log in with Pocket ID/);
    });

    test('a session ends so many seconds after the login, whatever the use', async (t) => {
        const { browser, url } = await startWithAlice(t, {
            server: 'TinyauthSessionMaxLifetime 4',
        });
        const since = Date.now();
        let last = true;
        while (last && Date.now() - since < 9000) {
            await sleep(400);
            last = await isLoggedIn(browser, url);
        }
        const lived = Date.now() - since;
        assert.ok(!last && lived > 2500 && lived < 6500, `lived for ${lived} ms`);
    });

    test('a host\'s own limit holds for a session that another host made', async (t) => {
        const { browser, url } = await startDomain(t, 'TinyauthSessionMaxLifetime 5');
        await loginWithLiar(browser, url('wiki'));
        assert.equal((await browser.fetch(url('myapp'))).status, 200);
        await sleep(6200);
        assert.equal((await browser.fetch(url('myapp'))).status, 401);
        assert.equal((await browser.fetch(url('wiki'))).status, 200);
    });

    test('no limit that is set leaves a session alone for these seconds', async (t) => {
        const { browser, url } = await startWithAlice(t);
        await sleep(6000);
        assert.ok(await isLoggedIn(browser, url));
    });
});
