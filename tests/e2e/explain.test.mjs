/*
 * TinyauthExplain: whom it names is told which Require line said no, and which groups they have;
 * nobody else is.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { answers, Browser, loginAt, startSite, textOf } from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

const hasExplanation = /How this was decided/;

const start = (t, scope, options = {}) => startSite(t, {
    liar: {}, require: 'oauth-group nobody', scope, ...options,
});

test('the page names line and groups, for those whom it names', async (t) => {
    const site = await start(t, 'TinyauthExplain carol alice');
    const page = await loginAt(new Browser(), site.url('/'), 'alice');
    assert.equal(page.status, 403);
    const text = textOf(page.body);
    assert.match(text, hasExplanation);
    assert.match(text, /Require oauth-group nobody \(.*httpd\.conf:\d+\)/);
    assert.match(text, /Your groups\s+admins\s+users/);
});

test('so does the JSON', async (t) => {
    const site = await start(t, 'TinyauthExplain alice');
    const { json } = await (await loggedIn(site)).fetch(site.url('/'));
    assert.equal(json.reason, 'not-in-group');
    assert.equal(json.denied_by.length, 1);
    assert.match(json.denied_by[0], /^Require oauth-group nobody \(.*httpd\.conf:\d+\)$/);
    assert.deepEqual(json.groups, ['admins', 'users']);
});

test('everybody else hears what they heard before', async (t) => {
    for (const scope of ['', 'TinyauthExplain bob ALICE']) {
        const site = await start(t, scope);
        const alice = await loggedIn(site);
        const page = await alice.get(site.url('/'));
        assert.equal(page.status, 403);
        assert.doesNotMatch(textOf(page.body), hasExplanation);
        assert.doesNotMatch(page.body, /httpd\.conf/);
        const { json } = await alice.fetch(site.url('/'));
        assert.equal(json.denied_by, undefined);
        assert.equal(json.groups, undefined);
    }
});

test('a scope inside has its own names, or those of the one around it', async (t) => {
    const site = await start(t, 'TinyauthExplain alice', {
        server: ['<Location "/other">', 'TinyauthExplain bob', '</Location>',
            '<Location "/same">', 'TinyauthHeaders Off', '</Location>'].join('\n'),
    });
    const alice = await loggedIn(site);
    assert.equal((await alice.fetch(site.url('/other'))).json.denied_by, undefined);
    assert.equal((await alice.fetch(site.url('/same'))).json.denied_by.length, 1);
});

test('of several lines those are named that said no', async (t) => {
    const site = await start(t, 'TinyauthExplain alice', {
        require: ['<RequireAll>', 'oauth-group users', 'not oauth-user alice', '</RequireAll>'],
    });
    const { json } = await (await loggedIn(site)).fetch(site.url('/'));
    assert.equal(json.denied_by.length, 1);
    assert.match(json.denied_by[0], /^Require not oauth-user alice /);
});

test('of an alias the line is named where it is described', async (t) => {
    const site = await start(t, 'TinyauthExplain alice', {
        server: '<AuthzProviderAlias oauth-group staff nobody>\n</AuthzProviderAlias>\n'
            + '<Location "/alias">\nRequire staff\n</Location>',
    });
    const { json } = await (await loggedIn(site)).fetch(site.url('/alias'));
    assert.match(json.denied_by[0], /^<AuthzProviderAlias oauth-group staff nobody> \(.*:\d+\)$/);
});

test('a Require of another module is not ours to explain', async (t) => {
    const site = await start(t, 'TinyauthExplain alice', { require: 'user bob' });
    const page = await loginAt(new Browser(), site.url('/'), 'alice');
    assert.match(textOf(page.body), /None of this module/);
});

test('a hostile line and group are text on the page', async (t) => {
    const site = await start(t, 'TinyauthExplain alice', { require: 'oauth-group "<i>x"' });
    site.op.onUserinfo = (claims) => answers.json({
        ...claims, groups: ['<script>alert(1)</script>'],
    });
    const page = await loginAt(new Browser(), site.url('/'), 'alice');
    assert.equal(page.status, 403);
    assert.doesNotMatch(page.body, /<script>|<i>/);
    assert.match(page.body, /&lt;script&gt;/);
});
