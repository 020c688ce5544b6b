/*
 * What an administrator can change about our pages: their language, whom to ask, pictures, a
 * style sheet, and the pages themselves; and what programs get instead of a page.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {
    Browser, configTest, launchChromium, loginAt, noChromium, protectedLocation, providerSection,
    sleep, startSite,
} from './harness.mjs';
import { pageKinds } from './support/page_kinds.mjs';

const square = (color) => `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">
<rect width="40" height="40" fill="${color}"/></svg>\n`;
/* one grey point */
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAA'
    + 'AABJRU5ErkJggg==', 'base64');

async function startSettings(t, options = {}) {
    const site = await startSite(t, {
        ...options,
        server: `${protectedLocation('/members', 'oauth-group members')}\n${options.server ?? ''}`,
    });
    site.httpd.expectErrors(/AH0163[01]/, /AH00957/, /AH01102/, /AH01114/);
    return site;
}

const speaking = (language) => ({ headers: { 'accept-language': language } });
const heading = ({ body }) => /<h1>([^<]*)<\/h1>/.exec(body)?.[1];

test('the language is the browser\'s', async (t) => {
    const { url } = await startSettings(t);
    const page = await new Browser().get(url('/'), speaking('tlh, de-CH;q=0.8, en;q=0.4'));
    assert.equal(heading(page), 'Anmelden');
    assert.equal(page.headers['content-language'], 'de');
    assert.equal(page.headers.vary, 'Accept,Accept-Language');
    assert.ok(page.links.some(({ text }) => text === 'Mit Pocket ID anmelden'));
    for (const language of ['en-GB', 'tlh', '*', 'de;q=0', 'de;q=0.1,en', ';;,,q=']) {
        const other = await new Browser().get(url('/'), speaking(language));
        assert.equal(heading(other), 'Log in', language);
        assert.equal(other.headers['content-language'], 'en');
    }
});

test('TinyauthLanguage wins over the browser, and auto gives it back', async (t) => {
    const site = await startSettings(t, {
        server: 'TinyauthLanguage de-AT',
    });
    const page = await new Browser().get(site.url('/'), speaking('en'));
    assert.equal(heading(page), 'Anmelden');
    assert.equal(page.headers['content-language'], 'de');
    const auto = await startSettings(t, { server: 'TinyauthLanguage auto' });
    assert.equal(heading(await new Browser().get(auto.url('/'), speaking('de'))), 'Anmelden');
    const english = await startSettings(t, { server: 'TinyauthLanguage en' });
    assert.equal(heading(await new Browser().get(english.url('/'), speaking('de'))), 'Log in');
});

test('TinyauthContact is on every page that may leave a question', async (t) => {
    const { url } = await startSettings(t, {
        server: 'ServerAdmin other@example.com\nTinyauthContact https://help.example.com/',
    });
    for (const path of ['/', '/tinyauth/error']) {
        const page = await new Browser().get(url(path));
        assert.ok(page.links.some(({ href }) => href === 'https://help.example.com/'), path);
        assert.ok(!page.body.includes('other@example.com'));
    }
});

test('an empty TinyauthContact names nobody', async (t) => {
    const { url } = await startSettings(t, {
        server: 'ServerAdmin other@example.com\nTinyauthContact ""',
    });
    const page = await new Browser().get(url('/tinyauth/error'));
    assert.ok(!page.body.includes('other@example.com'));
});

const lookFiles = {
    'look/logo.svg': square('#c33'), 'look/back.svg': square('#336'), 'look/icon.png': png,
    'look/extra.css': 'h1 { letter-spacing: 7px; }\n',
};
const look = [
    'TinyauthLogo look/logo.svg', 'TinyauthBackground look/back.svg',
    'TinyauthStylesheet look/extra.css',
].join('\n');

async function startLook(t) {
    return startSettings(t, {
        files: lookFiles, server: look, section: { TinyauthIcon: 'look/icon.png' },
    });
}

function assetsOf({ body }) {
    return Object.fromEntries([...body.matchAll(/(?:src|href)="(\/tinyauth\/assets\/([a-z]+)-[^"]*)"/g)]
        .map(([, address, kind]) => [kind, address]));
}

test('pictures and a style sheet are served under names of their content, to be kept', async (t) => {
    const { httpd, url } = await startLook(t);
    const page = await new Browser().get(url('/'));
    const assets = assetsOf(page);
    const expected = {
        logo: ['image/svg+xml', lookFiles['look/logo.svg']],
        background: ['image/svg+xml', lookFiles['look/back.svg']],
        icon: ['image/png', png],
        style: ['text/css', lookFiles['look/extra.css']],
    };
    assert.deepEqual(Object.keys(assets).sort(), Object.keys(expected).sort());
    assert.match(page.headers['content-security-policy'],
        /style-src 'sha256-[^']*' 'self'; img-src 'self'; form-action/);
    for (const [kind, [type, content]] of Object.entries(expected)) {
        assert.match(assets[kind], /-[0-9a-f]{16}\.(svg|png|css)$/);
        const answer = await fetch(url(assets[kind]));
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('content-type').split(';')[0], type);
        assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
        assert.equal(answer.headers.get('content-security-policy'), 'default-src \'none\'; sandbox');
        assert.equal(answer.headers.get('set-cookie'), null);
        assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from(content));
    }
    /* other names there are the application's, and so need a login */
    for (const name of ['logo-0000000000000000.svg', '', 'look/logo.svg', '../login']) {
        const answer = await fetch(url(`/tinyauth/assets/${name}`), { redirect: 'manual' });
        assert.equal(answer.status, 401, name);
    }
    const post = await fetch(url(assets.logo), { method: 'POST' });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get('allow'), 'GET, HEAD');

    /* another content, another name */
    fs.writeFileSync(httpd.file('look/logo.svg'), square('#3c3'));
    await httpd.graceful();
    for (let i = 0; i < 50; i += 1) {
        const again = assetsOf(await new Browser().get(url('/')));
        if (again.logo !== assets.logo) {
            assert.equal(again.style, assets.style);
            return;
        }
        await sleep(100);
    }
    assert.fail('the name of the logo stayed');
});

test('a browser shows them, and complains about nothing', { skip: noChromium }, async (t) => {
    const { url } = await startLook(t);
    const { newPerson } = await launchChromium(t);
    const tab = await (await newPerson()).newPage();
    const complaints = [];
    tab.on('console', (message) => complaints.push(message.text()));
    await tab.goto(url('/'), { waitUntil: 'load' });
    const widths = await tab.locator('img').evaluateAll((all) => all.map((image) => (
        [image.className, image.naturalWidth])));
    assert.deepEqual(Object.fromEntries(widths), { logo: 40, icon: 1, backdrop: 40 });
    assert.equal(await tab.locator('h1').evaluate((h1) => getComputedStyle(h1).letterSpacing), '7px');
    assert.deepEqual(complaints.filter((text) => !/favicon|Failed to load/.test(text)), []);
    await tab.close();
});

test('TinyauthTemplateDir replaces a page, or a part of all of them', async (t) => {
    const { url } = await startSettings(t, {
        files: {
            'own/login.html': '{{> head.html}}\n<title>Own</title>\n{{> body.html}}\n'
                + '<h1>Own {{title}}</h1>\n{{#each providers}}<a href="{{url}}">'
                + '{{_ Log in with {name} }}</a>{{/each}}\n{{> foot.html}}\n',
            'own/foot.html': '</main>\n<footer>{{> imprint.html}}</footer>\n</body>\n</html>\n',
            'own/imprint.html': 'Imprint & more\n',
            'own/style.css': 'h1 { color: #123456; }\n',
            'own/notes.txt': '{{broken',
        },
        server: 'TinyauthTemplateDir own\nTinyauthTitle "<i>Club</i>"',
    });
    const page = await new Browser().get(url('/'), speaking('de'));
    assert.match(page.body, /<h1>Own &lt;i&gt;Club&lt;\/i&gt;<\/h1>/);
    assert.match(page.body, /Mit Pocket ID anmelden<\/a>/);
    assert.match(page.body, /<footer>Imprint & more\n<\/footer>/);
    assert.match(page.body, /<style>h1 \{ color: #123456; \}\n<\/style>/);
    const error = await new Browser().get(url('/tinyauth/error'));
    assert.match(error.body, /<footer>Imprint/);
    assert.equal(heading(error), 'There is no such page');
    /* the policy goes with the style sheet that is there */
    const [, style] = /<style>([^]*?)<\/style>/.exec(error.body);
    const hash = (await import('node:crypto')).createHash('sha256').update(style).digest('base64');
    assert.ok(error.headers['content-security-policy'].includes(`'sha256-${hash}'`));
});

test('a page of TinyauthTemplateDir that fails while httpd runs gives way to ours', async (t) => {
    const { httpd, url } = await startSettings(t, {
        files: {
            'own/error.html': '{{> large.html}}{{> large.html}}',
            'own/large.html': 'x'.repeat(40000),
        },
        server: 'TinyauthTemplateDir own',
    });
    httpd.expectErrors(/TA0202/);
    const page = await new Browser().get(url('/tinyauth/error'));
    assert.equal(page.status, 404);
    assert.equal(heading(page), 'There is no such page');
    assert.equal(httpd.log(/TA0202/).length, 1);
});

const section = providerSection({ issuer: 'https://id.example.com', clientId: 'x' });
const wrong = [
    ['TinyauthLanguage tlh', {}, /TinyauthLanguage must be auto or one of en, .*\bde\b.*, not "tlh"/],
    ['TinyauthLogo logo.txt', { 'logo.txt': 'x' }, /TinyauthLogo must name a picture that ends in .svg/],
    ['TinyauthLogo absent.svg', {}, /TinyauthLogo names \S*absent.svg, which cannot be read: No such file/],
    ['TinyauthLogo empty.svg', { 'empty.svg': '' }, /names \S*empty.svg, which is empty/],
    ['TinyauthBackground big.png', { 'big.png': 'x'.repeat(2 * 1024 * 1024 + 1) },
        /TinyauthBackground names \S*big.png, which is too large: it may have up to 2097152 bytes/],
    ['TinyauthStylesheet style.png', { 'style.png': 'x' },
        /TinyauthStylesheet must name a file that ends in .css/],
    ['TinyauthTemplateDir absent', {}, /TinyauthTemplateDir names \S*absent, which cannot be read/],
    ['TinyauthTemplateDir own', { 'own/other.html': 'x' },
        /names \S*own, where there is no file with the name of one of our pages, such as login.html/],
    ['TinyauthTemplateDir own', { 'own/login.html': 'a\n\n{{#if x}}b\n' },
        /names a page that cannot be made: \S*own\/login.html:4: a block is not closed: x/],
    ['TinyauthTemplateDir own', { 'own/error.html': '\n{{> absent.html}}' },
        /\S*own\/error.html:2: there is no such template: absent.html/],
    ['TinyauthTemplateDir own', { 'own/style.css': 'a{{b}}' },
        /\S*own\/style.css:1: a style sheet has no tags/],
    ['TinyauthTemplateDir own', { 'own/login.html': 'a\0b' }, /own\/login.html, which is no text/],
];

test('what is wrong with them stops httpd, with the line of the configuration', async (t) => {
    for (const [line, files, message] of wrong) {
        await t.test(`${line}: ${message}`, async () => {
            const { code, stderr } = await configTest(`${section}\n${line}`, { files });
            assert.notEqual(code, 0);
            assert.match(stderr, /Syntax error on line \d+ of \S+httpd.conf/);
            assert.match(stderr, message);
        });
    }
    const icon = await configTest(providerSection(
        { issuer: 'https://id.example.com', clientId: 'x' }, { TinyauthIcon: 'icon.doc' },
    ));
    assert.match(icon.stderr, /TinyauthIcon must name a picture/);
});

/* --- what programs get ------------------------------------------------------------------- */

const twins = {
    login: [401, 'login-required'],
    'signed out': [200, 'signed-out'],
    error: [404, 'not-found'],
    'login not begun here': [400, 'attempt-missing'],
    'provider unknown': [404, 'provider-unknown'],
    'log out': [200, 'logout-confirm'],
    unauthorized: [403, 'not-in-group'],
};

test('every page has a twin for programs, with the same reason, in English', async (t) => {
    const { httpd, url } = await startSettings(t);
    const alice = new Browser();
    await loginAt(alice, url('/'), 'alice');
    const cookie = alice.jar.header(url('/'));
    const wishes = ['application/json', 'application/problem+json', '*/*',
        'text/html;q=0.5, application/problem+json'];
    for (const { name, who, target } of pageKinds) {
        const [status, reason] = twins[name];
        for (const accept of wishes) {
            const answer = await fetch(url(target), {
                redirect: 'manual',
                headers: { accept, 'accept-language': 'de', ...(who === 'alice' && { cookie }) },
            });
            const what = `${name}, ${accept}`;
            if (name === 'provider unknown') {
                assert.equal(answer.status, 401, what); // no navigation: nobody is sent anywhere
                continue;
            }
            assert.equal(answer.status, status, what);
            assert.equal(answer.headers.get('content-type'), 'application/problem+json', what);
            assert.equal(answer.headers.get('content-language'), 'en');
            assert.equal(answer.headers.get('cache-control'), 'no-store');
            assert.equal(answer.headers.has('www-authenticate'), status === 401);
            const problem = await answer.json();
            assert.equal(problem.reason, reason, what);
            assert.equal(problem.status, status);
            assert.match(problem.title, /^[A-Z]/);
            assert.ok(problem.detail.length > 10 && problem.request_id.length > 3);
        }
    }
    const ask = await (await fetch(url('/tinyauth/logout'), { headers: { cookie } })).json();
    assert.equal(ask.user, 'alice');
    const done = await fetch(url(ask.action), {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie },
        body: new URLSearchParams({ token: ask.token }),
    });
    assert.equal(done.status, 303);
    assert.equal(httpd.log(/TA0060/).length, 1);
});

test('the request id of a page is in the log, with the reason', async (t) => {
    const { httpd, url } = await startSettings(t);
    const alice = new Browser();
    await loginAt(alice, url('/'), 'alice');
    const pages = [
        ['not-found', await new Browser().get(url('/tinyauth/error'))],
        ['attempt-missing', await new Browser().get(url('/api/oauth/callback/pocketid?code=x&state=y'))],
        ['provider-unknown', await new Browser().get(url('/tinyauth/login?provider=none'))],
        ['not-in-group', await alice.post(url('/members/x'), {})],
        ['not-in-group', await alice.get(url('/members/x'))],
        ['login-required', await new Browser().post(url('/'), {})],
        ['method', await new Browser().post(url('/tinyauth/signed-out'), {})],
        ['not-allowed', await new Browser().get(url('/tinyauth/unauthorized?d=x'))],
        ['request-malformed', await alice.request('POST', url('/tinyauth/logout'), {
            body: `a=${'x'.repeat(20000)}`,
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })],
    ];
    for (const [reason, page] of pages) {
        const [, id] = /Request: <code>([^<]+)<\/code>/.exec(page.body) ?? [];
        assert.ok(id, `${reason}: ${page.body}`);
        /* TA0534 is there at level debug alone */
        const lines = httpd.log(/\[request /)
            .filter((line) => line.includes(`[request ${id}]`) && !line.includes('TA0534'));
        assert.ok(lines.some((line) => line.includes(reason)), `${reason} ${id}\n${lines.join('\n')}`);
    }
});

test('"Go back" leads to where the browser came from, and never in a circle', async (t) => {
    const { url } = await startSettings(t);
    const alice = new Browser();
    await loginAt(alice, url('/'), 'alice');
    const back = async (path, referer) => {
        const page = await alice.get(url(path), { headers: referer ? { referer } : {} });
        assert.equal(heading(page), 'You are not allowed in here');
        return page.links.find(({ text }) => text === 'Go back')?.href;
    };
    assert.equal(await back('/members/x'), url('/'));
    assert.equal(await back('/members/x', url('/list?page=2')), url('/list?page=2'));
    assert.equal(await back('/members/x', url('/members/x')), undefined);
    assert.equal(await back('/members/x', 'https://evil.example.com/'), url('/'));
    assert.equal(await back('/members/x', `${url('').replace(/\/$/, '')}.evil.example.com/`), url('/'));
    assert.equal(await back('/members/x', url('/tinyauth/logout')), url('/'));
});
