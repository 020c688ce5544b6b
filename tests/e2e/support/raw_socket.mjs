/*
 * Requests byte for byte, for what no HTTP client would send: odd header names, doubled
 * headers, strange request lines.
 */
import net from 'node:net';
import tls from 'node:tls';

/*
 * Sends `bytes` (string: latin1) and returns { text, status, headers, body } of what came
 * back until the server closed, so ask for `Connection: close`. Options: tls (true),
 * servername, timeout.
 */
export function rawRequest(port, bytes, options = {}) {
    const target = { port, host: '127.0.0.1' };
    return new Promise((resolve, reject) => {
        const socket = options.tls
            ? tls.connect({
                ...target, servername: options.servername, rejectUnauthorized: false,
            })
            : net.connect(target);
        const chunks = [];
        socket.setTimeout(options.timeout ?? 10000, () => {
            socket.destroy(new Error('no answer to the raw request'));
        });
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('error', (error) => {
            if (chunks.length === 0) {
                reject(error);
            }
        });
        socket.on('close', () => resolve(parseAnswer(Buffer.concat(chunks))));
        socket.write(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1'));
    });
}

/* A request from its lines: rawLines('GET / HTTP/1.1', 'Host: x'). */
export function rawLines(...lines) {
    return [...lines, 'Connection: close', '', ''].join('\r\n');
}

function unchunk(body) {
    const parts = [];
    let rest = body;
    for (;;) {
        const end = rest.indexOf('\r\n');
        const size = parseInt(rest.slice(0, end), 16);
        if (!(size > 0)) {
            return parts.join('');
        }
        parts.push(rest.slice(end + 2, end + 2 + size));
        rest = rest.slice(end + 2 + size + 2);
    }
}

function parseAnswer(bytes) {
    const text = bytes.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const [first, ...lines] = (end < 0 ? text : text.slice(0, end)).split('\r\n');
    const headers = {};
    for (const line of lines) {
        const colon = line.indexOf(':');
        const name = line.slice(0, colon).toLowerCase();
        const value = line.slice(colon + 1).trim();
        headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    const body = end < 0 ? '' : text.slice(end + 4);
    const plain = /chunked/i.test(headers['transfer-encoding'] ?? '') ? unchunk(body) : body;
    return {
        text,
        status: Number(/^HTTP\/\S+ (\d+)/.exec(first)?.[1] ?? 0),
        headers,
        lines,
        body: Buffer.from(plain, 'latin1').toString('utf8'),
    };
}
