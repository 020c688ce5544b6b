/*
 * What is measured against what: one httpd configuration each, and the way to a request that
 * it answers with the same 1 KB file. The real provider of the end-to-end tests logs people in.
 */
import assert from 'node:assert/strict';
import {
    answerLoginForm, Browser, callbackPath, providerSection, startProvider,
} from '../e2e/harness.mjs';
import { findUser } from '../e2e/support/provider_users.mjs';

export const file = '/1k.txt';
export const fileText = `${'0123456789abcdef'.repeat(64)}`;

const openidcCallback = '/openidc-callback';
const basicPassword = 'alice:password';

/* As many groups as asked for, "admins" last: the one that is required is the last to be met. */
function manyGroups(count) {
    const others = Array.from({ length: count - 1 }, (_, i) => `department-${i + 1}`);
    return [...others, 'admins'];
}

const open = '<Location "/">\n    Require all granted\n</Location>';

/* more: lines of the directory; server: of the server. */
function tinyauth(more = '', server = '') {
    return ({ provider, store }) => [
        providerSection(provider),
        `TinyauthSessionStore ${store}`,
        'TinyauthRevalidate 3600', 'LogLevel warn tinyauth:warn', server,
        '<Location "/">', '    AuthType Tinyauth', '    Require oauth-group admins', more,
        '</Location>',
    ].join('\n');
}

function openidc({ provider }) {
    return [
        `OIDCProviderMetadataURL ${provider.issuer}/.well-known/openid-configuration`,
        `OIDCClientID ${provider.clientId}`,
        `OIDCClientSecret ${provider.clientSecret}`,
        'OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef',
        `OIDCRedirectURI ${openidcCallback}`,
        'OIDCScope "openid email profile groups"', 'OIDCPKCEMethod S256',
        '<Location "/">', '    AuthType openid-connect', '    Require claim groups:admins',
        '</Location>',
    ].join('\n');
}

function basic({ dir }) {
    return [
        'AuthnCacheEnable',
        '<Location "/">', '    AuthType Basic', '    AuthName bench',
        '    AuthBasicProvider socache file', `    AuthUserFile ${dir}/users`,
        '    AuthnCacheProvideFor file', '    Require user alice', '</Location>',
    ].join('\n');
}

/* The cookies of a login at the application itself, as the browser sends them. */
async function logIn(origin, browser = new Browser()) {
    const page = await browser.get(`${origin}${file}`, { headers: { accept: 'text/html' } });
    const link = page.links.find(({ text }) => /log in with/i.test(text));
    const asked = link ? await browser.click(page, link) : page;
    const form = asked.forms.find(({ fields }) => fields.some(([name]) => name === 'login'));
    const end = form ? await answerLoginForm(browser, asked, 'alice') : asked;
    assert.equal(end.body, fileText, `the login ended elsewhere: ${end.status} ${end.url}`);
    return browser.jar.header(`${origin}${file}`).split('; ')
        .filter((pair) => /^(tinyauth-\d+|mod_auth_openidc_session)=/.test(pair)).join('; ');
}

async function byCookie(origin) {
    return { Cookie: await logIn(origin) };
}

/*
 * name      what the table calls it
 * module    false: httpd without mod_tinyauth
 * modules   what it needs besides
 * conf      a function of { provider, dir, store } → text
 * headers   a function of (origin, length of the session's cookie header) → what a request sends
 * groups    how many the user has
 * session   mod_session's "Session On" is in force
 */
export const scenes = {
    plain: {
        name: 'plain httpd', module: false, conf: () => open, headers: async () => ({}),
    },
    plainCookie: {
        name: 'plain httpd, a cookie of the same length',
        module: false,
        conf: () => open,
        headers: async (origin, length) => ({ Cookie: `c=${'x'.repeat(length - 2)}` }),
    },
    tinyauth: {
        name: 'mod_tinyauth', conf: tinyauth(), headers: byCookie, groups: 1, logIn,
    },
    tinyauthRedirect: {
        name: 'mod_tinyauth, TinyauthAutoRedirect',
        conf: tinyauth('', 'TinyauthAutoRedirect pocketid'),
        headers: byCookie,
        groups: 1,
        logIn,
    },
    tinyauthGroups: {
        name: 'mod_tinyauth, 100 groups', conf: tinyauth(), headers: byCookie, groups: 100,
    },
    tinyauthSession: {
        name: 'mod_tinyauth, Session On',
        conf: tinyauth('    Session On'),
        headers: byCookie,
        groups: 1,
    },
    openidc: {
        name: 'mod_auth_openidc',
        module: false,
        modules: ['auth_openidc'],
        conf: openidc,
        headers: byCookie,
        groups: 1,
        logIn,
    },
    openidcGroups: {
        name: 'mod_auth_openidc, 100 groups',
        module: false,
        modules: ['auth_openidc'],
        conf: openidc,
        headers: byCookie,
        groups: 100,
    },
    basic: {
        name: 'mod_auth_basic, mod_authn_socache',
        module: false,
        modules: ['auth_basic', 'authn_file', 'authn_socache'],
        conf: basic,
        headers: async () => ({
            Authorization: `Basic ${Buffer.from(basicPassword).toString('base64')}`,
        }),
    },
};

/* A provider for one scene on one origin. */
export async function startSceneProvider(scene, origin) {
    const provider = await startProvider({
        clients: [{
            clientId: 'tinyauth',
            clientSecret: 'demo-secret-of-tinyauth',
            redirectUris: [origin + callbackPath, origin + openidcCallback],
        }],
    });
    const { preferred_username: name } = findUser(provider.users, 'alice');
    provider.setUser(name, { groups: manyGroups(scene.groups ?? 1) });
    return provider;
}
