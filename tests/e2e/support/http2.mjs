/*
 * One request over HTTP/2, for what must not depend on the protocol version.
 */
import http2 from 'node:http2';

/* GET (or options.method) over TLS; { status, headers, body }. */
export function http2Request(url, options = {}) {
    const { hostname, port, host, pathname, search } = new URL(url);
    return new Promise((resolve, reject) => {
        const session = http2.connect(`https://127.0.0.1:${port}`, {
            servername: hostname, rejectUnauthorized: false,
        });
        session.on('error', reject);
        const request = session.request({
            ':method': options.method ?? 'GET',
            ':authority': host,
            ':path': pathname + search,
            ...options.headers,
        });
        let headers;
        let body = '';
        request.setEncoding('utf8');
        request.setTimeout(options.timeout ?? 10000, () => request.close());
        request.on('response', (received) => { headers = received; });
        request.on('data', (chunk) => { body += chunk; });
        request.on('error', reject);
        request.on('close', () => {
            session.close();
            resolve({ status: headers?.[':status'], headers, body });
        });
        request.end(options.body);
    });
}
