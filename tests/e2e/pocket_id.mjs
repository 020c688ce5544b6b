/*
 * A scripted Pocket ID, as far as an administrator's program sees it: discovery, keys, who a
 * client is at the token endpoint, and the REST API with its API keys. It keeps what it is told
 * as Pocket ID does: a PUT replaces the whole record, a secret is shown once, groups come in
 * pages. There is no login; provider.mjs and liar.mjs have that.
 */
import http from 'node:http';
import https from 'node:https';
import crypto from 'node:crypto';
import { freePort, listen } from './support/ports.mjs';
import { sharedKey } from './support/jwt.mjs';
import * as answers from './support/answers.mjs';

const hash = (secret) => crypto.createHash('sha256').update(secret).digest('hex');

/* Pocket ID's own errors; OAuth's look different. */
const refuse = (status, error, code) => answers.json({ error, code, request_id: 'r' }, status);

const recordDefaults = {
    callbackURLs: [],
    logoutCallbackURLs: [],
    isPublic: false,
    pkceEnabled: false,
    isGroupRestricted: true,
    requiresReauthentication: false,
    launchURL: null,
    credentials: { federatedIdentities: [] },
};

/* What a client's body may not be. */
function bodyProblem(body) {
    if (typeof body.name !== 'string' || body.name.length < 1 || body.name.length > 50) {
        return 'Name is invalid';
    }
    const urls = [...(body.callbackURLs ?? []), ...(body.logoutCallbackURLs ?? [])];
    return urls.every((url) => /^https?:\/\/[^\s]+$/.test(url)) ? undefined : 'URL is invalid';
}

export class PocketId {
    constructor(options) {
        /* `hasSecretList`: 2.14 and later, where a client has several secrets. `skew`: seconds
           that its clock is ahead. `issuerSays`: what discovery names instead of the truth. */
        Object.assign(this, { hasSecretList: true, skew: 0, pageSize: 100, ...options });
        this.apiKey = crypto.randomBytes(24).toString('base64url');
        this.key = sharedKey('RS256', 'pocketid');
        this.clients = new Map();
        this.groups = [];
        this.changes = [];
        this.secrets = new Set([this.apiKey]);
    }

    addGroup(name) {
        const group = { id: crypto.randomUUID(), name, friendlyName: name, userCount: 0 };
        this.groups.push(group);
        return group;
    }

    addClient(record) {
        const client = { ...recordDefaults, ...record, allowed: [], secretHashes: [] };
        this.clients.set(client.id, client);
        return client;
    }

    addSecret(client, secret = crypto.randomBytes(16).toString('hex')) {
        client.secretHashes.push(hash(secret));
        this.secrets.add(secret);
        return secret;
    }

    /* Whether somebody with this secret would be believed. */
    accepts(id, secret) {
        const client = this.clients.get(id);
        return Boolean(client) && (client.isPublic || client.secretHashes.includes(hash(secret)));
    }

    discovery() {
        return {
            issuer: this.issuerSays ?? this.issuer,
            authorization_endpoint: `${this.issuer}/authorize`,
            token_endpoint: `${this.issuer}/api/oidc/token`,
            userinfo_endpoint: `${this.issuer}/api/oidc/userinfo`,
            end_session_endpoint: `${this.issuer}/api/oidc/end-session`,
            jwks_uri: `${this.issuer}/.well-known/jwks.json`,
            scopes_supported: ['openid', 'profile', 'email', 'groups'],
            code_challenge_methods_supported: ['plain', 'S256'],
            token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post',
                'none'],
            id_token_signing_alg_values_supported: [this.key.alg],
        };
    }

    #record(client) {
        const { allowed, secretHashes, ...record } = client;
        return {
            ...record,
            hasLogo: false,
            allowedUserGroups: this.groups.filter(({ id }) => allowed.includes(id)),
        };
    }

    #token(req, form) {
        const basic = /^Basic (.+)$/.exec(req.headers.authorization ?? '')?.[1];
        const [id, secret] = basic
            ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
            : [form.get('client_id'), form.get('client_secret') ?? ''];
        return this.accepts(id, secret)
            ? answers.oauthError('invalid_grant', 'The code is unknown.')
            : answers.oauthError('invalid_client', 'Client authentication failed.', 401);
    }

    #createClient(body) {
        const id = body.id ?? crypto.randomUUID();
        if (bodyProblem(body)) {
            return refuse(400, bodyProblem(body), 'validation_failed');
        }
        if (this.clients.has(id)) {
            return refuse(409, 'Client ID already exists', 'client_id_already_exists');
        }
        return answers.json(this.#record(this.addClient({ ...body, id })), 201);
    }

    #replaceClient(client, body) {
        if (bodyProblem(body)) {
            return refuse(400, bodyProblem(body), 'validation_failed');
        }
        const { id, allowed, secretHashes } = client;
        this.clients.set(id, { ...recordDefaults, ...body, id, allowed, secretHashes });
        return answers.json(this.#record(this.clients.get(id)));
    }

    #allow(client, { userGroupIds }) {
        if (!Array.isArray(userGroupIds)
            || !userGroupIds.every((id) => this.groups.some((group) => group.id === id))) {
            return refuse(404, 'Record not found', 'record_not_found');
        }
        client.allowed = userGroupIds;
        return answers.json(this.#record(client));
    }

    #makeSecret(client, part) {
        if ((part === 'secrets') !== this.hasSecretList) {
            return refuse(404, 'Not found', 'not_found');
        }
        if (!this.hasSecretList) {
            client.secretHashes = [];
        }
        return answers.json({ secret: this.addSecret(client) }, this.hasSecretList ? 201 : 200);
    }

    #listGroups(params) {
        const search = (params.get('search') ?? '').toLowerCase();
        const limit = Math.min(Number(params.get('pagination[limit]') ?? 20), this.pageSize);
        const page = Number(params.get('pagination[page]') ?? 1);
        const found = this.groups.filter(({ name }) => name.toLowerCase().includes(search));
        return answers.json({ data: found.slice((page - 1) * limit, page * limit) });
    }

    #createGroup({ name, friendlyName }) {
        if (!name || !friendlyName || this.groups.some((group) => group.name === name)) {
            return refuse(400, 'Name is invalid or taken', 'validation_failed');
        }
        return answers.json(this.addGroup(name), 201);
    }

    #client(method, part, client, body) {
        const calls = {
            'GET ': () => answers.json(this.#record(client)),
            'PUT ': () => this.#replaceClient(client, body),
            'PUT allowed-user-groups': () => this.#allow(client, body),
            'POST secrets': () => this.#makeSecret(client, 'secrets'),
            'POST secret': () => this.#makeSecret(client, 'secret'),
        };
        return calls[`${method} ${part}`]?.() ?? refuse(404, 'Not found', 'not_found');
    }

    #administrate(req, url, body) {
        const [, id, part = ''] = /^\/api\/oidc\/clients\/([^/]+)(?:\/(.+))?$/.exec(url.pathname)
            ?? [];
        if (req.headers['x-api-key'] !== this.apiKey) {
            return refuse(401, 'You are not signed in', 'not_signed_in');
        }
        if (req.method !== 'GET') {
            if (req.headers['content-type'] !== 'application/json') {
                return refuse(415, 'JSON is wanted', 'unsupported_media_type');
            }
            this.changes.push(`${req.method} ${url.pathname}`);
        }
        const json = body ? JSON.parse(body) : {};
        const call = `${req.method} ${url.pathname}`;
        if (call === 'POST /api/oidc/clients') {
            return this.#createClient(json);
        }
        if (url.pathname === '/api/user-groups') {
            return req.method === 'GET' ? this.#listGroups(url.searchParams)
                : this.#createGroup(json);
        }
        const client = this.clients.get(decodeURIComponent(id ?? ''));
        return client ? this.#client(req.method, part, client, json)
            : refuse(404, 'Record not found', 'record_not_found');
    }

    #answer(req, url, body) {
        const meta = /^\/api\/oidc\/clients\/([^/]+)\/meta$/.exec(url.pathname);
        if (url.pathname === '/.well-known/openid-configuration') {
            return answers.json(this.discovery());
        }
        if (url.pathname === '/.well-known/jwks.json') {
            return answers.json({ keys: [this.key.jwk] });
        }
        if (url.pathname === '/api/oidc/token') {
            return this.#token(req, new URLSearchParams(body));
        }
        if (meta) {
            const client = this.clients.get(decodeURIComponent(meta[1]));
            return client ? answers.json({ id: client.id, name: client.name, hasLogo: false })
                : refuse(404, 'Record not found', 'record_not_found');
        }
        return this.#administrate(req, url, body);
    }

    async handle(req, res) {
        let body = '';
        for await (const chunk of req) {
            body += chunk;
        }
        const answer = this.#answer(req, new URL(req.url, 'http://localhost'), body);
        res.setHeader('date', new Date(Date.now() + this.skew * 1000).toUTCString());
        await answers.send(res, answer);
    }
}

/* Starts one on a loopback port. Options: those of the class, and port, tls ({ key, cert }). */
export async function startPocketId(t, options = {}) {
    const port = options.port ?? await freePort();
    const pocketId = new PocketId({
        issuer: `${options.tls ? 'https' : 'http'}://localhost:${port}`, ...options,
    });
    const onRequest = (req, res) => pocketId.handle(req, res).catch((error) => {
        process.stderr.write(`Pocket ID failed: ${error.stack}\n`);
        res.destroy();
    });
    const server = options.tls ? https.createServer(options.tls, onRequest)
        : http.createServer(onRequest);
    t.after(await listen(server, port));
    return pocketId;
}
