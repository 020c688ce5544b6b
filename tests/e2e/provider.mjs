/*
 * The demo provider: a real OpenID provider (npm's oidc-provider) dressed as Pocket ID: its
 * paths, its claims, its rules for refresh tokens and logout. Tests start it in their own
 * process; as a script it runs until interrupted.
 */
import http from 'node:http';
import https from 'node:https';
import crypto from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import Provider from 'oidc-provider';
import { RequestLog } from './support/request_log.mjs';
import { listen, freePort } from './support/ports.mjs';
import { makeKey, readJwt, sharedKey } from './support/jwt.mjs';
import { makeStore } from './support/provider_store.mjs';
import { claimsOf, demoUsers, findUser } from './support/provider_users.mjs';
import { errorPage, loginPage, logoutPage } from './support/provider_pages.mjs';

const paths = {
    authorization: '/authorize',
    token: '/api/oidc/token',
    userinfo: '/api/oidc/userinfo',
    end_session: '/api/oidc/end-session',
    introspection: '/api/oidc/introspect',
    jwks: '/.well-known/jwks.json',
};

const endpoints = {
    '/.well-known/openid-configuration': 'discovery',
    '/.well-known/jwks.json': 'keys',
    '/authorize': 'authorize',
    '/api/oidc/token': 'token',
    '/api/oidc/userinfo': 'userinfo',
    '/api/oidc/end-session': 'endSession',
    '/api/oidc/introspect': 'introspection',
};

const scopeClaims = {
    openid: ['sub'],
    profile: [
        'name', 'given_name', 'family_name', 'display_name', 'preferred_username', 'picture',
    ],
    email: ['email', 'email_verified'],
    groups: ['groups'],
};

function endpointOf(url) {
    const path = url.split('?')[0];
    return endpoints[path] ?? (path.startsWith('/interaction/') ? 'login' : 'other');
}

/* One client as tests and the demo describe it → oidc-provider's metadata. */
function clientMetadata(client, state) {
    const auth = client.clientSecret ? client.auth ?? 'basic' : 'none';
    return {
        client_id: client.clientId,
        client_name: client.name ?? client.clientId,
        ...(auth !== 'none' && { client_secret: client.clientSecret }),
        redirect_uris: client.redirectUris,
        post_logout_redirect_uris: client.postLogoutRedirectUris ?? [],
        token_endpoint_auth_method: auth === 'none' ? 'none' : `client_secret_${auth}`,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        id_token_signed_response_alg: state.key.alg,
        ...(state.signedUserinfo && { userinfo_signed_response_alg: state.key.alg }),
        ...(client.backchannelLogoutUri && {
            backchannel_logout_uri: client.backchannelLogoutUri,
            backchannel_logout_session_required: true,
        }),
    };
}

/* Everybody consents to everything: a grant for all scopes, made when it is first needed. */
async function loadGrant(ctx) {
    const { client, session, provider } = ctx.oidc;
    const grantId = ctx.oidc.result?.consent?.grantId ?? session.grantIdFor(client.clientId);
    const found = grantId && await provider.Grant.find(grantId);
    if (found) {
        return found;
    }
    const grant = new provider.Grant({
        clientId: client.clientId,
        accountId: session.accountId,
    });
    grant.addOIDCScope('openid profile email groups offline_access');
    await grant.save();
    return grant;
}

/* Pocket ID notices that a user is disabled at the token endpoint, not at userinfo. */
function findAccount(state, ctx, sub) {
    const user = findUser(state.users, sub);
    if (!user || user.deleted || (user.disabled && ctx.oidc.route === 'token')) {
        return undefined;
    }
    return { accountId: user.sub, claims: async () => claimsOf(user, state.issuer) };
}

function configuration(state) {
    const { alg } = state.key;
    return {
        adapter: state.store,
        clients: state.clients.map((client) => clientMetadata(client, state)),
        jwks: { keys: [state.key.privateJwk] },
        cookies: {
            keys: [state.cookieKey],
            names: { session: 'demo_session' },
            long: { sameSite: 'lax' },
        },
        routes: paths,
        scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
        claims: scopeClaims,
        conformIdTokenClaims: false,
        pkce: { required: () => true, methods: ['S256'] },
        responseTypes: ['code'],
        clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
        enabledJWA: { idTokenSigningAlgValues: [alg], userinfoSigningAlgValues: [alg] },
        clientDefaults: { id_token_signed_response_alg: alg },
        issueRefreshToken: async (ctx, client) => (
            state.refreshTokens && client.grantTypeAllowed('refresh_token')
        ),
        expiresWithSession: async () => false,
        rotateRefreshToken: true,
        loadExistingGrant: loadGrant,
        findAccount: (ctx, sub) => findAccount(state, ctx, sub),
        interactions: { url: (ctx, { uid }) => `/interaction/${uid}` },
        renderError: (ctx, out) => {
            ctx.type = 'html';
            ctx.body = errorPage(out);
        },
        features: {
            devInteractions: { enabled: false },
            introspection: { enabled: true },
            backchannelLogout: { enabled: true },
            jwtUserinfo: { enabled: state.signedUserinfo },
            rpInitiatedLogout: {
                enabled: true,
                logoutSource: (ctx, form) => { ctx.body = logoutPage(form); },
                postLogoutSuccessSource: (ctx) => {
                    ctx.body = errorPage({ done: 'You are logged out.' });
                },
            },
        },
        ttl: {
            AccessToken: state.accessTokenSeconds,
            AuthorizationCode: 900,
            IdToken: 3600,
            RefreshToken: 30 * 86400,
            Interaction: 3600,
            Session: 3600,
            Grant: 30 * 86400,
        },
    };
}

async function readForm(req) {
    let body = '';
    for await (const chunk of req) {
        body += chunk;
    }
    return new URLSearchParams(body);
}

async function showLogin(state, ctx, message) {
    const { uid, params } = await state.provider.interactionDetails(ctx.req, ctx.res);
    const client = await state.provider.Client.find(params.client_id);
    ctx.type = 'html';
    ctx.status = message ? 403 : 200;
    ctx.body = loginPage({
        uid, client: client.clientName, users: Object.values(state.users), message,
    });
}

/* The login form: GET shows it, POST answers it, POST …/abort is its "Cancel". */
function interactions(state) {
    return async (ctx, next) => {
        const match = /^\/interaction\/[\w-]+(\/abort)?$/.exec(ctx.path);
        if (!match) {
            await next();
            return;
        }
        ctx.set('Cache-Control', 'no-store');
        if (ctx.method !== 'POST') {
            await showLogin(state, ctx);
            return;
        }
        let result = { error: 'access_denied', error_description: 'The user said no.' };
        if (!match[1]) {
            const user = findUser(state.users, (await readForm(ctx.req)).get('login'));
            if (!user || user.deleted || user.disabled) {
                await showLogin(state, ctx, 'No such user, or the user is disabled.');
                return;
            }
            result = { login: { accountId: user.sub, amr: ['phr'] } };
        }
        ctx.respond = false;
        await state.provider.interactionFinished(ctx.req, ctx.res, result);
    };
}

function makeProvider(state) {
    const provider = new Provider(state.issuer, configuration(state));
    provider.use(interactions(state));
    state.provider = provider;
    state.handler = provider.callback();
    provider.on('server_error', (ctx, error) => state.errors.push(error));
    provider.on('backchannel.error', (ctx, error) => state.errors.push(error));
    provider.on('backchannel.success', (ctx, client, accountId, sid) => {
        state.backchannel.push({ accountId, sid });
    });
    for (const event of ['grant.error', 'userinfo.error', 'authorization.error']) {
        provider.on(event, (ctx, error) => state.refusals.push(error.error_description));
    }
}

/* One request to our own port with the browser's cookies, for autoLogout. */
function ask(state, method, path, headers, body) {
    const client = state.tls ? https : http;
    return new Promise((resolve, reject) => {
        const request = client.request({
            host: '127.0.0.1', port: state.port, path, method, headers, agent: false,
            rejectUnauthorized: false,
        }, (res) => {
            let text = '';
            res.on('data', (chunk) => { text += chunk; });
            res.on('end', () => resolve({ res, text }));
        });
        request.on('error', reject);
        request.end(body);
    });
}

/*
 * Pocket ID does not ask "log out?" when the request has an id_token_hint. oidc-provider
 * always does, so we press its button for the browser and pass on what comes of it.
 */
async function autoLogout(state, req, res) {
    const headers = { host: req.headers.host, cookie: req.headers.cookie ?? '' };
    const asked = await ask(state, 'GET', `${req.url}&asked=1`, headers);
    const xsrf = /name="xsrf" value="(\w+)"/.exec(asked.text)?.[1];
    let answer = asked;
    if (asked.res.statusCode === 200 && xsrf) {
        const set = (asked.res.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]);
        answer = await ask(state, 'POST', `${paths.end_session}/confirm`, {
            host: headers.host,
            cookie: [headers.cookie, ...set].filter(Boolean).join('; '),
            'content-type': 'application/x-www-form-urlencoded',
        }, `xsrf=${xsrf}&logout=yes`);
        const hint = new URL(req.url, state.issuer).searchParams.get('id_token_hint');
        const { sub, aud } = readJwt(hint).payload; /* checked by the provider a line ago */
        state.store.revokeFor(sub, aud);
    }
    res.writeHead(answer.res.statusCode, answer.res.headers);
    res.end(answer.text);
}

function isAutoLogout(req) {
    const { pathname, searchParams } = new URL(req.url, 'http://localhost');
    return req.method === 'GET' && pathname === paths.end_session
        && searchParams.has('id_token_hint') && !searchParams.has('asked');
}

function onRequest(state) {
    return (req, res) => {
        if (!req.url.includes('&asked=1') && !req.url.includes('/end-session/confirm')) {
            const entry = state.requests.add(endpointOf(req.url), req);
            res.on('finish', () => { entry.status = res.statusCode; });
        }
        if (isAutoLogout(req)) {
            autoLogout(state, req, res).catch((error) => {
                state.errors.push(error);
                res.destroy();
            });
            return;
        }
        state.handler(req, res);
    };
}

/*
 * Starts the provider on a loopback port. Options: port, host (name in the issuer, default
 * localhost), issuer, tls ({ key, cert }), algorithm, clients ([{ clientId, clientSecret,
 * redirectUris, postLogoutRedirectUris, auth: 'basic'|'post'|'none', … }]), users,
 * accessTokenSeconds, refreshTokens (false: none), signedUserinfo. Without clients there is
 * one, called "tinyauth".
 */
export async function startProvider(options = {}) {
    const port = options.port || await freePort();
    const scheme = options.tls ? 'https' : 'http';
    const state = {
        port,
        tls: options.tls,
        issuer: options.issuer ?? `${scheme}://${options.host ?? 'localhost'}:${port}`,
        key: sharedKey(options.algorithm ?? 'RS256'),
        clients: options.clients ?? [{
            clientId: 'tinyauth',
            clientSecret: 'demo-secret-of-tinyauth',
            redirectUris: options.redirectUris ?? [],
        }],
        users: options.users ?? demoUsers(),
        accessTokenSeconds: options.accessTokenSeconds ?? 3600,
        refreshTokens: options.refreshTokens ?? true,
        signedUserinfo: options.signedUserinfo ?? false,
        store: makeStore(),
        cookieKey: crypto.randomBytes(16).toString('hex'),
        requests: new RequestLog(),
        errors: [],
        refusals: [],
        backchannel: [],
    };
    makeProvider(state);
    const server = state.tls
        ? https.createServer(state.tls, onRequest(state))
        : http.createServer(onRequest(state));
    const close = await listen(server, port);
    return control(state, close);
}

/* What a test holds in its hand. */
function control(state, close) {
    return {
        issuer: state.issuer,
        url: state.issuer,
        port: state.port,
        requests: state.requests,
        users: state.users,
        /* Answers that this provider could not give: a test's last line checks that it is
           empty. `refusals` are the reasons of its refusals, in words. */
        errors: state.errors,
        refusals: state.refusals,
        /* Logouts that a client took over the back channel: { accountId, sid }. */
        backchannel: state.backchannel,
        get clientId() { return state.clients[0].clientId; },
        get clientSecret() { return state.clients[0].clientSecret; },
        get key() { return state.key; },
        /* Changes what the provider says from now on: setUser('bob', { groups: ['x'] }). */
        setUser(name, changes) {
            state.users[name] = { ...state.users[name], ...changes };
        },
        /* As Pocket ID's key-rotate: the old key is gone at once. */
        rotateKeys(algorithm = state.key.alg) {
            state.key = makeKey(algorithm);
            makeProvider(state);
        },
        setClients(clients) {
            state.clients = clients;
            makeProvider(state);
        },
        close,
    };
}

async function main() {
    const { values } = parseArgs({
        options: {
            port: { type: 'string', default: '9000' },
            host: { type: 'string', default: 'localhost' },
            algorithm: { type: 'string', default: 'RS256' },
            'client-id': { type: 'string', default: 'tinyauth' },
            'client-secret': { type: 'string', default: 'demo-secret-of-tinyauth' },
            'redirect-uri': { type: 'string', multiple: true, default: [] },
            'post-logout-redirect-uri': { type: 'string', multiple: true, default: [] },
        },
    });
    const provider = await startProvider({
        port: Number(values.port),
        host: values.host,
        algorithm: values.algorithm,
        clients: [{
            clientId: values['client-id'],
            clientSecret: values['client-secret'],
            redirectUris: values['redirect-uri'],
            postLogoutRedirectUris: values['post-logout-redirect-uri'],
        }],
    });
    console.log(`Demo provider at ${provider.url}, users: ${Object.keys(provider.users)}`);
    for (const signal of ['SIGINT', 'SIGTERM']) {
        process.once(signal, async () => {
            await provider.close();
            process.exit(0);
        });
    }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
    await main();
}
