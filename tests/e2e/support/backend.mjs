/*
 * An application behind httpd: answers every request with what it received, as JSON, and
 * remembers it.
 */
import http from 'node:http';
import { RequestLog } from './request_log.mjs';
import { listen } from './ports.mjs';

/* Header names and values as they came, in order and with doubles. */
function pairs(raw) {
    const result = [];
    for (let i = 0; i < raw.length; i += 2) {
        result.push([raw[i], raw[i + 1]]);
    }
    return result;
}

/*
 * Starts the back end. `options.onRequest(req, res, received)` may answer instead: it
 * returns true when it did. Registers its end with the test `t` when one is given.
 */
export async function startBackend(t, options = {}) {
    const requests = new RequestLog();
    const server = http.createServer(async (req, res) => {
        const entry = requests.add('backend', req);
        let body = '';
        for await (const chunk of req) {
            body += chunk;
        }
        const received = {
            marker: 'application',
            method: req.method,
            url: req.url,
            headers: req.headers,
            rawHeaders: pairs(req.rawHeaders),
            body,
        };
        entry.body = body;
        if (options.onRequest && await options.onRequest(req, res, received)) {
            return;
        }
        res.setHeader('Content-Type', 'application/json; charset=utf-8');
        res.end(JSON.stringify(received));
    });
    const close = await listen(server);
    t?.after(close);
    const { port } = server.address();
    return { port, url: `http://127.0.0.1:${port}`, requests, close };
}
