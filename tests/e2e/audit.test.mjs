/*
 * TinyauthAuditLog: one line of JSON for each event, to a file or a pipe, whatever the users are
 * called; and a log that takes nothing more stops nobody.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {
    answers, Browser, configTest, freePort, loginAt, protectedLocation, providerSection, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { auditEvents, auditLines, waitForLines } from './support/audit.mjs';
import { metricsPage, openMetrics } from './support/metrics.mjs';
import { enter, interval, startShortSite, statusNextRound } from './support/revalidation.mjs';

const auditLog = 'TinyauthAuditLog logs/audit.log';

async function logOut(site, browser) {
    const page = await browser.get(site.url('/tinyauth/logout'));
    return browser.submit(page, page.forms[0], {}, { follow: false });
}

test('who did what, when, from where, and why not', async (t) => {
    const site = await startSite(t, { liar: {}, require: 'oauth-group nobody', server: auditLog });
    const began = Date.now();
    const alice = await loggedIn(site);
    const denied = await alice.fetch(site.url('/secret?token=of-the-application'));
    assert.equal(denied.status, 403);
    await logOut(site, alice);
    site.op.onToken = () => answers.json({ error: 'invalid_grant' }, 400);
    const refused = await loginAt(new Browser(), site.url('/'), 'alice');
    assert.match(refused.body, /token-refused/);

    const lines = auditLines(site);
    assert.deepEqual(lines.map(({ event }) => event), [
        'configuration-loaded', 'login', 'denied', 'denied', 'logout', 'login-refused',
    ]);
    const [, login, , denial, logout, refusal] = lines;
    for (const line of [login, denial, logout, refusal]) {
        assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.ok(Math.abs(Date.parse(line.time) - began) < 60000, line.time);
        assert.equal(line.client, '127.0.0.1');
        assert.equal(line.host, 'localhost');
        assert.equal(line.provider, 'pocketid');
    }
    for (const line of [login, denial, logout]) {
        assert.equal(line.user, 'alice');
        assert.ok(line.sub);
        assert.match(line.session, /^[0-9a-f]{16}$/);
        assert.equal(line.session, login.session);
    }
    assert.equal(denial.request, denied.json.request_id);
    assert.equal(denial.reason, 'not-in-group');
    assert.equal(denial.path, '/secret');
    assert.equal(logout.by, 'user');
    assert.equal(refusal.reason, 'token-refused');
    assert.ok(refused.body.includes(refusal.request), 'the page has another request id');
    assert.ok(!JSON.stringify(lines).includes('of-the-application'));
});

test('the handle of a session lets nobody in, and no secret is in the log', async (t) => {
    const site = await startSite(t, { liar: {}, server: auditLog });
    const alice = await loggedIn(site);
    site.httpd.secrets = new Set([...site.op.secrets,
        ...alice.cookies.split('; ').map((pair) => pair.split('=')[1])]);
    const [{ session }] = auditEvents(site, 'login', ['session']);
    const name = alice.cookies.split('=')[0];
    const page = await new Browser().fetch(site.url('/'), {
        headers: { cookie: `${name}=${session}` },
    });
    assert.equal(page.status, 401);
});

test('a name cannot write a line of its own', async (t) => {
    const name = 'x"},{"event":"login","user":"root"}\\\u2028<b>ü';
    const site = await startSite(t, {
        liar: {}, section: { TinyauthUserClaim: 'nickname' }, server: auditLog,
    });
    site.op.onUserinfo = (claims) => answers.json({ ...claims, nickname: name });
    await loginAt(new Browser(), site.url('/'), 'alice');
    const [, login, ...rest] = auditLines(site);
    assert.equal(login.event, 'login');
    assert.equal(login.user, name);
    assert.deepEqual(rest, []);
    const text = fs.readFileSync(site.httpd.file('logs/audit.log'), 'latin1');
    assert.doesNotMatch(text, /[<>]/);
    assert.match(text, /\\u2028\\u003cb/);
});

test('a second login, a no of the provider and other groups are events', async (t) => {
    const site = await startShortSite(t, { server: `${interval}\n${auditLog}` });
    const alice = await enter(site);
    site.op.setUser('alice', { groups: ['users', 'admins', 'new'] });
    assert.equal(await statusNextRound(site, alice), 200);
    site.op.setUser('alice', { groups: ['admins'] });
    assert.equal(await statusNextRound(site, alice), 200);
    site.op.setUser('alice', { disabled: true });
    assert.equal(await statusNextRound(site, alice), 401);
    const changes = auditEvents(site, 'groups-changed', ['user', 'added', 'removed']);
    assert.deepEqual(changes.at(-1), { user: 'alice', added: [], removed: ['users', 'new'] });
    assert.ok(changes.some(({ added }) => added.includes('new')));
    assert.equal(changes.length, 2);
    assert.deepEqual(auditEvents(site, 'session-ended', ['user', 'by', 'reason']), [
        { user: 'alice', by: 'provider', reason: 'token-refused' },
    ]);
});

test('logging in again ends the session of before', async (t) => {
    const site = await startSite(t, { liar: {}, server: auditLog });
    const alice = await loggedIn(site);
    await loginAt(alice, site.url('/tinyauth/login?prompt=login'), 'alice');
    const [first, second] = auditEvents(site, 'login', ['session']);
    assert.notEqual(first.session, second.session);
    assert.deepEqual(auditEvents(site, 'session-ended', ['by', 'session']), [
        { by: 'login', session: first.session },
    ]);
});

for (const mpm of ['event', 'worker', 'prefork']) {
    test(`${mpm}: many at once write whole lines`, async (t) => {
        const site = await startSite(t, {
            liar: {}, mpm, require: 'oauth-group nobody', server: auditLog,
        });
        const alice = await loggedIn(site);
        await Promise.all(Array.from({ length: 100 }, () => alice.fetch(site.url('/'))));
        assert.equal(auditEvents(site, 'denied', []).length, 101);
    });
}

test('a log that was rotated away is opened anew by a reload', async (t) => {
    const site = await startSite(t, { liar: {}, server: auditLog });
    await loggedIn(site);
    const file = site.httpd.file('logs/audit.log');
    assert.equal(fs.statSync(file).mode & 0o007, 0, 'everybody can read it');
    fs.renameSync(file, `${file}.1`);
    await loggedIn(site);
    assert.equal(auditLines(site, 'logs/audit.log.1').filter(({ event }) => event === 'login')
        .length, 2);
    await site.httpd.graceful();
    await loggedIn(site, 'bob');
    assert.deepEqual(auditLines(site).map(({ event }) => event).slice(0, 2),
        ['configuration-loaded', 'login']);
});

/* A site whose log is a program; `program` gets the name of the file to write to. */
function startPiped(t, program) {
    return startSite(t, {
        liar: {},
        write: ({ server, op, backend }) => [
            providerSection(op), `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/', 'oauth-group nobody'), metricsPage,
            `TinyauthAuditLog "|${program(server.file('logs/audit.log'))}"`,
        ].join('\n'),
    });
}

test('a pipe gets the same lines, also after a reload', async (t) => {
    const site = await startPiped(t, (file) => `/bin/sh -c 'exec cat >>${file}'`);
    const alice = await loggedIn(site);
    await Promise.all(Array.from({ length: 50 }, () => alice.fetch(site.url('/'))));
    await waitForLines(() => auditEvents(site, 'denied', []), 51);
    await site.httpd.graceful();
    await loggedIn(site);
    await waitForLines(() => auditEvents(site, 'login', []), 2);
    assert.equal(auditEvents(site, 'denied', []).length, 52);
});

test('a program that does not read stops nobody, and it is said once', async (t) => {
    const site = await startPiped(t, () => '/bin/sleep 600');
    site.httpd.expectErrors(/TA0533/);
    const alice = await loggedIn(site);
    for (let round = 0; round < 10; round++) {
        const pages = await Promise.all(Array.from({ length: 50 }, () => (
            alice.fetch(site.url(`/${'x'.repeat(200)}`))
        )));
        assert.ok(pages.every(({ status }) => status === 403));
    }
    assert.equal(site.httpd.log(/TA0533/).length, 1);
    const metrics = await openMetrics(site);
    assert.equal(metrics.value('tinyauth_denials_total'), 501);
    const lost = metrics.value('tinyauth_audit_lines_lost_total');
    assert.ok(lost > 100 && lost < 450, lost);
});

test('a virtual host has a log of its own, or the one of the server', async (t) => {
    const port = await freePort();
    const site = await startSite(t, {
        liar: {},
        ports: [port],
        write: ({ op, backend }) => [
            providerSection(op), `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/', 'valid-user'), auditLog,
            `<VirtualHost 127.0.0.1:${port}>`, `ServerName localhost:${port}`,
            'TinyauthAuditLog logs/other.log',
            `ProxyPass "/" "${backend.url}/"`, protectedLocation('/', 'valid-user'),
            '</VirtualHost>',
        ].join('\n'),
    });
    await loggedIn(site);
    const events = (name) => auditLines(site, name).map(({ event }) => event);
    assert.deepEqual(events('logs/other.log'), ['configuration-loaded']);
    assert.deepEqual(events('logs/audit.log'), ['configuration-loaded', 'login']);
    await loginAt(new Browser(), `http://localhost:${port}/`, 'alice');
    assert.deepEqual(events('logs/other.log'), ['configuration-loaded', 'login']);
    assert.deepEqual(events('logs/audit.log'), ['configuration-loaded', 'login']);
});

test('a full disk stops nobody, and is said once', async (t) => {
    const site = await startSite(t, {
        liar: {}, server: `TinyauthAuditLog /dev/full\n${metricsPage}`,
    });
    site.httpd.expectErrors(/TA053[23]/);
    for (let i = 0; i < 5; i++) {
        assert.equal((await loginAt(new Browser(), site.url('/'), 'alice')).status, 200);
    }
    assert.equal(site.httpd.log(/TA053[23]/).length, 1);
    assert.equal((await openMetrics(site)).value('tinyauth_audit_lines_lost_total'), 6);
});

test('a log without a name is an error of the configuration', async () => {
    for (const name of ['""', '"|"']) {
        const { code, stderr } = await configTest(`TinyauthAuditLog ${name}`);
        assert.notEqual(code, 0);
        assert.match(stderr, /TinyauthAuditLog /);
    }
});

test('httpd does not start with a log that cannot be opened', async (t) => {
    await assert.rejects(startSite(t, {
        liar: {}, server: 'TinyauthAuditLog no/such/folder/audit.log',
    }), /TA0531: TinyauthAuditLog no\/such\/folder\/audit\.log cannot be opened/);
});
