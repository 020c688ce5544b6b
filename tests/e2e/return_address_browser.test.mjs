/*
 * The return-address check against a browser: what we call safe must not lead Chromium off the
 * host (or off the cookie domain), however it reads the same string. Several hundred strings,
 * most of them attacks (support/return_addresses.json).
 *
 * Chromium reads each as an address on a page, and those that matter as the Location of a
 * redirect, too. Each is handed to the login page of a real httpd by somebody who is logged in:
 * that one is sent to the address at once where it is safe, and to "/" where it is not.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { Browser, launchChromium, loginAt, noChromium, startSite } from './harness.mjs';

const skip = noChromium;
const domain = 'mod.test';
const host = `app.${domain}`;
const payloads = JSON.parse(
    fs.readFileSync(new URL('support/return_addresses.json', import.meta.url), 'utf8'),
);

let chromium;
before(async () => { chromium = noChromium ? undefined : await launchChromium(); });
after(() => chromium?.close());

/* A server that answers /?n with the n-th address in Location, byte for byte, and everything
   else with an empty page. */
async function startJumper(t, addresses) {
    const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', (request) => {
            const [, n] = /^GET \/jump\?(\d+) /.exec(request.toString('latin1')) ?? [];
            const head = n === undefined ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 302 Found';
            const location = n === undefined ? '' : `Location: ${addresses[n]}\r\n`;
            socket.end(`${head}\r\n${location}Content-Type: text/html\r\nContent-Length: 0\r\n`
                + 'Connection: close\r\n\r\n');
        });
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    t.after(() => server.close());
    return `http://${host}:${server.address().port}`;
}

/* CR, LF and NUL end a header line or make it none: no server can send these. */
const fitsHeader = (address) => !/[\r\n\0]/.test(address);

/* The URL that Chromium asks for after the redirect; undefined where it refuses to go. */
async function jump(tab, url) {
    let asked;
    const note = (request) => {
        if (request.isNavigationRequest() && request.url() !== url) {
            asked ??= request.url();
        }
    };
    tab.on('request', note);
    await tab.goto(url, { waitUntil: 'commit' }).catch(() => {});
    tab.off('request', note);
    return asked;
}

/* What Chromium makes of addresses as links of a page: URLs, undefined where it is none. */
function readLinks(tab, addresses) {
    return tab.evaluate((list) => list.map((address) => {
        try {
            return new URL(address, document.baseURI).href;
        } catch {
            return undefined;
        }
    }), addresses);
}

/* Where httpd sends somebody who is logged in and names this address: the raw Location. */
function askHttpd(site, cookie, address) {
    const { port } = site.httpd;
    const path = `/tinyauth/login?return=${encodeURIComponent(address)}`;
    const headers = { host: `${host}:${port}`, cookie, accept: 'text/html' };
    return new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path, headers }, (res) => {
            res.resume();
            res.on('end', () => resolve(res.headers.location ?? `status ${res.statusCode}`));
        }).on('error', reject);
    });
}

async function logIn(site) {
    const browser = new Browser();
    assert.equal((await loginAt(browser, site.url('/'), 'alice')).status, 200);
    return browser.jar.cookies.filter(({ name }) => name.includes('tinyauth'))
        .map(({ name, value }) => `${name}=${value}`).join('; ');
}

/* A URL that Chromium made; it knows some that node does not. */
function parse(url) {
    try {
        return new URL(url);
    } catch {
        return new URL('unknown:');
    }
}

const attacksJumped = 60;

/*
 * Counts the addresses that are safe for us and those that lead Chromium away. Those that are
 * safe, and as a control some that are not, it also meets as the Location of a redirect.
 */
async function compare(t, { server, stays }) {
    const site = await startSite(t, { host, server });
    const fill = (text) => text.replaceAll('{origin}', site.origin).replaceAll('{host}', host)
        .replaceAll('{domain}', domain).replaceAll('{port}', site.httpd.port);
    const addresses = payloads.map(fill);
    const jumper = await startJumper(t, addresses);
    const person = await chromium.newPerson();
    t.after(() => person.close());
    const tab = await person.newPage();
    await tab.goto(`${jumper}/`);
    const links = await readLinks(tab, addresses);
    const isAtHome = (url) => [jumper, site.origin].includes(parse(url).origin)
        || stays(parse(url));
    const cookie = await logIn(site);
    const counts = { safe: 0, away: 0, awayByRedirect: 0, jumps: 0 };
    for (const [n, address] of addresses.entries()) {
        const sent = await askHttpd(site, cookie, address);
        const isSafe = sent !== '/';
        const isAway = links[n] !== undefined && !isAtHome(links[n]);
        const isControl = isAway && counts.jumps < attacksJumped;
        const jumped = (isSafe || isControl) && fitsHeader(address)
            ? await jump(tab, `${jumper}/jump?${n}`) : undefined;
        const isAwayByRedirect = jumped !== undefined && !isAtHome(jumped);
        counts.safe += isSafe;
        counts.away += isAway;
        counts.jumps += isControl;
        counts.awayByRedirect += isAwayByRedirect;
        const what = `${JSON.stringify(address)}: sent to ${sent}, Chromium goes to `
            + `${links[n]} and ${jumped}`;
        assert.ok(!isSafe || !(isAway || isAwayByRedirect), what);
        assert.ok(isAtHome(new URL(sent, `${jumper}/`).href), what);
    }
    t.diagnostic(`${addresses.length} addresses: ${JSON.stringify(counts)}`);
    return counts;
}

test('no address that is safe for us leads Chromium off the host', { skip }, async (t) => {
    assert.ok(payloads.length >= 300);
    const counts = await compare(t, { stays: () => false });
    assert.ok(counts.away >= 200, 'most of them are attacks');
    assert.ok(counts.awayByRedirect >= attacksJumped / 2, 'and work, where nobody checks');
    assert.ok(counts.safe >= 30, 'some of them are what people really ask for');
});

test('nor off the cookie domain', { skip }, async (t) => {
    const counts = await compare(t, {
        server: `TinyauthCookieDomain ${domain}`,
        /* a dot at its end makes no other name of it */
        stays: ({ protocol, hostname }) => protocol === 'http:'
            && /(^|\.)mod\.test\.?$/.test(hostname),
    });
    assert.ok(counts.away >= 200);
    assert.ok(counts.safe >= 35);
});
