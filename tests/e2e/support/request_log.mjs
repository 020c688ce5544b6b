/*
 * What a test server was asked: one entry per request, counted per endpoint.
 * The provider, the liar and the echo back end all keep one, so that tests can
 * say "exactly one token request" in the same words everywhere.
 */

export class RequestLog {
    constructor() {
        this.entries = [];
    }

    /* Returns the entry, which the server completes as it learns more (status, body). */
    add(endpoint, req) {
        const entry = {
            endpoint,
            method: req.method,
            url: req.url,
            path: req.url.split('?')[0],
            headers: { ...req.headers },
            rawHeaders: [...req.rawHeaders],
            time: Date.now(),
        };
        this.entries.push(entry);
        return entry;
    }

    of(endpoint) {
        return this.entries.filter((entry) => entry.endpoint === endpoint);
    }

    count(endpoint) {
        return endpoint === undefined ? this.entries.length : this.of(endpoint).length;
    }

    last(endpoint) {
        const entries = endpoint === undefined ? this.entries : this.of(endpoint);
        return entries[entries.length - 1];
    }

    /* { discovery: 1, keys: 1, token: 2, … }: convenient for one deepEqual. */
    get counts() {
        const counts = {};
        for (const { endpoint } of this.entries) {
            counts[endpoint] = (counts[endpoint] ?? 0) + 1;
        }
        return counts;
    }

    clear() {
        this.entries.length = 0;
    }
}
