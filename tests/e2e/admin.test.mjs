/*
 * SetHandler tinyauth-admin: who sees it, what it shows, and what it ends.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, configTest, protectedLocation, providerSection, startSite,
} from './harness.mjs';
import {
    assertRefused, describe, loginWithLiar, sessionCookies,
} from './support/login_steps.mjs';

const admin = '/admin/sessions';

const adminLocation = (...lines) => ['<Location "/admin">', '    SetHandler tinyauth-admin',
    ...lines, '</Location>'].join('\n');
const forAdmins = adminLocation('AuthType Tinyauth', 'Require oauth-group admins');

/* Everything on the host is the application's, behind ProxyPass; alice is in admins. */
async function startWithAdmin(t, options = {}) {
    const site = await startSite(t, {
        liar: {}, require: 'valid-user', server: forAdmins, ...options,
    });
    site.httpd.expectErrors(/AH01630/);
    const logIn = async (user, headers = {}) => {
        const browser = new Browser({ headers });
        site.op.user = user;
        await loginWithLiar(browser, site.url('/'));
        assert.equal(sessionCookies(browser).length, 1);
        return browser;
    };
    return { ...site, logIn };
}

const asJson = { navigation: false, headers: { accept: 'application/json' } };
const isLoggedIn = async (browser, url) => (await browser.fetch(url('/'))).status === 200;

async function list(browser, url, query = '') {
    const page = await browser.get(url(admin + query), asJson);
    assert.equal(page.status, 200, page.body);
    assert.equal(page.headers['content-type'], 'application/json');
    assert.equal(page.headers['cache-control'], 'no-store');
    return page.json;
}

test('administrators see who is logged in, and nobody else does', async (t) => {
    const { backend, logIn, url } = await startWithAdmin(t);
    const alice = await logIn('alice', { 'user-agent': 'Agent of alice' });
    const bob = await logIn('bob', { 'user-agent': 'Agent of bob' });
    const page = await alice.get(url(admin));
    assert.equal(page.status, 200, describe(page));
    assert.equal(page.headers['cache-control'], 'no-store');
    assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
    for (const text of ['alice', 'bob', 'bob@example.com', 'Agent of alice', 'Agent of bob',
        'users', '127.0.0.1', 'pocketid', 'Sessions: 2']) {
        assert.ok(page.body.includes(text), text);
    }
    const { sessions, total, listable } = await list(alice, url);
    assert.deepEqual([total, listable, sessions.length], [2, true, 2]);
    const [of] = sessions.filter(({ user }) => user === 'bob');
    assert.deepEqual(of.groups, ['users']);
    assert.equal(of.browser, 'Agent of bob');
    assert.ok(Math.abs(of.created - Date.now() / 1000) < 60);
    for (const { value } of [...sessionCookies(alice), ...sessionCookies(bob)]) {
        assert.ok(!page.body.includes(value));
    }

    assert.equal((await bob.get(url(admin))).status, 403);
    assert.equal((await bob.post(url(admin), { end_all: 'yes' })).status, 403);
    assert.equal((await new Browser().fetch(url(admin))).status, 401);
    assert.equal(backend.requests.of('backend').filter(({ path }) => path === admin).length, 0);
});

test('where everybody may pass, nothing is shown', async (t) => {
    const { httpd, logIn, url } = await startWithAdmin(t, {
        server: [
            forAdmins,
            ['all', 'AuthType Tinyauth\nRequire all granted'],
            ['address', 'AuthType Tinyauth\n<RequireAny>\nRequire ip 127.0.0.1\n'
                + 'Require valid-user\n</RequireAny>'],
            ['network', 'AuthType None\nRequire ip 127.0.0.1'],
            ['nobody', 'AuthType None\nRequire all granted'],
            ['method', 'AuthType None\nRequire method GET POST'],
        ].map((each) => (typeof each === 'string' ? each : [`<Location "/${each[0]}">`,
            'SetHandler tinyauth-admin', each[1], '</Location>'].join('\n'))).join('\n'),
    });
    httpd.expectErrors(/TA0512/);
    const alice = await logIn('alice');
    const { token } = await list(alice, url);
    const places = ['/all', '/address', '/network', '/nobody', '/method'];
    for (const place of places) {
        for (const browser of [alice, new Browser()]) {
            assertRefused(await browser.get(url(place)), 500, 'admin-open');
        }
        const posted = await alice.post(url(place), { token, end_all: 'yes' });
        assertRefused(posted, 500, 'admin-open');
    }
    assert.equal(httpd.log(/TA0512/).length, places.length * 3);
    assert.ok(await isLoggedIn(alice, url));
});

test('a page, a user, and everybody can be ended, by buttons', async (t) => {
    const { httpd, logIn, url } = await startWithAdmin(t);
    const alice = await logIn('alice');
    const [first, second, third] = [await logIn('bob'), await logIn('bob'), await logIn('bob')];
    const press = async (name, pick) => {
        const page = await alice.get(url(`${admin}?q=bob`));
        const form = page.forms.filter(({ method }) => method === 'POST')[name === 'end_all' ? 1 : 0];
        return alice.submit(page, form, { [name]: pick });
    };
    const { sessions } = await list(alice, url, '?q=BOB');
    assert.equal(sessions.length, 3);
    const done = await press('end', sessions[0].handle);
    assert.deepEqual(done.chain.map(({ status }) => status), [303, 200]);
    assert.equal(done.url, url(`${admin}?q=bob`));
    const left = async () => (await Promise.all(
        [first, second, third].map((who) => isLoggedIn(who, url)),
    )).filter(Boolean).length;
    assert.equal(await left(), 2);
    await press('end_user', sessions[1].handle);
    assert.equal(await left(), 0);
    assert.ok(await isLoggedIn(alice, url));
    assert.equal(httpd.log(/TA0510: administrator "alice" ended/).length, 2);

    const carol = await logIn('carol');
    const page = await alice.get(url(admin));
    const form = page.forms.filter(({ method }) => method === 'POST')[1];
    await alice.submit(page, form, { end_all: 'yes' });
    assert.equal(await isLoggedIn(carol, url), false);
    assert.equal(await isLoggedIn(alice, url), false);
});

test('a form of another site, or of another administrator, ends nothing', async (t) => {
    const { httpd, logIn, op, url } = await startWithAdmin(t);
    op.users.bob.groups = ['admins'];
    const alice = await logIn('alice');
    const bob = await logIn('bob');
    const { token } = await list(bob, url);
    for (const form of [{ end_all: 'yes' }, { token: 'x', end_all: 'yes' },
        { token, end_all: 'yes' }]) {
        assertRefused(await alice.post(url(admin), form), 400, 'logout-token');
    }
    assert.equal(httpd.log(/TA0511/).length, 3);
    const put = await alice.request('PUT', url(admin), { body: 'x' });
    assert.equal(put.status, 405);
    assert.equal(put.headers.allow, 'GET, HEAD, POST');
    assert.equal((await alice.request('HEAD', url(admin))).body, '');
    assert.ok(await isLoggedIn(alice, url));
    assert.ok(await isLoggedIn(bob, url));
    const ended = await bob.post(url(admin), { token, end_all: 'yes' }, asJson);
    assert.deepEqual(ended.json, { ended: 2 });
    assert.equal(await isLoggedIn(alice, url), false);
});

test('names and browsers that would be markup are text', async (t) => {
    const { logIn, op, url } = await startWithAdmin(t);
    const script = '<script>alert(1)</script>';
    Object.assign(op.users.bob, {
        preferred_username: 'bob"><img src=x>', name: script, groups: ['<b>x</b>', 'a,b'],
    });
    op.users.bob.sub = 'bob';
    await logIn('bob', { 'user-agent': `"><svg onload=alert(1)> ${'x'.repeat(1000)}` });
    const alice = await logIn('alice');
    const page = await alice.get(url(`${admin}?q=${encodeURIComponent(script)}`));
    for (const text of ['<script', '<img', '<svg onload', '<b>']) {
        assert.ok(!page.body.includes(text), text);
    }
    assert.ok(page.body.includes('&lt;script&gt;alert(1)&lt;/script&gt;'));
    const { sessions } = await list(alice, url, '?q=onload');
    assert.equal(sessions[0].name, script);
    assert.deepEqual(sessions[0].groups, ['<b>x</b>', 'a,b']);
    assert.equal(sessions[0].browser.length, 200);
});

test('many sessions come in pages, newest first', async (t) => {
    const { logIn, url } = await startWithAdmin(t);
    for (let i = 0; i < 120; i += 1) {
        await logIn('bob'); /* one after the other: each is newer */
    }
    const alice = await logIn('alice');
    let page = await alice.get(url(`${admin}?q=bob`));
    const seen = new Set();
    const sizes = [];
    while (page) {
        const handles = [...page.body.matchAll(/name="end" value="(\w+)"/g)].map((m) => m[1]);
        handles.forEach((handle) => seen.add(handle));
        sizes.push(handles.length);
        assert.ok(page.body.includes('Sessions: 120'));
        const next = page.links.find(({ text }) => text === 'Next page');
        page = next && await alice.click(page, next);
    }
    assert.deepEqual(sizes, [50, 50, 20]);
    assert.equal(seen.size, 120);
    const { sessions, next } = await list(alice, url);
    assert.equal(sessions.length, 121);
    assert.equal(next, null);
    const times = sessions.map(({ created }) => created);
    assert.deepEqual(times, [...times].sort((a, b) => b - a));
});

test('the address is that of mod_remoteip where a proxy is trusted', async (t) => {
    const { logIn, url } = await startWithAdmin(t, {
        modules: ['remoteip'],
        server: [forAdmins, 'RemoteIPHeader X-Forwarded-For',
            'RemoteIPInternalProxy 127.0.0.1'].join('\n'),
    });
    const alice = await logIn('alice', { 'x-forwarded-for': '2001:db8::7' });
    const { sessions } = await list(alice, url, '?q=db8');
    assert.equal(sessions[0].address, '2001:db8::7');
});

test('another AuthType may protect it, too', async (t) => {
    const { logIn, url } = await startWithAdmin(t, {
        modules: ['auth_basic', 'authn_file'],
        files: { users: 'root:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n' }, /* password */
        write: ({ server, op }) => [
            providerSection(op),
            protectedLocation('/', 'valid-user'),
            adminLocation('AuthType Basic', 'AuthName admin',
                `AuthUserFile ${server.file('users')}`, 'Require user root'),
        ].join('\n'),
    });
    const alice = await logIn('alice');
    assert.equal((await alice.fetch(url(admin))).status, 401);
    const root = new Browser({
        headers: { authorization: `Basic ${Buffer.from('root:password').toString('base64')}` },
    });
    const { token, sessions } = await list(root, url);
    assert.equal(sessions.length, 1);
    assertRefused(await root.post(url(admin), { end_all: 'yes' }), 400, 'logout-token');
    await root.post(url(admin), { token, end: sessions[0].handle });
    assert.equal(await isLoggedIn(alice, url), false);
});

test('on a host without a provider there is nothing to administer', async (t) => {
    const { httpd, url } = await startSite(t, {
        liar: {},
        write: () => `TinyauthEngine Off\n${adminLocation('Require all granted')}`,
    });
    httpd.expectErrors(/TA0513/);
    assert.equal((await new Browser().get(url(admin))).status, 500);
});

test('httpd -t warns of a page that nothing protects', async () => {
    const op = { issuer: 'https://id.example.com', clientId: 'x', clientSecret: 'y' };
    const warnings = async (...lines) => {
        const { code, stderr, log } = await configTest([providerSection(op), ...lines].join('\n'));
        assert.equal(code, 0, stderr);
        return (stderr + log).match(/TA0514: \S+:\d+: SetHandler tinyauth-\w+/g) ?? [];
    };
    const page = (handler, ...lines) => [`<Location "/${handler}">`, `SetHandler tinyauth-${handler}`,
        ...lines, '</Location>'].join('\n');
    const open = [page('admin'), page('metrics'), '<VirtualHost *:1>', page('admin'),
        protectedLocation('/adminX', 'valid-user'), '</VirtualHost>'];
    assert.equal((await warnings(...open)).length, 3);
    assert.deepEqual(await warnings(
        page('admin', 'AuthType Tinyauth', 'Require oauth-group admins'),
        page('metrics', '<RequireAny>', 'Require ip 192.0.2.1', '</RequireAny>'),
        '<VirtualHost *:1>', page('admin'), protectedLocation('/', 'valid-user'), '</VirtualHost>',
        '<Directory "/var/empty">', 'Require all denied', '<Files "x">',
        'SetHandler tinyauth-admin', '</Files>', '</Directory>',
        page('other'),
    ), []);
});
