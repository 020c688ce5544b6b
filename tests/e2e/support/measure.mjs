/*
 * What load costs: memory and descriptors of httpd's children, and how long answers take.
 */
import fs from 'node:fs';
import http from 'node:http';

/* Kilobytes that httpd's children hold for themselves. A sanitizer keeps what was freed, so
   with one there is nothing to measure. */
export function memoryOf(httpd) {
    if (process.env.TINYAUTH_HTTPD_PRELOAD) {
        return 0;
    }
    return httpd.children()
        .map((pid) => fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
        .map((status) => Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0))
        .reduce((sum, each) => sum + each, 0);
}

/* File descriptors that httpd's children have open. */
export function descriptorsOf(httpd) {
    return httpd.children()
        .map((pid) => fs.readdirSync(`/proc/${pid}/fd`).length)
        .reduce((sum, each) => sum + each, 0);
}

/* One request without following anything: { status, headers }. The host name is httpd's own,
   the address always loopback. */
export function getOnce(url, headers, agent) {
    const { host, port, pathname, search } = new URL(url);
    const options = {
        host: '127.0.0.1', port, path: pathname + search, agent, headers: { host, ...headers },
    };
    return new Promise((resolve, reject) => {
        const request = http.get(options, (res) => {
            res.resume();
            res.on('end', () => resolve({ status: res.statusCode, headers: res.headers }));
            res.on('error', reject);
        });
        request.on('error', reject);
    });
}

/* Calls each(i, agent) for 0 to count - 1, `workers` at a time, over kept connections. */
export async function many(count, each, workers = 8) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: workers });
    let next = 0;
    const worker = async () => {
        while (next < count) {
            next += 1;
            await each(next - 1, agent);
        }
    };
    await Promise.all(Array.from({ length: workers }, worker));
    agent.destroy();
}

/* "3 × 200, 1 × 401" */
export function tally(values) {
    const counts = new Map();
    values.forEach((value) => counts.set(value, (counts.get(value) ?? 0) + 1));
    return [...counts].sort().map(([value, count]) => `${count} × ${value}`).join(', ');
}
