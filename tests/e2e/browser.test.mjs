/*
 * The whole story in a real browser, as a person lives it: with the mouse, with the keyboard,
 * without scripts, in two tabs, and across hosts over TLS. Nothing may be blocked by our own
 * policy, and nothing is loaded but the pages themselves.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import {
    callbackPath, freePort, launchChromium, noChromium, protectedLocation, providerSection,
    startBackend, startHttpd, startProvider, startSite, testCertificates,
} from './harness.mjs';
import { isComplaint } from './support/chromium.mjs';

const skip = noChromium;
let chromium;
before(async () => { chromium = noChromium ? undefined : await launchChromium(); });
after(() => chromium?.close());

const form = '<!DOCTYPE html><title>form</title><form method="post"><button>Save</button></form>';
const frame = '<!DOCTYPE html><title>frame</title><iframe src="/tinyauth/logout"></iframe>';

/* The application has pages of HTML, so that a person has something to click on. */
function onRequest(req, res, received) {
    const html = { '/form': form, '/frame': frame }[req.method === 'GET' ? req.url : ''];
    const user = received.headers['remote-user'];
    res.setHeader('content-type', 'text/html; charset=utf-8');
    res.end(html ?? `<!DOCTYPE html><title>application</title><h1>Hello ${user}</h1>${req.url}`);
    return true;
}

/* People leave before the servers end; what browsers ask for in the background (an icon, say)
   may still come too late. */
const people = [];
const leave = () => Promise.all(people.splice(0).map((context) => context.close()));
const lateRequests = [/AH00957/, /AH01102/, /AH01114/];

async function startStage(t, options = {}) {
    t.after(leave);
    const site = await startSite(t, { backend: { onRequest }, ...options });
    site.httpd.expectErrors(/AH0163[01]/, ...lateRequests);
    return site;
}

/* A person with a tab; what the browser complains about ends up in `complaints`. */
async function person(options) {
    const context = await chromium.newPerson(options);
    people.push(context);
    context.setDefaultTimeout(15000);
    const complaints = [];
    const kinds = new Set();
    const open = async () => {
        const tab = await context.newPage();
        tab.on('console', (message) => {
            if (isComplaint(message)) {
                complaints.push(message.text());
            }
        });
        tab.on('request', (request) => kinds.add(request.resourceType()));
        return tab;
    };
    return { context, open, complaints, kinds, tab: await open() };
}

const button = (tab) => tab.getByRole('link', { name: 'Log in with Pocket ID' });
const heading = (tab) => tab.locator('h1').innerText();

/* From our login page through the provider's form. */
async function logIn(tab, user) {
    await button(tab).click();
    await tab.locator(`button[value="${user}"]`).click();
}

test('login page, provider, and back to the page that was asked for', { skip }, async (t) => {
    const { url } = await startStage(t);
    const { tab, complaints, kinds } = await person();
    const answer = await tab.goto(url('/deep/page?x=1&y=%C3%A4'));
    assert.equal(answer.status(), 200);
    assert.match(await tab.title(), /^Log in/);
    assert.equal(await heading(tab), 'Log in');
    await logIn(tab, 'alice');
    await tab.waitForURL(url('/deep/page?x=1&y=%C3%A4'));
    assert.equal(await heading(tab), 'Hello alice');
    assert.deepEqual(complaints, []);
    assert.deepEqual([...kinds], ['document']);
});

test('with the keyboard alone', { skip }, async (t) => {
    const { url } = await startStage(t);
    const { tab } = await person();
    await tab.goto(url('/keys'));
    await tab.keyboard.press('Tab');
    assert.equal(await tab.evaluate('document.activeElement.textContent.trim()'),
        'Log in with Pocket ID');
    await tab.keyboard.press('Enter');
    await tab.getByText('Choose a user').waitFor();
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('Enter');
    await tab.waitForURL(url('/keys'));
    assert.equal(await heading(tab), 'Hello alice');
    await tab.goto(url('/tinyauth/logout'));
    await tab.keyboard.press('Tab');
    assert.equal(await tab.evaluate('document.activeElement.textContent.trim()'), 'Log out');
    await tab.keyboard.press('Enter');
    await tab.waitForURL(/signed-out/);
});

test('without scripts', { skip }, async (t) => {
    const { url } = await startStage(t);
    const { tab } = await person({ javaScriptEnabled: false });
    await tab.goto(url('/plain'));
    await logIn(tab, 'alice');
    await tab.waitForURL(url('/plain'));
    assert.equal(await heading(tab), 'Hello alice');
});

test('bob sees the unauthorized page, and can log in as somebody else', { skip }, async (t) => {
    const { backend, url } = await startStage(t);
    const { tab, complaints } = await person();
    await tab.goto(url('/for/admins'));
    await button(tab).click();
    const [answer] = await Promise.all([
        tab.waitForResponse((response) => response.url().includes('/tinyauth/unauthorized')),
        tab.locator('button[value="bob"]').click(),
    ]);
    assert.equal(answer.status(), 403);
    await tab.waitForLoadState();
    assert.equal(await heading(tab), 'You are not allowed in here');
    const text = await tab.locator('main').innerText();
    for (const words of ['bob', 'admins', url('/for/admins'), 'not-in-group']) {
        assert.ok(text.includes(words), `${words} in ${text}`);
    }
    const reached = backend.requests.entries.map(({ path }) => path);
    assert.deepEqual(reached.filter((path) => path !== '/favicon.ico'), []);
    await tab.getByRole('link', { name: 'Log in as somebody else' }).click();
    await logIn(tab, 'alice');
    await tab.waitForURL(url('/for/admins'));
    assert.equal(await heading(tab), 'Hello alice');
    assert.deepEqual(complaints, []);
});

test('logging out asks, reaches the provider, and comes back', { skip }, async (t) => {
    const { op, url } = await startStage(t);
    const { tab, complaints } = await person();
    await tab.goto(url('/'));
    await logIn(tab, 'alice');
    await tab.goto(url('/tinyauth/logout'));
    assert.match(await tab.locator('main').innerText(), /alice/);
    await tab.getByRole('button', { name: 'Log out' }).click();
    await tab.waitForURL(/\/tinyauth\/signed-out/);
    assert.equal(await heading(tab), 'You are signed out');
    assert.equal(op.requests.count('endSession'), 1);
    await tab.getByRole('link', { name: 'Back to the site' }).click();
    await button(tab).waitFor();
    await button(tab).click();
    await tab.getByText('Choose a user').waitFor();
    assert.deepEqual(complaints, []);
    assert.deepEqual(op.errors, []);
});

test('two tabs log in, one after the other, and both stay in', { skip }, async (t) => {
    const { url } = await startStage(t);
    const { tab: first, open } = await person();
    const second = await open();
    await first.goto(url('/first'));
    await second.goto(url('/second'));
    await button(first).click();
    await button(second).click();
    await second.locator('button[value="alice"]').click();
    await second.waitForURL(url('/second'));
    await first.locator('button[value="alice"]').click();
    await first.waitForURL(url('/first'));
    for (const tab of [first, second]) {
        await tab.reload();
        assert.equal(await heading(tab), 'Hello alice');
    }
});

test('the back button and a reload after the login do no harm', { skip }, async (t) => {
    const { op, url } = await startStage(t);
    const { tab } = await person();
    await tab.goto(url('/page'));
    await logIn(tab, 'alice');
    await tab.waitForURL(url('/page'));
    await tab.reload();
    assert.equal(await heading(tab), 'Hello alice');
    await tab.goBack();
    await tab.goto(url('/tinyauth/login?return=%2Fpage'));
    assert.equal(await heading(tab), 'Hello alice');
    assert.equal(op.requests.count('token'), 1);
});

test('who cancels at the provider is told so, and can try again', { skip }, async (t) => {
    const { url } = await startStage(t);
    const { tab } = await person();
    await tab.goto(url('/wanted'));
    await button(tab).click();
    await tab.getByRole('button', { name: 'Cancel' }).click();
    await tab.getByText('provider-error').waitFor();
    assert.match(await tab.locator('blockquote').innerText(), /access_denied: The user said no/);
    await tab.getByRole('link', { name: 'Try again' }).click();
    await logIn(tab, 'alice');
    await tab.waitForURL(url('/wanted'));
});

test('a form that was open when the session ended says so, and leads to the login', { skip },
    async (t) => {
        const { backend, url } = await startStage(t);
        const { tab, context } = await person();
        await tab.goto(url('/form'));
        await logIn(tab, 'alice');
        await tab.waitForURL(url('/form'));
        await context.clearCookies({ name: /tinyauth/ });
        const [answer] = await Promise.all([
            tab.waitForResponse((response) => response.request().method() === 'POST'),
            tab.getByRole('button', { name: 'Save' }).click(),
        ]);
        assert.equal(answer.status(), 401);
        await tab.waitForLoadState();
        assert.equal(await heading(tab), 'Please log in');
        assert.ok(backend.requests.of('backend').every(({ method }) => method === 'GET'));
        await tab.getByRole('link', { name: 'Log in' }).click();
        await button(tab).click();
        await tab.waitForURL(url('/'));
        assert.equal(await heading(tab), 'Hello alice');
    });

test('another page cannot put ours into a frame', { skip }, async (t) => {
    const { url } = await startStage(t);
    const { tab, complaints } = await person();
    await tab.goto(url('/frame'));
    await logIn(tab, 'alice');
    await tab.waitForURL(url('/frame'));
    await tab.waitForTimeout(300);
    assert.ok(complaints.some((text) => /frame/i.test(text)), complaints.join('\n'));
    const [, inner] = tab.frames();
    assert.ok(!(await inner.content()).includes('alice'));
});

/* Logins on tinyauth.test, applications on two other domains; the provider has TLS, too. */
async function startHosts(t) {
    t.after(leave);
    const port = await freePort();
    const { key, cert, caFile } = testCertificates();
    const origin = `https://tinyauth.test:${port}`;
    const op = await startProvider({
        tls: { key, cert },
        clients: [{
            clientId: 'tinyauth',
            clientSecret: 's3cret',
            redirectUris: [origin + callbackPath],
            postLogoutRedirectUris: ['tinyauth', 'myapp', 'other']
                .map((name) => `https://${name}.test:${port}/tinyauth/signed-out`),
        }],
    });
    t.after(() => op.close());
    const backend = await startBackend(t, { onRequest });
    const host = (name, lines) => [`<VirtualHost *:${port}>`, `ServerName ${name}`,
        'SSLEngine on', lines, '</VirtualHost>'].join('\n');
    const app = `ProxyPass "/" "${backend.url}/"\n${protectedLocation('/')}`;
    const httpd = await startHttpd(t, {
        port,
        tls: true,
        modules: ['proxy', 'proxy_http'],
        conf: [providerSection(op, { TinyauthCACertificateFile: caFile }),
            `TinyauthAppURL ${origin}`, host('myapp.test', app), host('other.test', app),
            host('tinyauth.test', '')].join('\n'),
    });
    httpd.expectErrors(...lateRequests);
    return { op, url: (name, path = '/') => `https://${name}:${port}${path}` };
}

test('one login over TLS serves applications on two unrelated domains', { skip }, async (t) => {
    const { op, url } = await startHosts(t);
    const { tab, context, complaints } = await person();
    await tab.goto(url('myapp.test', '/one?x=1'));
    assert.equal(new URL(tab.url()).hostname, 'tinyauth.test');
    await logIn(tab, 'alice');
    await tab.waitForURL(url('myapp.test', '/one?x=1'));
    assert.equal(await heading(tab), 'Hello alice');
    await tab.goto(url('other.test', '/two'));
    assert.equal(tab.url(), url('other.test', '/two'));
    assert.equal(await heading(tab), 'Hello alice');
    const cookies = (await context.cookies()).filter(({ name }) => /tinyauth-\d+$/.test(name));
    assert.deepEqual(cookies.map(({ domain }) => domain).sort(),
        ['myapp.test', 'other.test', 'tinyauth.test']);
    for (const { name, secure, httpOnly, sameSite } of cookies) {
        assert.match(name, /^__Host-/);
        assert.deepEqual([secure, httpOnly, sameSite], [true, true, 'Lax']);
    }

    await tab.goto(url('other.test', '/tinyauth/logout'));
    await tab.getByRole('button', { name: 'Log out' }).click();
    await tab.waitForURL(/signed-out/);
    await tab.goto(url('myapp.test', '/one'));
    await button(tab).waitFor();
    assert.deepEqual(complaints, []);
    assert.deepEqual(op.errors, []);
});

test('a provider\'s certificate of an authority that nobody named is not trusted', { skip },
    async (t) => {
        const { key, cert } = testCertificates();
        const op = await startProvider({ tls: { key, cert } });
        t.after(leave);
        t.after(() => op.close());
        const httpd = await startHttpd(t, {
            conf: `${providerSection(op)}\n${protectedLocation('/')}`,
        });
        const { tab } = await person();
        await tab.goto(httpd.url('/'));
        await button(tab).click();
        await tab.getByText('provider-unreachable').waitFor();
        assert.deepEqual(op.requests.counts, {});
        assert.match(httpd.log(/TA0020/)[0], /certificate/i);
    });
