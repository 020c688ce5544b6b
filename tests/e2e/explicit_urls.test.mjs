/*
 * Endpoints that an administrator writes win over what the provider's document says.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, freePort, loginAt, startSite } from './harness.mjs';

/* A provider whose document names keys that nobody serves. */
async function startMisled(t, port, section) {
    return startSite(t, {
        liar: {
            port,
            onDiscovery: (document) => ({ ...document, jwks_uri: 'http://127.0.0.1:1/keys' }),
        },
        require: 'valid-user',
        section,
    });
}

test('TinyauthJwksURL names the keys, whatever discovery says', async (t) => {
    const misled = await startMisled(t, await freePort());
    assert.equal((await loginAt(new Browser(), misled.url('/'), 'alice')).status, 502);
    const port = await freePort();
    const told = await startMisled(t, port, {
        TinyauthJwksURL: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    });
    assert.equal((await loginAt(new Browser(), told.url('/'), 'alice')).status, 200);
});

test('TinyauthEndSessionURL is where logging out leads', async (t) => {
    const site = await startSite(t, {
        require: 'valid-user',
        section: { TinyauthEndSessionURL: 'http://127.0.0.1:1/leave' },
    });
    const browser = new Browser();
    await loginAt(browser, site.url('/'), 'alice');
    const asked = await browser.get(site.url('/tinyauth/logout'));
    const left = await browser.submit(asked, asked.forms[0], {}, { follow: false });
    assert.equal(left.status, 303);
    assert.match(left.headers.location, /^http:\/\/127\.0\.0\.1:1\/leave\?.*id_token_hint=/);
    assert.match(asked.headers['content-security-policy'], /form-action 'self' http:\/\/127\.0\.0\.1:1/);
});
