/*
 * What somebody hears who is not logged in, or not with a provider that counts here: people
 * are led to the login, everything else gets an answer that it can understand, and nothing is
 * begun by a request that is no person's.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, loginAt, protectedLocation, providerSection, rawLines, rawRequest, startLiar,
    startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

/* A stranger's request with these headers and no others. */
async function ask(site, headers, { target = '/x', method = 'GET' } = {}) {
    const answer = await rawRequest(site.httpd.port, rawLines(
        `${method} ${target} HTTP/1.1`, `Host: localhost:${site.httpd.port}`,
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ));
    assert.equal(site.backend.requests.count(), 0);
    return answer;
}

const html = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const going = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };

function assertChallenge(answer, what) {
    assert.equal(answer.status, 401, what);
    assert.match(answer.headers['www-authenticate'], /^Tinyauth realm="[^"]+"$/, what);
    assert.equal(answer.headers['set-cookie'], undefined, what);
    assert.equal(answer.headers.location, undefined, what);
    assert.equal(answer.headers['cache-control'], 'no-store', what);
}

function assertRedirect(answer, what) {
    assert.equal(answer.status, 302, what);
    assert.match(answer.headers.location, /\/tinyauth\/login\?.*return=%2Fx/, what);
    assert.equal(answer.headers['set-cookie'], undefined, 'no state is made');
    assert.equal(answer.body, '', what);
}

const people = [
    [html, 'a browser on plain http'],
    [{ ...html, ...going }, 'a browser'],
    [{ ...going, Accept: '*/*' }, 'a browser with an odd Accept'],
    [{ Accept: 'TEXT/HTML' }, 'letters in another case'],
];

const programs = [
    [{}, 'no Accept at all'],
    [{ Accept: '*/*' }, 'curl'],
    [{ Accept: 'application/json' }, 'an API client'],
    [{ Accept: '*/*', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 'fetch()'],
    [{ Accept: 'image/avif', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }, 'an image'],
    [{ Accept: '*/*', Upgrade: 'websocket', Connection: 'Upgrade' }, 'a web socket'],
];

const others = [
    [{ ...html, 'X-Requested-With': 'XMLHttpRequest' }, 'jQuery'],
    [{ ...html, ...going, 'Sec-Purpose': 'prefetch' }, 'a prefetch'],
    [{ ...html, ...going, 'Sec-Purpose': 'prefetch;prerender' }, 'a prerender'],
    [{ ...html, ...going, Purpose: 'prefetch' }, 'an older prefetch'],
    [{ ...html, ...going, 'Sec-Fetch-Dest': 'iframe' }, 'a frame'],
    [{ ...html, ...going, 'Sec-Fetch-Dest': 'embed' }, 'an embedded object'],
    [{ ...html, 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 'fetch() of HTML'],
    [{ ...html, 'Sec-Fetch-Mode': 'navigate' }, 'half of the headers'],
    [{ ...html, Upgrade: 'websocket' }, 'an upgrade'],
];

test('somebody who goes to a page is led to the login, by GET and HEAD', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    for (const [headers, what] of people) {
        for (const method of ['GET', 'HEAD']) {
            assertRedirect(await ask(site, headers, { method }), `${what}, ${method}`);
        }
    }
});

test('programs get 401 as JSON, with the login\'s address', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    for (const [headers, what] of programs) {
        const answer = await ask(site, headers);
        assertChallenge(answer, what);
        assert.match(answer.headers['content-type'], /^application\/(problem\+)?json/, what);
        const { reason, login, status } = JSON.parse(answer.body);
        assert.deepEqual([reason, status], ['login-required', 401], what);
        assert.equal((await new Browser().get(login)).status, 200, `${what}: ${login}`);
    }
});

test('what only looks like a person gets 401 with a page that leads to the login', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    for (const [headers, what] of others) {
        const answer = await ask(site, headers);
        assertChallenge(answer, what);
        assert.match(answer.headers['content-type'], /^text\/html/, what);
        assert.match(answer.body, /login-required/, what);
        assert.match(answer.body, /href="[^"]*\/tinyauth\/login/, what);
    }
});

test('a form that was open too long gets 401 with a page', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    for (const method of ['POST', 'PUT', 'DELETE']) {
        const answer = await ask(site, { ...html, ...going, 'Content-Length': 0 }, { method });
        assertChallenge(answer, method);
        assert.match(answer.body, /<h1>Please log in<\/h1>/);
    }
});

test('who asks before sending a body is told at once, and need not send it', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    const size = { 'Content-Length': 1000000 };
    for (const body of [size, { 'Transfer-Encoding': 'chunked' }]) {
        const wait = { Connection: 'keep-alive', Expect: '100-continue', ...body };
        const asked = await rawRequest(site.httpd.port, [
            'PUT /x HTTP/1.1', `Host: localhost:${site.httpd.port}`,
            ...Object.entries(wait).map(([name, value]) => `${name}: ${value}`), '', '',
        ].join('\r\n'));
        assertChallenge(asked, Object.keys(body)[0]);
        /* the body may be on its way all the same, and is no second request */
        assert.equal(asked.headers.connection, 'close');
    }
    assert.equal(site.backend.requests.count(), 0);
});

test('a HEAD request gets what GET would, without the body', async (t) => {
    const site = await startSite(t, { require: 'valid-user' });
    const head = await ask(site, {}, { method: 'HEAD' });
    assertChallenge(head, 'HEAD');
    assert.equal(head.body, '');
    const get = await ask(site, {});
    assert.equal(head.headers['content-type'], get.headers['content-type']);
});

test('TinyauthUnauthenticated deny redirects nobody', async (t) => {
    const site = await startSite(t, {
        require: 'valid-user', scope: 'TinyauthUnauthenticated deny',
    });
    for (const [headers, what] of [...people, ...programs, ...others]) {
        assertChallenge(await ask(site, headers), what);
    }
});

test('TinyauthUnauthenticated login redirects everybody', async (t) => {
    const site = await startSite(t, {
        require: 'valid-user', scope: 'TinyauthUnauthenticated login',
    });
    for (const [headers, what] of [...people, ...programs, ...others]) {
        assertRedirect(await ask(site, headers), what);
    }
});

test('an inner scope answers in its own way', async (t) => {
    const site = await startSite(t, {
        require: 'valid-user',
        scope: 'TinyauthUnauthenticated deny',
        server: '<Location "/x/people">\n    TinyauthUnauthenticated auto\n</Location>',
    });
    assert.equal((await ask(site, html, { target: '/x' })).status, 401);
    assert.equal((await ask(site, html, { target: '/x/people' })).status, 302);
});

test('only a person begins a login at the provider', async (t) => {
    const site = await startSite(t, {
        require: 'valid-user', server: 'TinyauthAutoRedirect pocketid',
    });
    for (const [headers, what] of [...programs, ...others]) {
        for (const target of ['/x', '/tinyauth/login?provider=pocketid', '/tinyauth/login']) {
            const { headers: { location, 'set-cookie': cookie } } = await ask(site, headers,
                { target });
            assert.equal(location, undefined, `${what} ${target}`);
            assert.equal(cookie, undefined, `${what} ${target}`);
        }
    }
    const { headers } = await ask(site, { ...html, ...going });
    assert.equal(new URL(headers.location).origin, site.op.issuer);
});

/* Two providers; /one takes only the first, /two the second, /both each. */
async function startTwo(t) {
    const second = await startLiar({ user: 'bob' }, t);
    const site = await startSite(t, {
        write: ({ op, backend }) => [
            providerSection(op),
            providerSection(second, { TinyauthName: '"Second ID"' }, 'second'),
            `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/one', 'valid-user', 'TinyauthProviders pocketid'),
            protectedLocation('/two', 'valid-user', 'TinyauthProviders second'),
            protectedLocation('/both', 'valid-user'),
            protectedLocation('/open', 'all granted', 'TinyauthProviders second'),
        ].join('\n'),
    });
    return { site, second };
}

test('the login page offers only the providers that count where one came from', async (t) => {
    const { site } = await startTwo(t);
    for (const [target, names] of [
        ['/one', ['Pocket ID']], ['/two', ['Second ID']], ['/both', ['Pocket ID', 'Second ID']],
    ]) {
        const page = await new Browser().get(site.url(target));
        const offered = page.links.map(({ text }) => /^Log in with (.*)$/.exec(text)?.[1]);
        assert.deepEqual(offered.filter(Boolean).sort(), names, target);
    }
});

test('a session of a provider that does not count here leads to the login, once', async (t) => {
    const { site } = await startTwo(t);
    const alice = await loggedIn(site, 'alice', { back: '/both', provider: 'Pocket ID' });
    assert.equal((await alice.get(site.url('/one'))).json.headers['remote-user'], 'alice');
    site.backend.requests.clear();
    const page = await alice.get(site.url('/two'));
    assert.deepEqual(page.chain.map(({ status }) => status), [302, 200]);
    assert.deepEqual(page.links.map(({ text }) => text).filter((text) => /Log in/.test(text)),
        ['Log in with Second ID']);
    assert.equal((await alice.fetch(site.url('/two'))).status, 401);
    assert.equal(site.backend.requests.count(), 0);
    const after = await loginAt(alice, site.url('/two'), 'bob', { provider: 'Second ID' });
    assert.equal(after.status, 200);
    assert.equal(after.json.headers['remote-user'], 'bob');
});

test('where login is optional, a provider that does not count makes nobody', async (t) => {
    const { site } = await startTwo(t);
    const alice = await loggedIn(site, 'alice', { back: '/both', provider: 'Pocket ID' });
    const page = await alice.get(site.url('/open'));
    assert.equal(page.status, 200);
    assert.equal(page.json.headers['remote-user'], undefined);
});

/* A place inside of a protected site that asks for another kind of login. */
const basicInside = ({ server, op, backend }) => `${providerSection(op)}
ProxyPass "/basic/" "${backend.url}/basic/"
<Directory "${server.file('htdocs/into')}">
    DirectoryIndex /basic/x
</Directory>
${protectedLocation('/', 'oauth-group admins')}
<Location "/basic">
    AuthType Basic
    AuthName basic
    AuthBasicProvider file
    AuthUserFile "${server.file('users')}"
</Location>`;

/* mod_authn_file's alice, whose password is "password". */
const passwords = 'alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n';
const asBasic = { headers: { authorization: `Basic ${btoa('alice:password')}` } };

test('Require oauth-group under another AuthType denies, with one line that says so', async (t) => {
    const site = await startSite(t, {
        modules: ['auth_basic', 'authn_file'],
        files: {
            users: passwords, 'htdocs/into/x.html': 'x',
        },
        write: basicInside,
    });
    site.httpd.expectErrors(/TA0160/, /AH0163[01]/, /AH01617/);
    const alice = await loggedIn(site, 'alice', { back: '/index.html' });
    for (const target of ['/basic/x', '/into/']) {
        const before = site.httpd.log(/TA0160/).length;
        const { status, headers } = await alice.get(site.url(target), asBasic);
        assert.equal(status, 401, target);
        assert.match(headers['www-authenticate'], /^Basic/);
        const lines = site.httpd.log(/TA0160/).slice(before);
        assert.equal(lines.length, 1, target);
        assert.match(lines[0], /Tinyauth.*Basic/);
    }
    assert.equal(site.backend.requests.count(), 0);
});

test('an alias of it under another AuthType denies too, also behind not', async (t) => {
    const all = (rule) => `<RequireAll>\nRequire valid-user\n${rule}\n</RequireAll>`;
    const rules = ['Require members', all('Require not members'),
        all('<RequireNone>\nRequire members\n</RequireNone>')];
    const site = await startSite(t, {
        modules: ['auth_basic', 'authn_file'],
        files: { users: passwords },
        write: ({ server, op, backend }) => `${providerSection(op)}
ProxyPass "/" "${backend.url}/"
<AuthzProviderAlias oauth-group members admins>
</AuthzProviderAlias>
${rules.map((rule, i) => `<Location "/${i}">
    AuthType Basic
    AuthName basic
    AuthBasicProvider file
    AuthUserFile "${server.file('users')}"
    ${rule}
</Location>`).join('\n')}`,
    });
    site.httpd.expectErrors(/TA0160/, /AH0163[01]/, /AH01617/);
    for (const i of rules.keys()) {
        const { status } = await new Browser().get(site.url(`/${i}`), asBasic);
        assert.notEqual(status, 200, rules[i]);
        assert.equal(site.httpd.log(/TA0160/).length, i + 1);
    }
    assert.equal(site.backend.requests.count(), 0);
});
