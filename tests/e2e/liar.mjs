/*
 * A small scripted provider that does what a good one never would. Out of the box it is a
 * correct OpenID provider without a login form: /authorize sends the browser straight back.
 * A test replaces single answers, or single claims, by hooks.
 */
import http from 'node:http';
import https from 'node:https';
import crypto from 'node:crypto';
import { RequestLog } from './support/request_log.mjs';
import { freePort, listen } from './support/ports.mjs';
import { halfHash, makeKey, sharedKey, signJwt } from './support/jwt.mjs';
import { demoUsers, findUser } from './support/provider_users.mjs';
import * as answers from './support/answers.mjs';

export { answers };

const paths = {
    '/.well-known/openid-configuration': 'discovery',
    '/.well-known/jwks.json': 'keys',
    '/authorize': 'authorize',
    '/api/oidc/token': 'token',
    '/api/oidc/userinfo': 'userinfo',
    '/api/oidc/end-session': 'endSession',
};

const random = () => crypto.randomBytes(24).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

/* Members whose override is undefined disappear. */
function merge(base, overrides = {}) {
    const merged = { ...base, ...overrides };
    return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
}

/*
 * Parameters in any shape (object, pairs, URLSearchParams, query string) → query string, so
 * that a hook can send one twice.
 */
function toQuery(params) {
    if (typeof params === 'string') {
        return params;
    }
    return new URLSearchParams(Array.isArray(params) || params instanceof URLSearchParams
        ? params : merge(params)).toString();
}

/* client_secret_basic of RFC 6749 2.3.1: both halves are form-encoded. */
function basicCredentials(header) {
    const match = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? '');
    if (!match) {
        return undefined;
    }
    const [id, ...secret] = Buffer.from(match[1], 'base64').toString().split(':');
    const decode = (text) => decodeURIComponent(text.replace(/\+/g, ' '));
    return { method: 'basic', clientId: decode(id), clientSecret: decode(secret.join(':')) };
}

function credentialsOf(headers, form) {
    const basic = basicCredentials(headers.authorization);
    if (basic) {
        return basic;
    }
    const clientSecret = form.get('client_secret') ?? undefined;
    const method = clientSecret ? 'post' : 'none';
    return { method, clientId: form.get('client_id'), clientSecret };
}

export class Liar {
    /* Hooks, all optional. Each gets what the honest answer is built from and may return
       another answer, or undefined for the honest one:
         onDiscovery(document)       → document or answer
         onKeys({ keys })            → key set or answer
         onAuthorize(params, query)  → query (any shape, see toQuery) or answer
         onToken(form, body)         → body or answer; called before the code is spent
         onUserinfo(claims, req)     → claims or answer
         onEndSession(params)        → answer
         onIdToken(claims, header, login) → the ID token of a login or refresh, as a string */
    constructor(options) {
        Object.assign(this, {
            clientId: 'tinyauth',
            clientSecret: 'secret-of-the-liar',
            path: '',
            ...options,
        });
        this.keys = [sharedKey(options.algorithm ?? 'RS256', 'liar')];
        this.users = options.users ?? demoUsers();
        /* Who logs in; a name of `users`. */
        this.user = options.user ?? 'alice';
        this.requests = new RequestLog();
        this.logins = new Map();
        this.accessTokens = new Map();
        this.refreshTokens = new Map();
        /* What the client did wrong, in words. An honest client leaves it empty. */
        this.problems = [];
        /* Every secret that went over the wire, for a grep through the logs. */
        this.secrets = new Set([this.clientSecret]);
        this.expiresIn = 3600;
    }

    get key() {
        return this.keys[0];
    }

    get lastLogin() {
        return [...this.logins.values()].pop();
    }

    claims(user = this.user) {
        return findUser(this.users, user);
    }

    /* A new key instead of the old ones, or, with `keep`, beside them. */
    rotateKeys(algorithm = this.key.alg, { keep = false } = {}) {
        this.keys = [makeKey(algorithm), ...(keep ? this.keys : [])];
        return this.key;
    }

    discovery() {
        const at = (path) => `${this.issuer}${path}`;
        return {
            issuer: this.issuer,
            authorization_endpoint: at('/authorize'),
            token_endpoint: at('/api/oidc/token'),
            userinfo_endpoint: at('/api/oidc/userinfo'),
            end_session_endpoint: at('/api/oidc/end-session'),
            jwks_uri: at('/.well-known/jwks.json'),
            response_types_supported: ['code'],
            subject_types_supported: ['public'],
            scopes_supported: ['openid', 'profile', 'email', 'groups'],
            id_token_signing_alg_values_supported: [this.key.alg],
            token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
            code_challenge_methods_supported: ['S256'],
            authorization_response_iss_parameter_supported: true,
        };
    }

    /* The honest claims of a login's ID token. */
    idTokenClaims(login = this.lastLogin) {
        const { sub, ...rest } = this.claims(login.user);
        return merge({
            iss: this.issuer,
            sub,
            aud: [this.clientId],
            exp: now() + 3600,
            iat: now(),
            auth_time: now(),
            nonce: login.nonce ?? undefined,
            at_hash: login.accessToken && halfHash(this.key.alg, login.accessToken),
            ...rest,
        });
    }

    /*
     * Signs an ID token. Overrides that are undefined remove a claim or header; `payload` or
     * `header` may be a string, which is signed as it is. `key`: another key, or the secret
     * for HS*. `algorithm`: what is computed when the header says something else.
     */
    idToken(claims = {}, header = {}, key = this.key, algorithm = undefined) {
        const payload = typeof claims === 'string' ? claims : merge(this.idTokenClaims(), claims);
        const head = typeof header === 'string' ? header
            : merge({ alg: key.alg ?? this.key.alg, kid: key.kid ?? this.key.kid, typ: 'JWT' },
                header);
        const token = signJwt(head, payload, key, algorithm ?? head.alg ?? key.alg);
        this.secrets.add(token);
        return token;
    }

    /* Every later ID token with these changes: liar.lieInIdToken({ iss: 'https://x' }). */
    lieInIdToken(...change) {
        this.onIdToken = () => this.idToken(...change);
    }

    /* Back to honesty; the counters stay. */
    behave() {
        for (const name of ['Discovery', 'Keys', 'Authorize', 'Token', 'Userinfo', 'EndSession',
            'IdToken']) {
            delete this[`on${name}`];
        }
    }

    /* Forgets what was asked, and what was wrong. */
    clear() {
        this.requests.clear();
        this.problems.length = 0;
    }

    /* The endpoints: each returns an answer. */

    async discoveryAnswer() {
        const document = this.discovery();
        return (await this.onDiscovery?.(document)) ?? document;
    }

    async keysAnswer() {
        const set = { keys: this.keys.map(({ jwk }) => jwk) };
        return (await this.onKeys?.(set)) ?? set;
    }

    async authorizeAnswer({ params }) {
        const code = random();
        const login = {
            code,
            user: params.get('login_hint') ?? this.user,
            nonce: params.get('nonce'),
            challenge: params.get('code_challenge'),
            challengeMethod: params.get('code_challenge_method'),
            redirectUri: params.get('redirect_uri'),
            state: params.get('state'),
            scope: params.get('scope'),
        };
        this.logins.set(code, login);
        this.secrets.add(code);
        const honest = { code, state: login.state ?? undefined, iss: this.issuer };
        const result = (await this.onAuthorize?.(params, honest)) ?? honest;
        if (answers.isAnswer(result)) {
            return result;
        }
        const joint = login.redirectUri.includes('?') ? '&' : '?';
        return answers.redirect(`${login.redirectUri}${joint}${toQuery(result)}`);
    }

    async tokenAnswer({ form, entry }) {
        entry.form = form;
        entry.auth = credentialsOf(entry.headers, form);
        const isRefresh = form.get('grant_type') === 'refresh_token';
        const login = isRefresh ? this.refreshTokens.get(form.get('refresh_token'))
            : this.logins.get(form.get('code'));
        const problem = this.#credentialProblem(entry.auth)
            ?? (isRefresh ? this.#refreshProblem(login) : this.#codeProblem(login, form));
        if (problem) {
            this.problems.push(problem);
            return answers.oauthError('invalid_grant', problem);
        }
        const body = this.#issue(login, form);
        const result = await this.onToken?.(form, body);
        if (isRefresh) {
            this.refreshTokens.delete(form.get('refresh_token'));
        }
        login.spent = true;
        return result ?? body;
    }

    #credentialProblem({ clientId, clientSecret }) {
        const right = clientId === this.clientId
            && (this.clientSecret === undefined || clientSecret === this.clientSecret);
        return right ? undefined : 'wrong client credentials';
    }

    #refreshProblem(login) {
        return login ? undefined : 'unknown or spent refresh token';
    }

    #codeProblem(login, form) {
        if (form.get('grant_type') !== 'authorization_code') {
            return 'wrong grant_type';
        }
        if (!login) {
            return 'unknown code';
        }
        if (login.spent) {
            return 'the code has already been used';
        }
        if (form.get('redirect_uri') !== login.redirectUri) {
            return 'another redirect_uri than at /authorize';
        }
        const hash = crypto.createHash('sha256').update(form.get('code_verifier') ?? '').digest();
        return login.challengeMethod === 'S256' && hash.toString('base64url') === login.challenge
            ? undefined : 'wrong code_verifier';
    }

    /* The honest token response. A new access token ends the one before, as at Pocket ID. */
    #issue(login, form) {
        this.accessTokens.delete(login.accessToken);
        login.accessToken = random();
        login.refreshToken = random();
        login.nonce = form.has('refresh_token') ? null : login.nonce;
        this.accessTokens.set(login.accessToken, login);
        this.refreshTokens.set(login.refreshToken, login);
        const claims = this.idTokenClaims(login);
        const header = { alg: this.key.alg, kid: this.key.kid, typ: 'JWT' };
        const idToken = this.onIdToken?.(claims, header, login) ?? this.idToken(claims);
        for (const secret of [login.accessToken, login.refreshToken, idToken]) {
            this.secrets.add(secret);
        }
        return {
            access_token: login.accessToken,
            token_type: 'bearer',
            expires_in: this.expiresIn,
            scope: login.scope ?? undefined,
            id_token: idToken,
            refresh_token: login.refreshToken,
        };
    }

    async userinfoAnswer({ req }) {
        const token = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
        const login = this.accessTokens.get(token);
        const claims = login ? { ...this.claims(login.user) } : undefined;
        const result = await this.onUserinfo?.(claims, req);
        if (result) {
            return result;
        }
        return claims ?? answers.json({ error: 'invalid_token' }, 401, {
            'www-authenticate': 'Bearer error="invalid_token"',
        });
    }

    /* Userinfo as a signed JWT, for onUserinfo: () => liar.signedUserinfo(). */
    signedUserinfo(claims = {}, header = {}, key = this.key) {
        const user = this.claims(this.lastLogin.user);
        const honest = { iss: this.issuer, aud: this.clientId, ...user };
        const head = merge({ alg: key.alg ?? this.key.alg, kid: key.kid ?? this.key.kid }, header);
        return answers.jwt(signJwt(head, merge(honest, claims), key));
    }

    /* A back-channel logout token. */
    logoutToken(claims = {}, header = {}, key = this.key) {
        const honest = {
            iss: this.issuer,
            aud: this.clientId,
            iat: now(),
            exp: now() + 120,
            jti: random(),
            sub: this.claims().sub,
            events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
        };
        const head = merge({ alg: key.alg ?? this.key.alg, kid: key.kid, typ: 'logout+jwt' },
            header);
        const token = signJwt(head, merge(honest, claims), key);
        this.secrets.add(token);
        return token;
    }

    async endSessionAnswer({ params }) {
        const result = await this.onEndSession?.(params);
        if (result) {
            return result;
        }
        const back = params.get('post_logout_redirect_uri');
        const query = toQuery({ state: params.get('state') ?? undefined });
        return back ? answers.redirect(`${back}?${query}`)
            : answers.html('<title>Signed out</title><p>You are signed out.');
    }

    async handle(req, res) {
        const url = new URL(req.url, 'http://localhost');
        const path = url.pathname.startsWith(this.path) ? url.pathname.slice(this.path.length)
            : url.pathname;
        const endpoint = paths[path];
        const entry = this.requests.add(endpoint ?? 'other', req);
        let body = '';
        for await (const chunk of req) {
            body += chunk;
        }
        entry.body = body;
        entry.params = url.searchParams;
        const request = { req, entry, params: url.searchParams, form: new URLSearchParams(body) };
        const result = endpoint ? await this[`${endpoint}Answer`](request)
            : answers.json({ error: 'not found' }, 404);
        await answers.send(res, answers.isAnswer(result) ? result : answers.json(result));
    }
}

/*
 * Starts a liar on a loopback port. Options: port, host, tls ({ key, cert }), path (of the
 * issuer, e.g. '/realm'), issuer (what it says, default its address), algorithm, clientId,
 * clientSecret (undefined: public client), users, user. `t.after(close)` when `t` is given.
 */
export async function startLiar(options = {}, t = undefined) {
    const port = options.port ?? await freePort();
    const scheme = options.tls ? 'https' : 'http';
    const url = `${scheme}://${options.host ?? 'localhost'}:${port}${options.path ?? ''}`;
    const liar = new Liar({ issuer: url, ...options, port, url });
    const onRequest = (req, res) => liar.handle(req, res).catch((error) => {
        liar.problems.push(`the liar itself failed: ${error.stack}`);
        res.destroy();
    });
    const server = options.tls ? https.createServer(options.tls, onRequest)
        : http.createServer(onRequest);
    liar.close = await listen(server, port);
    t?.after(liar.close);
    return liar;
}
