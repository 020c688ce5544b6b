/*
 * The session store when it fills up: the log says so in time, and what is dropped then are old
 * sessions, never the site.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, loginAt, startSite } from './harness.mjs';

async function logInOften(site, times) {
    let last;
    for (let i = 0; i < times; i++) {
        last = new Browser();
        assert.equal((await loginAt(last, site.url('/'), 'alice')).status, 200);
    }
    return last;
}

test('a store that fills up is announced, and goes on', async (t) => {
    const site = await startSite(t, {
        liar: {}, require: 'valid-user', server: 'TinyauthSessionStore shm:512K',
    });
    const first = await logInOften(site, 1);
    const last = await logInOften(site, 450);
    assert.match(site.httpd.log(), /TA0300: the session store is \d+ % full/);
    assert.match(site.httpd.log(), /larger size in TinyauthSessionStore: \dM/);
    assert.match(site.httpd.log(), /TA0301: the session store is full: \d+ sessions unused for lon/);
    assert.equal((await last.get(site.url('/'))).status, 200);
    assert.equal((await first.get(site.url('/'), { follow: false })).status, 302);
});

test('a store with room is not announced', async (t) => {
    const site = await startSite(t, { liar: {}, require: 'valid-user' });
    await logInOften(site, 250);
    assert.doesNotMatch(site.httpd.log(), /TA030/);
});
