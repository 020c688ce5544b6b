/*
 * Keys and signed tokens on node:crypto alone, right ones and wrong ones: whatever a test
 * asks for is signed as asked, nothing is checked here.
 */
import crypto from 'node:crypto';

export const algorithms = [
    'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA',
];

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const pool = new Map();

export function base64url(data) {
    return Buffer.from(data).toString('base64url');
}

function generate(algorithm) {
    if (algorithm.startsWith('ES')) {
        return crypto.generateKeyPairSync('ec', { namedCurve: curves[algorithm] });
    }
    if (algorithm === 'EdDSA' || algorithm === 'Ed25519') {
        return crypto.generateKeyPairSync('ed25519');
    }
    return crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/*
 * A key: { kid, alg, privateKey, publicKey, jwk, privateJwk }, fresh unless a pair is given.
 * `jwk` is the public half as the key set shows it.
 */
export function makeKey(algorithm = 'RS256', pair = generate(algorithm)) {
    const { privateKey, publicKey } = pair;
    const kid = crypto.randomBytes(8).toString('base64url');
    const about = { use: 'sig', alg: algorithm, kid };
    return {
        kid,
        alg: algorithm,
        privateKey,
        publicKey,
        jwk: { ...publicKey.export({ format: 'jwk' }), ...about },
        privateJwk: { ...privateKey.export({ format: 'jwk' }), ...about },
    };
}

function remember(id, make) {
    if (!pool.has(id)) {
        pool.set(id, make());
    }
    return pool.get(id);
}

/*
 * The same key for the same name each time. RSA pairs take a while to make, so that the RSA
 * algorithms of one name share theirs; the kids differ all the same.
 */
export function sharedKey(algorithm = 'RS256', name = 'default') {
    const pair = () => (/^[RP]S/.test(algorithm)
        ? remember(`RSA ${name}`, () => generate(algorithm)) : generate(algorithm));
    return remember(`${algorithm} ${name}`, () => makeKey(algorithm, pair()));
}

function digestOf(algorithm) {
    return `sha${algorithm.slice(2)}`;
}

function signature(algorithm, data, key) {
    switch (algorithm.slice(0, 2)) {
    case 'RS':
        return crypto.sign(digestOf(algorithm), data, key.privateKey);
    case 'PS':
        return crypto.sign(digestOf(algorithm), data, {
            key: key.privateKey,
            padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
            saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
        });
    case 'ES':
        return crypto.sign(digestOf(algorithm), data, {
            key: key.privateKey,
            dsaEncoding: 'ieee-p1363',
        });
    case 'HS':
        return crypto.createHmac(digestOf(algorithm), key).update(data).digest();
    case 'Ed':
        return crypto.sign(null, data, key.privateKey);
    default: /* "none" and made-up names */
        return Buffer.alloc(0);
    }
}

/*
 * Signs header and payload, each an object or, for what JSON.stringify would never write,
 * a string. `algorithm` is what is computed, whatever the header claims. For HS* `key` is
 * the secret (a string or Buffer).
 */
export function signJwt(header, payload, key, algorithm = header.alg) {
    const text = (part) => (typeof part === 'string' ? part : JSON.stringify(part));
    const data = `${base64url(text(header))}.${base64url(text(payload))}`;
    return `${data}.${base64url(signature(algorithm, Buffer.from(data), key))}`;
}

/* at_hash of OIDC Core 3.1.3.6: the left half of the token's hash. */
export function halfHash(algorithm, token) {
    const bits = /\d{3}$/.exec(algorithm)?.[0] ?? '512'; /* Ed25519: SHA-512 */
    const name = algorithm.startsWith('Ed') ? 'sha512' : `sha${bits}`;
    const hash = crypto.createHash(name).update(token, 'ascii').digest();
    return base64url(hash.subarray(0, hash.length / 2));
}

export function readJwt(token) {
    const [header, payload] = token.split('.');
    const parse = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
    return { header: parse(header), payload: parse(payload) };
}
