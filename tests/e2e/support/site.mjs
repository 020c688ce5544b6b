/*
 * The usual stage of a test in one call: a provider (or a liar), an application, and httpd
 * with mod_tinyauth in front of it. Tests that need another stage write their own conf.
 */
import { startHttpd } from './httpd.mjs';
import { startBackend } from './backend.mjs';
import { freePort } from './ports.mjs';
import { Browser } from './browser.mjs';
import { startProvider } from '../provider.mjs';
import { startLiar } from '../liar.mjs';

/* For tests that count: each process keeps documents and keys of its own. */
export const oneProcess = ['StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 16'].join('\n');

export const callbackPath = '/api/oauth/callback/pocketid';

/*
 * A <TinyauthProvider> section for a provider or liar. `settings`: more lines of it, or an
 * object of directives that replace or (undefined) remove the usual ones.
 */
export function providerSection(op, settings = {}, id = 'pocketid') {
    const more = typeof settings === 'string' ? {} : settings;
    const directives = {
        TinyauthName: '"Pocket ID"',
        TinyauthIssuer: op.issuer,
        TinyauthClientID: op.clientId,
        TinyauthClientSecret: op.clientSecret && `"${op.clientSecret}"`,
        ...more,
    };
    const lines = Object.entries(directives)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `    ${name} ${value}`);
    const extra = typeof settings === 'string' ? [settings] : [];
    return [`<TinyauthProvider ${id}>`, ...lines, ...extra, '</TinyauthProvider>'].join('\n');
}

/* A <Location> that asks for a login. `require`: what follows "Require", one or several. */
export function protectedLocation(path = '/', require = 'oauth-group admins', scope = '') {
    const requires = [require].flat().map((what) => (
        what.startsWith('<') ? what : `    Require ${what}`
    ));
    return [`<Location "${path}">`, '    AuthType Tinyauth', ...requires, scope, '</Location>']
        .join('\n');
}

function startOp(t, options, origin) {
    if (options.liar) {
        return startLiar(options.liar, t);
    }
    const { clientId = 'tinyauth', clientSecret = 'demo-secret-of-tinyauth', ...rest }
        = options.provider ?? {};
    const back = [`${origin}/tinyauth/signed-out`];
    return startProvider({
        clients: [{
            clientId,
            clientSecret,
            redirectUris: [origin + callbackPath],
            postLogoutRedirectUris: back,
        }],
        ...rest,
    });
}

/*
 * Starts it all for the test `t`. Options, besides those of startHttpd:
 *   provider    options of startProvider
 *   liar        options of startLiar ({}: the usual ones): a liar instead of the provider
 *   section     settings of the <TinyauthProvider> section (see providerSection)
 *   require     what "/" requires; default 'oauth-group admins'
 *   scope       more lines of that <Location>
 *   server      lines of the server configuration
 *   write       a function of { server, op, backend } → text, instead of the usual configuration
 * Returns { httpd, op, backend, origin, browser, url() }.
 */
export async function startSite(t, options = {}) {
    const port = options.port ?? await freePort();
    const origin = `${options.tls ? 'https' : 'http'}://${options.host ?? 'localhost'}:${port}`;
    const op = await startOp(t, options, origin);
    t.after(() => op.close());
    const backend = await startBackend(t, options.backend);
    const conf = (server) => options.write?.({ server, op, backend }) ?? [
        providerSection(op, options.section),
        `ProxyPass "/" "${backend.url}/"`,
        protectedLocation('/', options.require, options.scope),
        options.server ?? '',
    ].join('\n');
    const httpd = await startHttpd(t, {
        conf,
        ...options,
        port,
        modules: ['proxy', 'proxy_http', ...(options.modules ?? [])],
    });
    return {
        httpd, op, backend, origin, browser: new Browser(), url: (path) => httpd.url(path),
    };
}
