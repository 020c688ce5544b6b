/*
 * What the application is told about the user: values that nobody can read in two ways,
 * whatever stands in a claim, as headers and as variables, only where they are wanted.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { sleep } from './support/ports.mjs';
import { protectedLocation, providerSection, rawLines, rawRequest, startSite } from './harness.mjs';
import { identityFor, identityNames, identityOf } from './support/identity.mjs';
import { loggedIn } from './support/logged_in.mjs';

const printenv = {
    'htdocs/cgi/env.cgi': {
        text: '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nenv\n', mode: 0o755,
    },
    'htdocs/page.html': 'a page',
};

/* A site with an application behind /app/, a CGI program, and a log of variables. */
const write = (require, more = '') => ({ server, op, backend }) => `
${providerSection(op)}
ProxyPass "/app/" "${backend.url}/app/"
<Directory "${server.file('htdocs/cgi')}">
    Options +ExecCGI
    AddHandler cgi-script .cgi
</Directory>
LogFormat "%q|%u|%{TINYAUTH_USER}e|%{TINYAUTH_GROUPS}e|%{TINYAUTH_EMAIL_VERIFIED}e" vars
CustomLog "${server.file('logs/vars.log')}" vars
${protectedLocation('/', require)}
${more}`;

function start(t, require = 'valid-user', options = {}) {
    return startSite(t, {
        write: write(require, options.more),
        files: printenv,
        modules: ['cgid'],
        ...options,
    });
}

/* What the application behind the site got from a signed-in user. */
async function seenByApplication(site, browser) {
    const page = await browser.get(site.url('/app/x'));
    assert.equal(page.status, 200);
    return page.json;
}

/* The environment of a CGI program, as an object. */
async function environment(site, browser, headers = {}) {
    const { status, body } = await browser.get(site.url('/cgi/env.cgi'), { headers });
    assert.equal(status, 200);
    return Object.fromEntries(body.split('\n').filter(Boolean).map((line) => {
        const equals = line.indexOf('=');
        return [line.slice(0, equals), line.slice(equals + 1)];
    }));
}

/* The line of a query in the log of variables: httpd writes it when the answer is already out. */
async function lineOf(site, query) {
    for (let waited = 0; waited < 5000; waited += 20) {
        const lines = fs.readFileSync(site.httpd.file('logs/vars.log'), 'utf8').split('\n');
        const line = lines.find((each) => each.startsWith(`${query}|`));
        if (line) {
            return line;
        }
        await sleep(20);
    }
    throw new Error(`no line of ${query} in the log`);
}

const tinyauthOf = (env) => Object.fromEntries(
    Object.entries(env).filter(([name]) => name.startsWith('TINYAUTH_')),
);

test('a comma or percent sign in a group makes no other group', async (t) => {
    const site = await start(t);
    const browser = await loggedIn(site, 'dave');
    const { headers } = await seenByApplication(site, browser);
    const groups = Buffer.from(headers['remote-groups'], 'latin1').toString();
    assert.equal(groups, 'Tech Ops,a%2Cb,Größe 日本');
    assert.deepEqual(groups.split(',').map(decodeURIComponent), site.op.users.dave.groups);
});

test('what is not ASCII arrives as UTF-8', async (t) => {
    const site = await start(t);
    const browser = await loggedIn(site, 'dave');
    const received = await seenByApplication(site, browser);
    assert.deepEqual(identityOf(received), identityFor(site.op.users.dave));
});

/* A user of the liar whose claims hold what no header may hold. */
const eve = (claims) => ({
    eve: { sub: 'eve-1', preferred_username: 'eve', ...claims },
});

async function seenWith(t, claims) {
    const site = await start(t, 'valid-user', { liar: { users: eve(claims), user: 'eve-1' } });
    const browser = await loggedIn(site, 'eve');
    return seenByApplication(site, browser);
}

test('line ends and other control characters in claims are encoded', async (t) => {
    const { rawHeaders } = await seenWith(t, {
        name: 'Eve\r\nX-Injected: yes\r\n\r\nGET /evil',
        groups: ['a\r\nX-Injected: yes', 'tab\there', 'next\u0085line', 'bell\u0007', 'del\u007f',
            '100%', ' blank ', 'a\r,b'],
    });
    const headers = Object.fromEntries(rawHeaders);
    assert.equal(headers['Remote-Name'], 'Eve%0D%0AX-Injected: yes%0D%0A%0D%0AGET /evil');
    assert.equal(headers['Remote-Groups'], [
        'a%0D%0AX-Injected: yes', 'tab%09here', 'next%C2%85line', 'bell%07', 'del%7F', '100%25',
        '%20blank%20', 'a%0D%2Cb',
    ].join(','));
    assert.ok(!rawHeaders.some(([name]) => /injected/i.test(name)));
});

test('a user name or e-mail with control characters is not used', async (t) => {
    const headers = Object.fromEntries((await seenWith(t, {
        preferred_username: 'root\r\nRemote-Groups: admins',
        email: 'eve@example.com\r\nX: y',
        email_verified: true,
    })).rawHeaders);
    assert.equal(headers['Remote-User'], 'eve-1', 'the next claim of TinyauthUserClaim');
    assert.equal(headers['Remote-Email'], undefined);
    assert.equal(headers['Remote-Groups'], undefined);
});

test('a NUL in a claim cannot cut a value short', async (t) => {
    const claims = { preferred_username: 'eve', name: 'Eve', groups: ['admins\u0000-not'] };
    const site = await start(t, 'oauth-group admins', {
        liar: { users: eve(claims), user: 'eve-1' },
    });
    site.httpd.expectErrors(/AH0163[01]/, /TA\d+/);
    const page = await site.browser.get(
        site.url('/tinyauth/login?provider=pocketid&return=/app/x'),
    );
    assert.notEqual(page.status, 200, page.body);
    assert.equal(site.backend.requests.count(), 0);
});

test('CGI programs get the same as variables, and nothing that a client forged', async (t) => {
    const site = await start(t);
    const browser = await loggedIn(site, 'alice');
    const env = await environment(site, browser, {
        Remote_User: 'mallory', 'Remote.Groups': 'root', 'remote-sub': '0', 'Tinyauth-User': 'm',
    });
    const { alice } = site.op.users;
    assert.deepEqual(tinyauthOf(env), {
        TINYAUTH_USER: 'alice',
        TINYAUTH_NAME: alice.name,
        TINYAUTH_EMAIL: alice.email,
        TINYAUTH_GROUPS: 'admins,users',
        TINYAUTH_SUB: alice.sub,
        TINYAUTH_EMAIL_VERIFIED: 'true',
        TINYAUTH_PROVIDER: 'pocketid',
    });
    assert.equal(env.REMOTE_USER, 'alice');
    assert.equal(env.AUTH_TYPE, 'Tinyauth');
    assert.deepEqual(identityNames.map((name) => (
        [name, env[`HTTP_${name.toUpperCase().replace('-', '_')}`]]
    )), identityFor(alice));
});

test('an e-mail that nobody verified is passed on as such', async (t) => {
    const site = await start(t);
    const bob = await environment(site, await loggedIn(site, 'bob'));
    assert.equal(bob.TINYAUTH_EMAIL, 'bob@example.com');
    assert.equal(bob.TINYAUTH_EMAIL_VERIFIED, 'false');
    const carol = await environment(site, await loggedIn(site, 'carol'));
    assert.deepEqual(Object.keys(tinyauthOf(carol)).sort(),
        ['TINYAUTH_NAME', 'TINYAUTH_PROVIDER', 'TINYAUTH_SUB', 'TINYAUTH_USER']);
});

test('a stranger has no variables, whatever the headers say', async (t) => {
    const site = await start(t, 'all granted');
    const env = await environment(site, site.browser, { 'Remote-User': 'mallory' });
    assert.deepEqual(tinyauthOf(env), {});
    assert.equal(env.REMOTE_USER, undefined);
    assert.equal(env.HTTP_REMOTE_USER, undefined);
});

test('the log can name the user of a static file', async (t) => {
    const site = await start(t, 'all granted');
    const browser = await loggedIn(site, 'bob');
    await browser.get(site.url('/page.html?member'));
    await site.browser.get(site.url('/page.html?forger'), { headers: { 'Remote-User': 'mallory' } });
    assert.equal(await lineOf(site, '?member'), '?member|bob|bob|users|false');
    assert.equal(await lineOf(site, '?forger'), '?forger|-|-|-|-');
});

test('TinyauthHeaders Off tells the application nothing, and lets nobody else', async (t) => {
    const site = await start(t, 'valid-user', {
        more: '<Location "/app/quiet">\n    TinyauthHeaders Off\n</Location>\n'
            + '<Location "/cgi">\n    TinyauthHeaders Off\n</Location>',
    });
    const browser = await loggedIn(site, 'alice');
    const { body } = await rawRequest(site.httpd.port, rawLines(
        'GET /app/quiet HTTP/1.1', `Host: localhost:${site.httpd.port}`,
        `Cookie: ${browser.cookies}`, 'Remote-User: mallory', 'Remote_Groups: root',
    ));
    assert.deepEqual(identityOf(JSON.parse(body)), []);
    const env = await environment(site, browser);
    assert.deepEqual(tinyauthOf(env), {});
    assert.equal(env.REMOTE_USER, 'alice', 'who it is remains httpd\'s own knowledge');
});
