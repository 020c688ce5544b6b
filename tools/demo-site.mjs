/*
 * The site of tools/demo: httpd with mod_tinyauth in front of a small application that shows
 * what it receives, and the demo provider. With --once, two people log in by themselves.
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { startHttpd } from '../tests/e2e/support/httpd.mjs';
import { startProvider } from '../tests/e2e/provider.mjs';
import { startBackend } from '../tests/e2e/support/backend.mjs';
import { Browser } from '../tests/e2e/support/browser.mjs';
import { loginAt } from '../tests/e2e/support/login.mjs';
import { freePortNear } from '../tests/e2e/support/ports.mjs';
import { textOf } from '../tests/e2e/support/html.mjs';
import { escapeHtml, layout } from '../tests/e2e/support/provider_pages.mjs';

const clientId = 'tinyauth';
const clientSecret = 'demo-secret-of-tinyauth';

function configuration(provider, application) {
    return (server) => `
<TinyauthProvider pocketid>
    TinyauthName             "Pocket ID"
    TinyauthIssuer           ${provider.issuer}
    TinyauthClientID         ${clientId}
    TinyauthClientSecretFile ${server.file('pocketid.secret')}
</TinyauthProvider>

ProxyPass "/" "${application.url}/"
<Location "/">
    AuthType Tinyauth
    Require oauth-group admins
</Location>
`;
}

/* The application's only page. It knows nothing of logins but these headers. */
function applicationPage(headers) {
    const rows = Object.entries(headers)
        .filter(([name]) => name.startsWith('remote-'))
        .map(([name, value]) => (
            `<tr><th>${escapeHtml(name)}</th>`
            + `<td>${escapeHtml(Buffer.from(value, 'latin1').toString('utf8'))}</td></tr>`
        ));
    const user = Buffer.from(headers['remote-user'] ?? 'nobody', 'latin1').toString('utf8');
    return layout(`Welcome, ${user}`, `
<p>You are in the group <b>admins</b>, so httpd let you through to this application.
These are the headers that it received:</p>
<table>${rows.join('\n')}</table>
<p><a href="/tinyauth/logout">Log out</a></p>`);
}

function startApplication() {
    return startBackend(undefined, {
        onRequest: (req, res) => {
            res.setHeader('Content-Type', 'text/html; charset=utf-8');
            res.end(applicationPage(req.headers));
            return true;
        },
    });
}

async function startSite(options) {
    const port = await freePortNear(Number(options.port));
    const origin = `http://localhost:${port}`;
    const provider = await startProvider({
        port: await freePortNear(Number(options['provider-port'])),
        clients: [{
            clientId,
            clientSecret,
            name: 'Tinyauth demo',
            redirectUris: [`${origin}/api/oauth/callback/pocketid`],
            postLogoutRedirectUris: [`${origin}/tinyauth/signed-out`],
        }],
    });
    const application = await startApplication();
    const httpd = await startHttpd(undefined, {
        port,
        modules: ['proxy', 'proxy_http'],
        files: { 'pocketid.secret': { text: `${clientSecret}\n`, mode: 0o600 } },
        conf: configuration(provider, application),
        logLevel: 'warn',
    });
    const stop = async () => {
        await provider.close();
        await application.close();
        await httpd.stop();
    };
    return { origin, provider, application, httpd, stop };
}

function show(who, page) {
    console.log(`\n${who}: ${page.status} ${page.title ?? ''}`);
    console.log(`    ${textOf(page.body).replace(/(.{1,90})(\s|$)/g, '$1\n    ').trimEnd()}`);
}

/* Two people, a stranger and a script, as they would really come; throws when one is wrong. */
async function logEverybodyIn({ origin, application }) {
    const stranger = await new Browser().get(`${origin}/`);
    show('A stranger', stranger);
    assert.match(textOf(stranger.body), /log in with pocket id/i, 'a login page was expected');

    const script = await new Browser().fetch(`${origin}/`);
    show('A script without a login', script);
    assert.equal(script.status, 401);

    const bob = await loginAt(new Browser(), `${origin}/`, 'bob');
    show('bob (users)', bob);
    assert.equal(bob.status, 403, 'bob is not in the group admins');
    assert.equal(application.requests.count(), 0, 'nobody may have reached the application yet');

    const alice = await loginAt(new Browser(), `${origin}/`, 'alice');
    show('alice (admins, users)', alice);
    assert.equal(alice.status, 200);
    assert.equal(alice.url, `${origin}/`);
    for (const expected of ['alice', 'alice@example.com', 'admins']) {
        assert.ok(alice.body.includes(expected), `the page should show ${expected}`);
    }
}

async function once(site) {
    let wrong;
    try {
        await logEverybodyIn(site);
    } catch (error) {
        wrong = error;
        console.error(`\nhttpd's log:\n${site.httpd.log()}`);
    }
    try {
        await site.stop();
    } catch (error) {
        wrong ??= error;
    }
    if (wrong) {
        console.error(`\nNot as it should be: ${wrong.message}`);
        process.exitCode = 1;
        return;
    }
    console.log('\nEverything is as it should be.');
}

function untilInterrupted({ origin, provider, httpd, stop }) {
    console.log(`
    Open          ${origin}/
    The provider  ${provider.url}/  (no passwords)
    Log in as     alice  (groups admins, users): sees the application
                  bob    (group users): sees the unauthorized page
                  carol  (no groups, no e-mail), dave (groups with blanks and commas)
    httpd's log   ${httpd.file('logs/error.log')}

Ctrl-C ends it all.`);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
        process.removeAllListeners(signal);
        process.once(signal, async () => {
            console.log('\nStopping.');
            await stop().catch((error) => console.error(error.message));
            process.exit(0);
        });
    }
}

const { values } = parseArgs({
    options: {
        once: { type: 'boolean', default: false },
        port: { type: 'string', default: '8080' },
        'provider-port': { type: 'string', default: '9000' },
    },
});
console.log('==> Starting httpd, the application and the demo provider');
const site = await startSite(values);
if (values.once) {
    await once(site);
} else {
    untilInterrupted(site);
}
