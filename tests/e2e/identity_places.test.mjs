/*
 * The place that a request ends in decides what the application hears about the user, on
 * whatever way it came there.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { protectedLocation, providerSection, startSite } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

const page = '<!--#printenv -->';

/* A site whose pages print their environment, with more lines for its places. */
function start(t, places, options = {}) {
    return startSite(t, {
        write: (stage) => `${providerSection(stage.op)}
${protectedLocation('/', 'valid-user')}
<Directory "${stage.server.file('htdocs')}">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
    DirectoryIndex index.shtml
</Directory>
${places(stage)}`,
        ...options,
        modules: ['include', ...(options.modules ?? [])],
    });
}

/* The names of the variables and headers of ours that a page printed, and REMOTE_USER's value. */
async function told(site, browser, target, headers = {}) {
    const { body } = await browser.get(site.url(target), { headers });
    const lines = body.split('\n').filter((line) => line.includes('='));
    assert.ok(lines.length > 5, `${target}: ${body}`);
    const ours = lines.map((line) => line.slice(0, line.indexOf('=')))
        .filter((name) => /TINYAUTH_|HTTP_REMOTE_/.test(name));
    return { ours, user: /^REMOTE_USER=(.*)$/m.exec(body)?.[1] };
}

const everything = [
    'HTTP_REMOTE_EMAIL', 'HTTP_REMOTE_GROUPS', 'HTTP_REMOTE_NAME', 'HTTP_REMOTE_SUB',
    'HTTP_REMOTE_USER', 'TINYAUTH_EMAIL', 'TINYAUTH_EMAIL_VERIFIED', 'TINYAUTH_GROUPS',
    'TINYAUTH_NAME', 'TINYAUTH_PROVIDER', 'TINYAUTH_SUB', 'TINYAUTH_USER',
];

test('an index hears what its own name would', async (t) => {
    const site = await start(t, ({ server }) => `
<Directory "${server.file('htdocs/loud')}">
    <Files "index.shtml">
        TinyauthHeaders Off
    </Files>
</Directory>
<Directory "${server.file('htdocs/quiet')}">
    TinyauthHeaders Off
    <Files "index.shtml">
        TinyauthHeaders On
    </Files>
</Directory>`, {
        files: {
            'htdocs/loud/index.shtml': page,
            'htdocs/quiet/index.shtml': page,
            'htdocs/include.shtml': '<!--#include virtual="/quiet/" -->',
        },
    });
    const alice = await loggedIn(site, 'alice', { back: '/loud/' });
    for (const target of ['/loud/', '/loud/index.shtml']) {
        assert.deepEqual(await told(site, alice, target), { ours: [], user: 'alice' }, target);
    }
    for (const target of ['/quiet/', '/quiet/index.shtml', '/include.shtml']) {
        const { ours, user } = await told(site, alice, target);
        assert.deepEqual(ours.sort(), everything, target);
        assert.equal(user, 'alice', target);
    }
});

test('behind an internal redirect nothing is left of what the place before heard', async (t) => {
    const site = await start(t, () => `
<Location "/loud">
    ErrorDocument 404 /quiet/not-found.shtml
</Location>
<Location "/quiet">
    TinyauthHeaders Off
</Location>`, {
        files: {
            'htdocs/quiet/not-found.shtml': page,
            'htdocs/index.shtml': page,
        },
    });
    const alice = await loggedIn(site, 'alice', { back: '/' });
    assert.deepEqual(await told(site, alice, '/loud/nothing'), { ours: [], user: 'alice' });
});

test('where another AuthType says who it is we say nothing', async (t) => {
    const site = await start(t, ({ server }) => `
<Location "/missing">
    ErrorDocument 404 /basic/not-found.shtml
</Location>
<Location "/basic">
    AuthType Basic
    AuthName basic
    AuthUserFile "${server.file('passwords')}"
    Require valid-user
</Location>`, {
        modules: ['auth_basic', 'authn_file'],
        files: {
            passwords: 'mary:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n',
            'htdocs/basic/not-found.shtml': page,
            'htdocs/index.shtml': page,
        },
    });
    const alice = await loggedIn(site, 'alice', { back: '/' });
    const authorization = `Basic ${Buffer.from('mary:test').toString('base64')}`;
    for (const target of ['/basic/not-found.shtml', '/missing/x']) {
        assert.deepEqual(await told(site, alice, target, { authorization }),
            { ours: [], user: 'mary' }, target);
    }
});

test('what RequestHeader makes of our headers stays, for an index and a part of a page', async (t) => {
    const site = await start(t, ({ server, backend }) => `
ProxyPass "/app/" "${backend.url}/app/"
<Directory "${server.file('htdocs')}">
    RequestHeader unset Remote-Groups
    RequestHeader set Remote-Name "Somebody"
</Directory>
<Location "/app">
    RequestHeader unset Remote-Groups
</Location>`, {
        files: {
            'htdocs/index.shtml': page,
            'htdocs/include.shtml': '<!--#include virtual="/app/part" -->',
        },
    });
    const alice = await loggedIn(site, 'alice', { back: '/' });
    for (const target of ['/', '/index.shtml']) {
        const { body } = await alice.get(site.url(target));
        assert.match(body, /^HTTP_REMOTE_NAME=Somebody$/m, target);
        assert.doesNotMatch(body, /^HTTP_REMOTE_GROUPS/m, target);
    }
    await alice.get(site.url('/include.shtml'));
    const { headers } = site.backend.requests.last();
    assert.equal(headers['remote-user'], 'alice');
    assert.equal(headers['remote-groups'], undefined);
});
