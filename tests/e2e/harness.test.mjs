/*
 * The guards of the harness itself: one that never fires would be worse than none.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    Browser, CookieJar, algorithms, configTest, http2Request, rawLines, rawRequest, sharedKey,
    signJwt, startBackend, startHttpd, startLiar,
} from './harness.mjs';

const withoutModule = { module: false, modules: ['proxy', 'proxy_http'] };
const nobodyThere = 'ProxyPass "/" "http://127.0.0.1:1/"';

test('an error in the log that nobody announced fails the test', async () => {
    const httpd = await startHttpd(undefined, { ...withoutModule, conf: nobodyThere });
    assert.equal((await new Browser().get(httpd.url())).status, 503);
    await assert.rejects(httpd.stop(), /did not announce:[^]*AH01114/);
});

test('an announced error is no failure', async (t) => {
    const httpd = await startHttpd(t, { ...withoutModule, conf: nobodyThere });
    httpd.expectErrors(/AH00957/, /AH01114/);
    assert.equal((await new Browser().get(httpd.url())).status, 503);
});

test('a secret in any log fails the test', async () => {
    const httpd = await startHttpd(undefined, withoutModule);
    httpd.secrets.add('very-secret-code');
    const leak = { referer: httpd.url('/?code=very-secret-code') };
    await new Browser().get(httpd.url(), { headers: leak });
    await assert.rejects(httpd.stop(), /a secret in access\.log/);
});

test('every MPM starts, restarts gracefully, and stops', async (t) => {
    for (const mpm of ['event', 'worker', 'prefork']) {
        const httpd = await startHttpd(t, { ...withoutModule, mpm });
        await httpd.graceful();
        assert.equal((await new Browser().get(httpd.url())).status, 200, mpm);
    }
});

test('a host name of the tests leads to httpd over TLS', async (t) => {
    const httpd = await startHttpd(t, {
        module: false, tls: true, host: 'myapp.test', modules: ['http2'],
        conf: 'Protocols h2 http/1.1',
    });
    assert.equal((await http2Request(httpd.url('/index.html'))).status, 200);
    const page = await new Browser().get(httpd.url('/index.html'));
    assert.equal(page.status, 200);
    assert.match(page.url, /^https:\/\/myapp\.test:/);
});

test('the back end shows what httpd passed on, byte for byte', async (t) => {
    const backend = await startBackend(t);
    const conf = `ProxyPass "/" "${backend.url}/"`;
    const httpd = await startHttpd(t, { ...withoutModule, conf });
    const answer = await rawRequest(
        httpd.port,
        rawLines('GET /x HTTP/1.1', 'Host: localhost', 'X_Odd: 1', 'x-odd: 2'),
    );
    const received = JSON.parse(answer.body).rawHeaders;
    assert.deepEqual(received.filter(([name]) => /odd/i.test(name)),
        [['X_Odd', '1'], ['x-odd', '2']]);
});

test('httpd -t refuses what it does not know', async () => {
    const { code, stderr } = await configTest('NoSuchDirective', { module: false });
    assert.equal(code, 1);
    assert.match(stderr, /NoSuchDirective/);
});

test('the cookie jar keeps the rules of browsers', () => {
    const jar = new CookieJar();
    const https = 'https://myapp.test/';
    jar.set('__Host-a=1; Secure; Path=/', https);
    jar.set('__Host-b=1; Path=/', https);
    jar.set('__Host-c=1; Secure; Path=/x', https);
    jar.set('__Host-d=1; Secure; Path=/; Domain=myapp.test', https);
    jar.set('__Secure-e=1', https);
    jar.set('f=1; Secure', 'http://myapp.test/');
    jar.set('g=1; Domain=evil.test', https);
    jar.set('h=1; SameSite=Strict', https);
    jar.set(`i=${'x'.repeat(5000)}`, https);
    jar.set('j=1', https);
    jar.set('j=; Max-Age=0', https);
    assert.equal(jar.header(https), '__Host-a=1; h=1');
    assert.equal(jar.header(https, { crossSite: true }), '__Host-a=1');
    assert.equal(jar.header(https, { crossSite: true, method: 'POST' }), '');
    assert.equal(jar.header('http://myapp.test/'), 'h=1');
    assert.equal(jar.header('https://other.test/'), '');
    assert.equal(jar.refused.length, 7);
});

test('the liar tells a client what it did wrong', async (t) => {
    const liar = await startLiar({}, t);
    const browser = new Browser();
    const back = 'http://localhost:1/cb';
    const start = `${liar.issuer}/authorize?redirect_uri=${encodeURIComponent(back)}&state=s`;
    const { location } = await browser.get(start, { follow: false });
    const answer = await browser.post(`${liar.issuer}/api/oidc/token`, {
        grant_type: 'authorization_code',
        code: new URL(location).searchParams.get('code'),
        redirect_uri: back,
        client_id: liar.clientId,
        client_secret: liar.clientSecret,
    });
    assert.equal(answer.status, 400);
    assert.deepEqual(liar.problems, ['wrong code_verifier']);
});

test('every algorithm signs, and unsigned tokens have an empty signature', () => {
    for (const algorithm of algorithms) {
        const token = signJwt({ alg: algorithm }, {}, sharedKey(algorithm));
        assert.equal(token.split('.').length, 3);
        assert.ok(token.split('.')[2].length > 60, algorithm);
    }
    assert.ok(signJwt({ alg: 'none' }, {}, sharedKey()).endsWith('.'));
});
