/*
 * Every kind of Require, alone, negated and combined, asked as somebody who fits and as
 * somebody who does not; and the reason that the latter is told.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { protectedLocation, providerSection, startSite } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

const people = ['alice', 'bob', 'carol', 'dave'];

/* A scope for each entry of `scopes`, named by its number; "/in" is for whoever is logged in. */
function startScopes(t, scopes, options = {}) {
    return startSite(t, {
        ...options,
        write: ({ op, backend }) => [
            providerSection(op, options.section),
            options.server ?? '',
            `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/in', 'valid-user'),
            ...scopes.map((lines, i) => (
                `<Location "/${i}/">\nAuthType Tinyauth\n${lines}\n</Location>`
            )),
        ].join('\n'),
    });
}

async function everybody(site) {
    const browsers = {};
    for (const name of people) {
        browsers[name] = await loggedIn(site, name, { back: '/in' });
    }
    return browsers;
}

/* Opens each scope as each of the people: who is let in must be who is listed. */
async function assertScopes(t, table, options) {
    const entries = Object.entries(table);
    const site = await startScopes(t, entries.map(([lines]) => lines), options);
    site.httpd.expectErrors(/AH0163[01]/);
    const browsers = await everybody(site);
    for (const [i, [lines, expected]] of entries.entries()) {
        const allowed = [];
        for (const name of people) {
            const { status } = await browsers[name].fetch(site.url(`/${i}/x`));
            assert.ok([200, 403].includes(status), `${lines} as ${name}: ${status}`);
            allowed.push(...(status === 200 ? [name] : []));
        }
        assert.deepEqual(allowed, expected, lines);
        const stranger = await site.browser.fetch(site.url(`/${i}/x`));
        assert.equal(stranger.status, 401, `${lines} as nobody`);
    }
}

test('Require oauth-group compares whole names, exactly', (t) => assertScopes(t, {
    'Require oauth-group admins': ['alice'],
    'Require oauth-group users': ['alice', 'bob'],
    'Require oauth-group nobody admins': ['alice'],
    'Require oauth-group Admins': [],
    'Require oauth-group admin': [],
    'Require oauth-group adminss "admins "': [],
    'Require oauth-group admins,users': [],
    'Require oauth-group "admins users"': [],
    'Require oauth-group "Tech Ops"': ['dave'],
    'Require oauth-group Tech Ops': [],
    'Require oauth-group \'Tech Ops\'': ['dave'],
    'Require oauth-group "a,b"': ['dave'],
    'Require oauth-group a b': [],
    'Require oauth-group a%2Cb': [],
    'Require oauth-group "Größe 日本"': ['dave'],
    'Require oauth-group "Gro\u0308ße 日本"': [],
    'Require oauth-group ""': [],
    'Require oauth-group *': [],
}));

test('a word between slashes is a regular expression', (t) => assertScopes(t, {
    'Require oauth-group /^adm/': ['alice'],
    'Require oauth-group /s$/': ['alice', 'bob', 'dave'],
    'Require oauth-group "/^(admins|Tech Ops)$/"': ['alice', 'dave'],
    'Require oauth-group "/^Tech Ops$/"': ['dave'],
    'Require oauth-group /^ADMINS$/': [],
    'Require oauth-group /(?i)^ADMINS$/': ['alice'],
    'Require oauth-group //': [],
    'Require oauth-group /^$/': [],
    'Require oauth-user /^[ab]/': ['alice', 'bob'],
    'Require oauth-email /@example\\.org$/': ['dave'],
}));

test('Require oauth-user means REMOTE_USER', (t) => assertScopes(t, {
    'Require oauth-user alice': ['alice'],
    'Require oauth-user bob carol': ['bob', 'carol'],
    'Require oauth-user Alice alice@example.com': [],
    'Require user alice': ['alice'],
    'Require user bob dave': ['bob', 'dave'],
    'Require valid-user': people,
}));

test('an e-mail counts when it was verified', (t) => assertScopes(t, {
    'Require oauth-email alice@example.com': ['alice'],
    'Require oauth-email bob@example.com': [],
    'Require oauth-email *@example.com': ['alice'],
    'Require oauth-email *@EXAMPLE.com': ['alice'],
    'Require oauth-email *@example.org *@example.com': ['alice', 'dave'],
    'Require oauth-email *@le.com @example.com example.com *': [],
    'Require oauth-email *@com': [],
    'Require oauth-email /example/': ['alice', 'dave'],
}));

test('with TinyauthTrustEmail every e-mail counts', (t) => assertScopes(t, {
    'Require oauth-email bob@example.com': ['bob'],
    'Require oauth-email *@example.com': ['alice', 'bob'],
}, { section: { TinyauthTrustEmail: 'On' } }));

const group = (name, ...rules) => [
    `<Require${name}>`, ...rules.map((rule) => (rule[0] === '<' ? rule : `Require ${rule}`)),
    `</Require${name}>`,
].join('\n');
const all = (...rules) => group('All', ...rules);
const any = (...rules) => group('Any', ...rules);
const none = (...rules) => group('None', ...rules);

test('rules combine as everywhere in httpd', (t) => assertScopes(t, {
    'Require oauth-group admins\nRequire oauth-user carol': ['alice', 'carol'],
    'AuthMerging And\nRequire oauth-group users': ['alice', 'bob'],
    [any('oauth-group admins', 'oauth-user bob')]: ['alice', 'bob'],
    [all('oauth-group users', 'oauth-user bob')]: ['bob'],
    [all('valid-user', 'not oauth-group admins')]: ['bob', 'dave'],
    [all('oauth-group users', 'not oauth-user bob')]: ['alice'],
    [all('valid-user', 'not oauth-email *@example.com')]: ['carol', 'dave'],
    [all('valid-user', 'not oauth-claim name Carol')]: ['alice', 'bob', 'dave'],
    [all('valid-user', none('oauth-group admins "Tech Ops"'))]: ['bob'],
    [all('valid-user', none('oauth-user alice', 'oauth-user bob'))]: ['carol', 'dave'],
    [all('valid-user', any('oauth-claim family_name Baker', 'oauth-group "a,b"'))]:
        ['bob', 'dave'],
}));

const claims = {
    department: { name: 'IT', floors: [1, 2.5, 'three'], head: true, 'a.b': 'dotted' },
    roles: ['reader', { of: 'wiki' }, null, 'a b'],
    age: 42, big: 1e21, negative: -1, zero: 0, contractor: false, nothing: null, empty: '',
    'https://claims.example/tier': 'gold',
};

function withClaims() {
    const base = { sub: 'x', name: 'X' };
    return {
        alice: { ...base, sub: 'a', preferred_username: 'alice', ...claims },
        bob: { ...base, sub: 'b', preferred_username: 'bob', groups: ['it'] },
    };
}

test('Require oauth-claim reads nested, listed and other values', async (t) => {
    const fits = [
        'department.name IT', 'department.floors 1', 'department.floors 2.5',
        'department.floors three', 'department.floors 7 three', 'department.head true',
        'department.a.b dotted', 'roles reader', 'roles "a b"', 'roles.of wiki', 'age 42',
        'age /^4/', 'negative -1', 'zero 0', 'contractor false', 'sub a',
        'preferred_username alice', 'https://claims.example/tier gold',
    ];
    const fails = [
        'department IT', 'department.name it', 'department.name I T', 'department.floors 3',
        'department.head 1', 'department.head True', 'roles writer', 'roles a', 'age 4', 'age 42.0',
        'nothing null', 'nothing ""', 'nothing /.*/', 'empty ""', 'empty /.*/', 'missing /.*/',
        'name.X X', 'contractor true', 'iss /.*evil/', 'nonce /.*/', 'exp /.*/', 'groups it',
    ];
    const scopes = [...fits, ...fails].map((claim) => `Require oauth-claim ${claim}`);
    const site = await startScopes(t, scopes, { liar: { users: withClaims() } });
    site.httpd.expectErrors(/AH01631/);
    const alice = await loggedIn(site, 'alice', { back: '/in' });
    for (const [i, claim] of scopes.entries()) {
        const { status } = await alice.fetch(site.url(`/${i}/`));
        assert.equal(status, i < fits.length ? 200 : 403, claim);
    }
});

test('Require oauth-claim can ask for the groups as well', async (t) => {
    const site = await startScopes(t, ['Require oauth-claim groups it'], {
        liar: { users: withClaims(), user: 'bob' },
    });
    const bob = await loggedIn(site, 'bob', { back: '/in' });
    assert.equal((await bob.fetch(site.url('/0/'))).status, 200);
});

/* What the liar's user hears who has these claims, where admins alone may pass. */
async function reasonFor(t, userClaims, rule = 'oauth-group admins') {
    const users = { eve: { sub: 'e', preferred_username: 'eve', ...userClaims } };
    const site = await startScopes(t, [rule[0] === '<' ? rule : `Require ${rule}`], {
        liar: { users, user: 'eve' },
    });
    site.httpd.expectErrors(/AH01631/);
    const eve = await loggedIn(site, 'eve', { back: '/in' });
    const program = await eve.fetch(site.url('/0/'));
    assert.equal(program.status, 403);
    const page = await eve.get(site.url('/0/'));
    assert.equal(page.status, 403);
    assert.ok(page.body.includes(program.json.reason));
    assert.match(site.httpd.log(/TA0050/)[0], new RegExp(program.json.reason));
    return program.json.reason;
}

test('groups that are absent, empty or malformed are told apart', async (t) => {
    assert.equal(await reasonFor(t, {}), 'groups-absent');
    assert.equal(await reasonFor(t, { groups: null }), 'groups-absent');
    assert.equal(await reasonFor(t, { groups: [] }), 'groups-empty');
    assert.equal(await reasonFor(t, { groups: ['users'] }), 'not-in-group');
    assert.equal(await reasonFor(t, { groups: 'admins,users' }), 'not-in-group');
    for (const groups of [{ admins: true }, 7, true, ['admins', 7], ['admins', { a: 1 }]]) {
        assert.equal(await reasonFor(t, { groups }), 'groups-malformed', JSON.stringify(groups));
    }
});

test('whoever may be one of those that are kept out is kept out', async (t) => {
    const noAdmins = all('valid-user', 'not oauth-group admins');
    assert.equal(await reasonFor(t, {}, noAdmins), 'groups-absent');
    assert.equal(await reasonFor(t, { groups: 7 }, noAdmins), 'groups-malformed');
    const noClaim = all('valid-user', none('oauth-claim groups admins'));
    assert.match(await reasonFor(t, {}, noClaim), /groups-absent|not-allowed/);
    const noMail = all('valid-user', 'not oauth-email eve@example.com');
    assert.equal(await reasonFor(t, { email: 'eve@example.com' }, noMail), 'email-unverified');
});

const aliases = `
<AuthzProviderAlias oauth-group staff admins>
</AuthzProviderAlias>
<AuthzProviderAlias oauth-email of-bob bob@example.com>
</AuthzProviderAlias>`;

/* Of carol no groups are known, and bob's e-mail was not verified. */
test('an alias knows no more, and in doubt keeps out as well', (t) => assertScopes(t, {
    'Require staff': ['alice'],
    'Require staff\nRequire oauth-user carol': ['alice', 'carol'],
    [all('valid-user', 'not staff')]: ['bob', 'dave'],
    [all('valid-user', none('staff', 'oauth-user bob'))]: ['dave'],
    [all('valid-user', 'not of-bob')]: ['alice', 'carol', 'dave'],
    [any('oauth-user carol', all('valid-user', 'not staff'))]: ['bob', 'carol', 'dave'],
}, { server: aliases }));

test('an alias keeps out of a part of a page, too', async (t) => {
    const site = await startScopes(t, [all('valid-user', 'not staff')], {
        server: `ProxyPass "/page.shtml" "!"
<Location "/page.shtml">
    Options +Includes
    SetOutputFilter INCLUDES
    Require all granted
</Location>${aliases}`,
        files: { 'htdocs/page.shtml': 'all: <!--#include virtual="/0/part" -->' },
        modules: ['include'],
    });
    site.httpd.expectErrors(/AH0163[01]/, /AH01372|unable to include/);
    for (const [name, sees] of [['bob', true], ['carol', false]]) {
        const browser = await loggedIn(site, name, { back: '/in' });
        const { body } = await browser.get(site.url('/page.shtml'));
        assert.match(body, /^all: /);
        assert.equal(/application/.test(body), sees, `${name}: ${body}`);
    }
});

test('an e-mail that was not verified is given as the reason', async (t) => {
    const email = { email: 'eve@example.com' };
    const rule = 'oauth-email eve@example.com';
    assert.equal(await reasonFor(t, { ...email, email_verified: false }, rule), 'email-unverified');
    assert.equal(await reasonFor(t, email, rule), 'email-unverified');
    assert.equal(await reasonFor(t, { ...email, email_verified: 'yes' }, rule), 'email-unverified');
    assert.equal(await reasonFor(t, { ...email, email_verified: true }, 'oauth-email x@y.z'),
        'not-allowed');
    assert.equal(await reasonFor(t, email, 'oauth-user alice'), 'not-allowed');
});

test('a group of a provider whose groups claim has another name counts', async (t) => {
    const users = {
        eve: {
            sub: 'e', preferred_username: 'eve', groups: ['admins'],
            realm: { access: { roles: ['boss'] } },
        },
    };
    const site = await startScopes(t, ['Require oauth-group boss', 'Require oauth-group admins'], {
        liar: { users, user: 'eve' }, section: { TinyauthGroupsClaim: 'realm.access.roles' },
    });
    site.httpd.expectErrors(/AH01631/);
    const eve = await loggedIn(site, 'eve', { back: '/in' });
    assert.equal((await eve.fetch(site.url('/0/'))).status, 200);
    assert.equal((await eve.fetch(site.url('/1/'))).status, 403);
});

test('a user whom another module set beforehand is asked to log in, and then is ours', async (t) => {
    const site = await startSite(t, {
        tls: true, host: 'myapp.test', server: 'SSLUserName SSL_PROTOCOL',
    });
    assert.equal((await site.browser.fetch(site.url('/'))).status, 401);
    assert.match((await site.browser.get(site.url('/'))).body, /Log in with/);
    const alice = await loggedIn(site);
    const page = await alice.fetch(site.url('/'));
    assert.equal(page.json.headers['remote-user'], 'alice');
    const bob = await loggedIn(site, 'bob', { back: '/tinyauth/signed-out' });
    assert.equal((await bob.fetch(site.url('/'))).status, 403);
    assert.deepEqual(site.httpd.log(/TA0160/), []);
});
