/*
 * Answers of a test server, well-behaved or not. An answer is a plain object:
 *   status, headers, json | text (a string or Buffer)
 *   delay           milliseconds before the first byte
 *   bytesPerSecond  trickles the body
 *   closeAfter      breaks the connection after so many bytes of the body
 *   hang            accepts the request and never answers
 *   endless         goes on sending until the client has had enough, or so many bytes
 */
import { once } from 'node:events';
import { sleep } from './ports.mjs';

export const html = (text = '<h1>It works!</h1>', status = 200) => ({
    status, headers: { 'content-type': 'text/html' }, text,
});

export const json = (value, status = 200, headers = {}) => ({ status, headers, json: value });

/* JSON that JSON.stringify would never write: doubled keys, deep nesting, 1e300. */
export const rawJson = (text, status = 200) => ({
    status, headers: { 'content-type': 'application/json' }, text,
});

export const jwt = (text) => ({ headers: { 'content-type': 'application/jwt' }, text });

export const redirect = (location, status = 302) => ({ status, headers: { location }, text: '' });

export const slow = (answer, bytesPerSecond = 1) => ({ ...answer, bytesPerSecond });

export const late = (answer, delay) => ({ ...answer, delay });

export const closeEarly = (answer, closeAfter = 10) => ({ ...answer, closeAfter });

export const hang = () => ({ hang: true });

export const huge = (bytes = 1024 ** 3) => ({
    headers: { 'content-type': 'application/json' }, endless: bytes,
});

/* [[[[…]]]], so many levels. */
export const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);

/* OAuth's error body. */
export const oauthError = (error, description, status = 400) => json(
    { error, ...(description && { error_description: description }) },
    status,
    { 'cache-control': 'no-store' },
);

export function isAnswer(value) {
    return typeof value === 'object' && value !== null
        && ['status', 'json', 'text', 'hang', 'endless'].some((key) => key in value);
}

async function trickle(res, body, bytesPerSecond) {
    const step = Math.max(1, Math.floor(bytesPerSecond / 10));
    for (let at = 0; at < body.length && !res.destroyed; at += step) {
        res.write(body.subarray(at, at + step));
        await sleep((1000 * step) / bytesPerSecond);
    }
    res.end();
}

async function pour(res, bytes) {
    const block = Buffer.alloc(64 * 1024, ' ');
    const closed = once(res, 'close');
    for (let left = bytes; left > 0 && !res.destroyed; left -= block.length) {
        if (!res.write(block.subarray(0, left))) {
            await Promise.race([closed, new Promise((done) => { res.once('drain', done); })]);
        }
    }
    res.end();
}

/* Sends an answer; resolves when it is out, or will never be. */
export async function send(res, answer) {
    if (answer.hang) {
        return;
    }
    if (answer.delay) {
        await sleep(answer.delay);
    }
    const body = Buffer.from(answer.json === undefined ? answer.text ?? ''
        : JSON.stringify(answer.json));
    const length = answer.endless ?? body.length;
    res.writeHead(answer.status ?? 200, {
        'content-type': 'application/json', 'content-length': length, ...answer.headers,
    });
    if (answer.endless) {
        await pour(res, answer.endless);
    } else if (answer.bytesPerSecond) {
        await trickle(res, body, answer.bytesPerSecond);
    } else if (answer.closeAfter !== undefined) {
        res.write(body.subarray(0, answer.closeAfter), () => res.destroy());
    } else {
        res.end(body);
    }
}
