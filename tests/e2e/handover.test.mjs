/*
 * One login for many hosts, and everything else that travels sealed through browsers, under
 * attack: tickets used twice, elsewhere or by others, and values sealed for one use that are
 * replayed in another.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, freePort, protectedLocation, providerSection, startBackend, startHttpd, startLiar,
} from './harness.mjs';
import {
    assertRefused, attemptCookies, describe, loginWithLiar, reachCallback, sessionCookies,
} from './support/login_steps.mjs';

const apps = ['myapp.test', 'other.test'];

/* Logins on tinyauth.test, applications on myapp.test and other.test, where nobody is let in
   to /denied. */
async function startHosts(t) {
    const port = await freePort();
    const op = await startLiar({}, t);
    const backend = await startBackend(t);
    const host = (name, lines) => [`<VirtualHost *:${port}>`, `ServerName ${name}`,
        'SSLEngine on', lines, '</VirtualHost>'].join('\n');
    const app = [`ProxyPass "/" "${backend.url}/"`, protectedLocation('/', 'valid-user'),
        protectedLocation('/denied', 'oauth-group nobody')].join('\n');
    const httpd = await startHttpd(t, {
        port,
        tls: true,
        host: 'main.test',
        modules: ['proxy', 'proxy_http'],
        conf: [providerSection(op), `TinyauthAppURL https://tinyauth.test:${port}`,
            ...apps.map((name) => host(name, app)), host('tinyauth.test', '')].join('\n'),
    });
    const url = (name, path = '/') => `https://${name}:${port}${path}`;
    return { op, backend, httpd, url };
}

/* Follows redirects until one leads to a URL like this, which is returned unopened. */
async function followUntil(browser, url, pattern) {
    let page = await browser.get(url, { follow: false });
    for (let i = 0; i < 10 && page.location && !pattern.test(page.location); i += 1) {
        page = await browser.get(page.location, { from: page.url, follow: false });
    }
    assert.match(page.location ?? '', pattern, describe(page));
    return page.location;
}

/* A browser that is logged in, and a ticket for `name` that it has not used yet. */
async function reachTicket({ url }, name, path = '/wanted') {
    const browser = new Browser();
    await loginWithLiar(browser, url(apps[0]));
    browser.jar.cookies = browser.jar.cookies.filter(({ domain }) => domain !== name);
    return { browser, ticket: await followUntil(browser, url(name, path), /\/accept\?t=/) };
}

test('a ticket is good once', async (t) => {
    const site = await startHosts(t);
    const { browser, ticket } = await reachTicket(site, 'myapp.test');
    const kept = attemptCookies(browser).map((cookie) => ({ ...cookie }));
    const page = await browser.get(ticket);
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.url, site.url('myapp.test', '/wanted'));
    assert.equal((await browser.get(ticket)).status, 200, 'reloaded: on to the application');

    const thief = new Browser();
    thief.jar.cookies = kept;
    assertRefused(await thief.get(ticket), 400, 'attempt-used');
    assert.deepEqual(sessionCookies(thief), []);
});

test('a ticket used twice at once gives one session', async (t) => {
    const site = await startHosts(t);
    const { browser, ticket } = await reachTicket(site, 'myapp.test');
    const tabs = Array.from({ length: 6 }, () => {
        const tab = new Browser();
        tab.jar.cookies = attemptCookies(browser).map((cookie) => ({ ...cookie }));
        return tab;
    });
    const pages = await Promise.all(tabs.map((tab) => tab.get(ticket, { follow: false })));
    assert.deepEqual(pages.map(({ status }) => status).sort(), [303, 400, 400, 400, 400, 400]);
    assert.equal(tabs.filter((tab) => sessionCookies(tab).length).length, 1);
});

test('a ticket is no good in another browser: nobody can log others in with it', async (t) => {
    const site = await startHosts(t);
    const { ticket } = await reachTicket(site, 'myapp.test');
    const stranger = new Browser();
    assertRefused(await stranger.get(ticket), 400, 'attempt-missing');
    const beginner = new Browser();
    await beginner.get(site.url('myapp.test'));
    assertRefused(await beginner.get(ticket), 400, 'attempt-missing');
    for (const browser of [stranger, beginner]) {
        assert.deepEqual(sessionCookies(browser), []);
    }
});

test('a ticket for one host is no good on another', async (t) => {
    const site = await startHosts(t);
    const { browser, ticket } = await reachTicket(site, 'myapp.test');
    for (const cookie of browser.jar.cookies.filter(({ name }) => /-login-/.test(name))) {
        browser.jar.cookies.push({ ...cookie, domain: 'other.test' });
    }
    const moved = ticket.replace('myapp.test', 'other.test');
    assertRefused(await browser.get(moved), 400, 'ticket-invalid');
    assert.deepEqual(sessionCookies(browser, 'other.test'), []);
});

test('a ticket whose login has ended meanwhile is no good', async (t) => {
    const site = await startHosts(t);
    const { browser, ticket } = await reachTicket(site, 'myapp.test');
    const asked = await browser.get(site.url('tinyauth.test', '/tinyauth/logout'));
    await browser.submit(asked, asked.forms[0]);
    assertRefused(await browser.get(ticket), 400, 'ticket-invalid');
    assert.deepEqual(sessionCookies(browser), []);
});

test('who logs out on an application\'s host is led back there', async (t) => {
    const site = await startHosts(t);
    const browser = new Browser();
    await loginWithLiar(browser, site.url('myapp.test', '/wanted'));
    const asked = await browser.get(site.url('myapp.test', '/tinyauth/logout'));
    const landed = await browser.submit(asked, asked.forms[0]);
    assert.equal(landed.url.split('?')[0], site.url('tinyauth.test', '/tinyauth/signed-out'));
    const back = landed.links.find(({ text }) => text === 'Back to the site');
    assert.equal(back.href, site.url('myapp.test'));
});

test('a question that no host of ours asked, or that was changed, begins no login', async (t) => {
    const { op, url } = await startHosts(t);
    const browser = new Browser();
    const question = await followUntil(browser, url('myapp.test'), /\/login\?for=/);
    const sealed = new URL(question).searchParams.get('for');
    const middle = sealed.length >> 1;
    const flipped = sealed.slice(0, middle) + (sealed[middle] === 'A' ? 'B' : 'A')
        + sealed.slice(middle + 1);
    for (const value of [flipped, sealed.slice(0, -1), `${sealed}A`, 'x', '']) {
        const login = url('tinyauth.test', `/tinyauth/login?provider=pocketid&for=${value}`);
        assertRefused(await new Browser().get(login), 400, 'ticket-invalid');
    }
    assert.deepEqual(op.requests.counts, {});
});

test('the session of one host is none on another', async (t) => {
    const { backend, url } = await startHosts(t);
    const browser = new Browser();
    await loginWithLiar(browser, url('myapp.test'));
    backend.requests.clear();
    for (const from of ['myapp.test', 'tinyauth.test']) {
        const [cookie] = sessionCookies(browser, from);
        const answer = await new Browser().fetch(url('other.test'), {
            headers: { cookie: `${cookie.name}=${cookie.value}` },
        });
        assert.equal(answer.status, 401, from);
    }
    assert.equal(backend.requests.count(), 0);
});

/* One value of each kind that we seal, or that a cookie of ours holds. */
async function collectSealed({ op, url }) {
    const browser = new Browser();
    const question = await followUntil(browser, url('myapp.test'), /\/login\?for=/);
    const hostAttempt = attemptCookies(browser)[0].value;
    const callback = await reachCallback(browser, url('myapp.test', '/x'));
    const loginAttempt = attemptCookies(browser)
        .find(({ domain }) => domain === 'tinyauth.test').value;
    const ticket = await followUntil(browser, callback, /\/accept\?t=/);
    await browser.get(ticket, { from: op.url });
    const asked = await browser.get(url('myapp.test', '/tinyauth/logout'));
    const denied = await browser.get(url('myapp.test', '/denied/x'), { follow: false });
    const valueOf = (address, name) => new URL(address).searchParams.get(name);
    return {
        question: valueOf(question, 'for'),
        hostAttempt,
        loginAttempt,
        ticket: valueOf(ticket, 't'),
        session: sessionCookies(browser, 'myapp.test')[0].value,
        rounds: browser.jar.cookies.find(({ name }) => name.endsWith('-rounds')).value,
        logout: asked.forms[0].fields.find(([name]) => name === 'token')[1],
        denial: valueOf(denied.location, 'd'),
    };
}

/* Each use of a sealed value: the kinds that are right there, and what anything else gets. */
function usesOf({ url }) {
    const at = (path) => url('myapp.test', path);
    const port = new URL(at('/')).port;
    const get = (path) => new Browser().get(at(path), { follow: false });
    return [
        { name: 'session cookie', right: ['session'],
            use: (value) => new Browser().fetch(at('/'), {
                headers: { cookie: `__Host-tinyauth-${port}=${value}` },
            }),
            check: (answer) => assert.equal(answer.status, 401) },
        { name: 'login cookie', right: ['hostAttempt', 'loginAttempt'],
            use: (value) => new Browser().get(
                url('tinyauth.test', '/api/oauth/callback/pocketid?state=ABCDEFGHxx&code=x'),
                { headers: { cookie: `__Host-tinyauth-${port}-login-ABCDEFGH=${value}` } },
            ),
            check: (answer) => assertRefused(answer, 400, 'attempt-missing') },
        { name: 'question', right: ['question'],
            use: (value) => new Browser().get(
                url('tinyauth.test', `/tinyauth/login?for=${value}`), { follow: false },
            ),
            check: (answer) => assertRefused(answer, 400, 'ticket-invalid') },
        { name: 'ticket', right: ['ticket'],
            use: (value) => get(`/tinyauth/accept?t=${value}`),
            check: (answer) => assertRefused(answer, 400, 'ticket-invalid') },
        { name: 'page parameter', right: ['denial'],
            use: (value) => get(`/tinyauth/unauthorized?d=${value}`),
            check: (answer) => {
                assertRefused(answer, 403, 'not-allowed');
                assert.ok(!/alice/.test(answer.body));
            } },
    ];
}

test('a value that was sealed for one use is no good for any other', async (t) => {
    const site = await startHosts(t);
    site.httpd.expectErrors(/AH0163[01]/);
    const sealed = await collectSealed(site);
    site.backend.requests.clear();
    for (const { name, right, use, check } of usesOf(site)) {
        for (const [kind, value] of Object.entries(sealed)) {
            if (!right.includes(kind)) {
                await t.test(`${kind} as ${name}`, async () => check(await use(value)));
            }
        }
    }
    assert.equal(site.backend.requests.count(), 0);
});

test('each of these values works where it belongs', async (t) => {
    const site = await startHosts(t);
    site.httpd.expectErrors(/AH0163[01]/);
    const sealed = await collectSealed(site);
    const uses = Object.fromEntries(usesOf(site).map(({ name, use }) => [name, use]));
    assert.equal((await uses['session cookie'](sealed.session)).status, 200);
    assert.equal((await uses.question(sealed.question)).status, 200);
    assert.match((await uses.ticket(sealed.ticket)).body, /attempt-missing/);
    assert.match((await uses['page parameter'](sealed.denial)).body, /alice/);
});

test('sealed values as a log-out token end nobody\'s session', async (t) => {
    const site = await startHosts(t);
    site.httpd.expectErrors(/AH0163[01]/);
    const { session, logout, ...others } = await collectSealed(site);
    const headers = {
        cookie: `__Host-tinyauth-${new URL(site.url('myapp.test')).port}=${session}`,
    };
    const post = (host, token) => new Browser().post(
        site.url(host, '/tinyauth/logout'), { token }, { headers, follow: false },
    );
    for (const [kind, value] of Object.entries({ ...others, session })) {
        const answer = await post('myapp.test', value);
        assert.equal(answer.status, 400, kind);
    }
    assert.equal((await post('myapp.test', logout)).status, 303);
});
