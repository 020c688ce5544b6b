/*
 * Our own pages, whatever they say: the headers that protect them, words of strangers in them
 * that stay words, their twins in JSON for programs, and logs that hold no secret.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { Browser, decodeEntities, protectedLocation, startSite } from './harness.mjs';
import { answers } from './liar.mjs';
import {
    assertRefused, describe, loginWithLiar, programRequest, reachCallback, startLogin, withQuery,
} from './support/login_steps.mjs';

const denied = protectedLocation('/denied', 'oauth-group nobody');

async function startPages(t, options = {}) {
    const site = await startSite(t, {
        liar: {}, require: 'valid-user', ...options, server: `${denied}\n${options.server ?? ''}`,
    });
    site.httpd.expectErrors(/AH0163[01]/);
    return site;
}

/* Every kind of page, and how to get it; `browser` is logged in. */
const pages = {
    login: ({ url }) => new Browser().get(url('/')),
    'log out?': ({ browser, url }) => browser.get(url('/tinyauth/logout')),
    'signed out': ({ url }) => new Browser().get(url('/tinyauth/signed-out')),
    unauthorized: ({ browser, url }) => browser.get(url('/denied/x')),
    'unauthorized, of nobody': ({ url }) => new Browser().get(url('/tinyauth/unauthorized')),
    'unauthorized, in a form': ({ browser, url }) => browser.post(url('/denied/x'), {}),
    error: ({ url }) => new Browser().get(url('/tinyauth/error')),
    'unknown provider': ({ url }) => new Browser().get(url('/tinyauth/login?provider=nobody')),
    'not logged in, in a form': ({ url }) => new Browser().post(url('/'), { a: 'b' }),
    'callback without state': ({ url }) => new Browser()
        .get(url('/api/oauth/callback/pocketid?code=x')),
    'callback of a stranger': ({ url }) => new Browser()
        .get(url('/api/oauth/callback/pocketid?code=x&state=y')),
    'callback by POST': ({ url }) => new Browser().post(url('/api/oauth/callback/pocketid'), {}),
    'ticket of nobody': ({ url }) => new Browser().get(url('/tinyauth/accept?t=x')),
    'log out with a wrong token': ({ browser, url }) => browser
        .post(url('/tinyauth/logout'), { token: 'x' }),
    'error of the provider': async ({ op, url }) => {
        const browser = new Browser();
        const callback = await reachCallback(browser, url('/'));
        const error = { code: undefined, error: 'login_required' };
        return browser.get(withQuery(callback, error), { from: op.url });
    },
};

function assertProtected(page) {
    const { headers } = page;
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['x-content-type-options'], 'nosniff');
}

function policyOf(page) {
    const header = page.headers['content-security-policy'] ?? '';
    return Object.fromEntries(header.split(';').map((part) => part.trim().split(/ (.*)/s)));
}

function assertPolicyFits(page, formOrigin) {
    const policy = policyOf(page);
    assert.equal(policy['default-src'], '\'none\'');
    assert.equal(policy['frame-ancestors'], '\'none\'');
    assert.equal(policy['base-uri'], '\'none\'');
    assert.equal(policy['form-action'], ['\'self\'', formOrigin].filter(Boolean).join(' '));
    const [, style] = /<style>([^]*?)<\/style>/.exec(page.body);
    const hash = crypto.createHash('sha256').update(style).digest('base64');
    assert.equal(policy['style-src'], `'sha256-${hash}'`);
    assert.deepEqual(Object.keys(policy).sort(),
        ['base-uri', 'default-src', 'form-action', 'frame-ancestors', 'style-src']);
}

/* Nothing in the page that the policy would block, or that runs or loads anything. */
function assertPlain(page) {
    assert.ok(!/<(script|iframe|object|embed|img|link|base|form[^>]+get)\b/i.test(page.body));
    assert.ok(!/\s(on\w+|style|src|srcdoc)\s*=/i.test(page.body));
    assert.equal(page.body.match(/<h1>/g).length, 1);
    assert.match(page.body, /^<!DOCTYPE html>\n<html lang="en" dir="ltr">/);
    assert.ok(page.title.length > 3);
}

test('each page of ours has every protecting header, and needs nothing that they forbid',
    async (t) => {
        const site = await startPages(t);
        await loginWithLiar(site.browser, site.url('/'));
        for (const [name, open] of Object.entries(pages)) {
            await t.test(name, async () => {
                const page = await open(site);
                assert.equal(page.headers['content-type'], 'text/html; charset=utf-8',
                    describe(page));
                assertProtected(page);
                assertPolicyFits(page, name === 'log out?' ? new URL(site.op.issuer).origin : '');
                assertPlain(page);
            });
        }
    });

test('redirects of ours have them too', async (t) => {
    const { browser, op, url } = await startPages(t);
    const toLogin = await browser.get(url('/'), { follow: false });
    const started = await startLogin(browser, url('/'));
    const answered = await browser.get(started.location, { from: url('/'), follow: false });
    const back = await browser.get(answered.location, { from: op.url, follow: false });
    const toPage = await browser.get(url('/denied/x'), { follow: false });
    for (const [page, status] of [[toLogin, 302], [started, 302], [back, 303], [toPage, 302]]) {
        assert.equal(page.status, status);
        assertProtected(page);
    }
});

const statuses = {
    '/': 401, '/tinyauth/error': 404,
    '/api/oauth/callback/pocketid?code=x': 400, '/api/oauth/callback/pocketid?state=x&code=y': 400,
    '/tinyauth/accept?t=x': 400, '/tinyauth/unauthorized?d=x': 403,
};

test('programs get the same refusals as JSON (RFC 9457)', async (t) => {
    const { url } = await startPages(t);
    for (const [path, status] of Object.entries(statuses)) {
        const answer = await programRequest(url(path));
        assert.equal(answer.status, status, path);
        assert.equal(answer.headers['content-type'], 'application/problem+json');
        assertProtected(answer);
        const problem = JSON.parse(answer.body);
        assert.equal(problem.status, status);
        assert.equal(problem.type, 'about:blank');
        assert.match(problem.reason, /^[a-z-]+$/);
        assert.ok(problem.title.length > 5 && problem.detail.length > 5);
        assert.match(problem.request_id, /./);
    }
});

test('a 401 names the login, with the challenge, makes no state and sets no cookie', async (t) => {
    const { browser, url } = await startPages(t, { server: 'TinyauthTitle "A \\"B\\" C"' });
    const answer = await programRequest(url('/x'));
    const problem = JSON.parse(answer.body);
    assert.equal(problem.reason, 'login-required');
    assert.ok(problem.login.startsWith(url('/tinyauth/login?')), problem.login);
    assert.equal(answer.headers['www-authenticate'], 'Tinyauth realm="A \\"B\\" C"');
    assert.equal(answer.headers['set-cookie'], undefined);
    assert.match((await browser.get(problem.login)).body, /Log in with Pocket ID/);
    const form = await browser.post(url('/x'), { a: 'b' });
    assert.equal(form.status, 401);
    assert.match(form.headers['www-authenticate'], /^Tinyauth realm=/);
    assert.ok(form.links.some(({ href }) => href.startsWith(url('/tinyauth/login?'))));
});

test('a program that is not in the group hears 403 as JSON', async (t) => {
    const { browser, url } = await startPages(t);
    await loginWithLiar(browser, url('/'));
    const answer = await browser.fetch(url('/denied/x'));
    assert.equal(answer.status, 403);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.json.reason, 'not-in-group');
    assertProtected(answer);
});

const nasty = [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '\'"&<>', '</title><h1>x</h1>',
    '</style><b>', '{{user}}', '&lt;b&gt;', '<!-- ', 'javascript:alert(1)', 'Größe 日本 🙂',
    'say "please"', 'it\'s',
];
const turning = 'abc\u202Egro.live\u2066x\u200F';

/* The tags of a page without the values of their attributes. */
const skeleton = ({ body }) => body.match(/<[^>]*>/g).map((tag) => tag.replace(/"[^"]*"/g, '""'));

async function deniedPageOf(site, claims) {
    site.op.onUserinfo = (honest) => ({ ...honest, ...claims });
    const browser = new Browser();
    await loginWithLiar(browser, site.url('/'));
    const page = await browser.get(site.url('/denied/x'));
    assertRefused(page, 403, 'not-in-group');
    return page;
}

test('words of a stranger stay words: user, name and e-mail', async (t) => {
    const site = await startPages(t);
    const plain = skeleton(await deniedPageOf(site, {}));
    for (const words of nasty) {
        for (const claim of ['preferred_username', 'name', 'email']) {
            const page = await deniedPageOf(site, { [claim]: words });
            assert.deepEqual(skeleton(page), plain, words);
            assert.ok(decodeEntities(page.body).includes(words), `${claim} ${words}`);
            assert.ok(!/[<>"']/.test(words) || !page.body.includes(words), words);
        }
    }
    const page = await deniedPageOf(site, { preferred_username: turning });
    assert.ok(page.body.includes('abc\uFFFDgro.live\uFFFDx'));
    assert.ok(!/[\u202A-\u202E\u2066-\u2069\u200F]/.test(page.body));
});

test('words of a stranger stay words: the page that was asked for', async (t) => {
    const { browser, url } = await startPages(t);
    await loginWithLiar(browser, url('/'));
    const plain = skeleton(await browser.get(url('/denied/x')));
    for (const path of ['/denied/"><b>x', '/denied/<script>', '/denied/x?q="\'><b>&amp;']) {
        const page = await browser.get(url('/denied/'), { rawPath: path, follow: false });
        const shown = page.location ? await browser.get(page.location) : page;
        assert.equal(shown.status, 403);
        assert.deepEqual(skeleton(shown), plain, path);
    }
});

test('words of a stranger stay words: the provider\'s error', async (t) => {
    const { op, url } = await startPages(t);
    const shown = async (description) => {
        const browser = new Browser();
        const callback = await reachCallback(browser, url('/'));
        const change = { code: undefined, error: 'e', error_description: description };
        return browser.get(withQuery(callback, change), { from: op.url });
    };
    const plain = skeleton(await shown('no'));
    for (const words of [...nasty, 'bell\u0007', turning, 'x'.repeat(1000)]) {
        const page = await shown(words);
        assert.equal(page.status, 403);
        assert.deepEqual(skeleton(page), plain, words);
        assert.ok(!/[\u0000-\u0009\u000b-\u001f\u202E]/.test(page.body), words);
        assert.ok(!page.body.includes('x'.repeat(400)));
    }
});

test('words of the administrator stay words, too', async (t) => {
    const words = '<b>Q</b> & \'A\'';
    const site = await startPages(t, {
        section: { TinyauthName: `"${words}"` },
        server: `TinyauthTitle "${words}"\nServerAdmin "${words}@x"
            ${protectedLocation('/strange', `oauth-group "${words}"`)}`,
    });
    const login = await site.browser.get(site.url('/'));
    assert.ok(login.links.some(({ text }) => text === `Log in with ${words}`));
    await loginWithLiar(site.browser, site.url('/'));
    const page = await site.browser.get(site.url('/strange'));
    assertRefused(page, 403, 'not-in-group');
    for (const each of [login, page]) {
        assert.ok(!each.body.includes('<b>Q'));
        assert.ok(decodeEntities(each.body).includes(words));
    }
});

test('nobody can make the unauthorized page say words of their own', async (t) => {
    const { url } = await startPages(t);
    const query = ['user', 'username', 'resource', 'groups', 'reason', 'title', 'd']
        .map((name) => `${name}=Mallory`).join('&');
    for (const page of ['unauthorized', 'error', 'signed-out', 'login']) {
        const shown = await new Browser().get(url(`/tinyauth/${page}?${query}`));
        assert.ok(!shown.body.replace(/href="[^"]*"/g, '').includes('Mallory'), page);
    }
});

/* Strings that no log may hold, gathered from wherever they pass. */
class Gathered {
    constructor(op) {
        this.op = op;
        this.cookies = new Set();
    }

    from(browser) {
        browser.jar.cookies.forEach(({ value }) => this.cookies.add(value));
        return this;
    }

    /* What travels in URLs besides: httpd's access log holds those, our own lines may not. */
    get inUrls() {
        const forms = this.op.requests.of('token').map(({ form }) => form.get('code_verifier'));
        const logins = [...this.op.logins.values()].flatMap(({ state, nonce, code }) => (
            [state, nonce, code]
        ));
        return [...forms, ...logins].filter(Boolean);
    }
}

const failures = [
    (op) => { op.onToken = () => answers.oauthError('invalid_grant', 'no'); },
    (op) => { op.onToken = (form, body) => ({ ...body, token_type: 'mac' }); },
    (op) => { op.onToken = (form, body) => ({ ...body, access_token: `${body.access_token}\n` }); },
    (op) => { op.lieInIdToken({ nonce: 'other' }); },
    (op) => { op.lieInIdToken({ at_hash: 'x' }); },
    (op) => { op.onIdToken = () => `${op.idToken()}x`; },
    (op) => { op.onUserinfo = () => answers.json({ error: 'invalid_token' }, 401); },
    (op) => { op.onUserinfo = (claims) => answers.closeEarly({ json: claims }); },
    (op) => {
        op.onToken = (form) => answers.oauthError('invalid_grant',
            `the code ${form.get('code')} is not known`);
    },
    (op) => {
        op.onUserinfo = (claims, req) => answers.oauthError('invalid_token',
            `not known: ${req.headers.authorization}`, 401);
    },
];

test('no log holds a token, code, secret or cookie, at the highest level', async (t) => {
    const { browser, httpd, op, url } = await startPages(t);
    const gathered = new Gathered(op);
    await startLogin(browser, url('/'));
    gathered.from(browser);
    await loginWithLiar(browser, url('/'));
    gathered.from(browser);
    await browser.get(url('/denied/x'));
    for (const fail of failures) {
        const stranger = new Browser();
        op.behave();
        fail(op);
        const callback = await reachCallback(stranger, url('/'));
        gathered.from(stranger);
        await stranger.get(callback, { from: op.url });
        await stranger.get(callback, { from: op.url });
        op.behave();
    }
    const asked = await browser.get(url('/tinyauth/logout'));
    await browser.submit(asked, asked.forms[0]);
    const secrets = [...gathered.cookies, ...op.secrets];
    const own = httpd.log(/TA\d{4}/).join('\n');
    assert.ok(own.split('\n').length > 15, own);
    assert.ok(secrets.length > 30 && gathered.inUrls.length > 20);
    for (const secret of [...secrets, ...gathered.inUrls]) {
        assert.ok(!own.includes(secret), `${secret} in ${own}`);
    }
    const codes = new Set(gathered.inUrls);
    secrets.filter((secret) => !codes.has(secret)).forEach((each) => httpd.secrets.add(each));
});
