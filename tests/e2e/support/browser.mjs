/*
 * A browser without a screen: cookies, navigation headers, redirects and forms, but no
 * scripts. Every host name leads to 127.0.0.1, so that https://myapp.test:PORT works.
 */
import http from 'node:http';
import https from 'node:https';
import { CookieJar, isTrustworthy } from './cookie_jar.mjs';
import { findForms, findLinks } from './html.mjs';

const maxRedirects = 20;

/* The part of a host name that decides whether two URLs are of one site. */
function siteOf(url) {
    const { protocol, hostname } = new URL(url);
    const isAddress = /^[\d.]+$|^\[/.test(hostname);
    return `${protocol}//${isAddress ? hostname : hostname.split('.').slice(-2).join('.')}`;
}

function relation(from, to) {
    if (!from) {
        return 'none';
    }
    if (new URL(from).origin === new URL(to).origin) {
        return 'same-origin';
    }
    return siteOf(from) === siteOf(to) ? 'same-site' : 'cross-site';
}

const relations = ['none', 'same-origin', 'same-site', 'cross-site'];

export class Page {
    constructor(url, method, res, body) {
        this.url = url;
        this.method = method;
        this.status = res.statusCode;
        this.headers = res.headers;
        this.rawHeaders = res.rawHeaders;
        this.setCookies = res.headers['set-cookie'] ?? [];
        this.bytes = body;
        this.body = body.toString('utf8');
        /* Every answer on the way here, this one last. */
        this.chain = [this];
    }

    /* Where a redirect leads, as an absolute URL; undefined when this is none. */
    get location() {
        const { location } = this.headers;
        const isRedirect = [301, 302, 303, 307, 308].includes(this.status);
        return isRedirect && location ? new URL(location, this.url).href : undefined;
    }

    get json() {
        return JSON.parse(this.body);
    }

    get title() {
        return /<title>([^<]*)<\/title>/i.exec(this.body)?.[1].trim();
    }

    get forms() {
        return findForms(this.body, this.url);
    }

    get links() {
        return findLinks(this.body, this.url);
    }
}

export class Browser {
    /* options: ca (trusted certificates; default: any), headers (sent with each request),
       timeout in milliseconds, agent (an http.Agent that keeps connections; default: each
       request has its own). */
    constructor(options = {}) {
        this.jar = new CookieJar();
        this.options = options;
        this.page = undefined;
    }

    /* A second tab is the same browser; a second person is another. */
    newTab() {
        const tab = new Browser(this.options);
        tab.jar = this.jar;
        return tab;
    }

    /*
     * Options: headers, follow (true, false, or a number of redirects; default true),
     * from (the URL of the page with the link; default: typed into the address bar),
     * navigation (false: what a script's fetch() sends), body, cookies (false: none).
     */
    get(url, options) {
        return this.request('GET', url, options);
    }

    post(url, form, options = {}) {
        const body = typeof form === 'string' ? form : new URLSearchParams(form ?? {}).toString();
        const headers = {
            'content-type': 'application/x-www-form-urlencoded', ...options.headers,
        };
        return this.request('POST', url, { ...options, body, headers });
    }

    /* What a script on the page would do with fetch(). */
    fetch(url, options) {
        return this.get(url, { navigation: false, follow: false, ...options });
    }

    async request(method, url, options = {}) {
        const limit = { true: maxRedirects, false: 0 }[options.follow ?? true] ?? options.follow;
        const chain = [];
        let hop = { method, url: new URL(url).href, body: options.body };
        let site = relation(options.from, hop.url);
        for (;;) {
            const page = await this.#send(hop, site, options);
            chain.push(page);
            page.chain = chain;
            if (options.navigation !== false) {
                this.page = page;
            }
            if (!page.location || chain.length > limit) {
                return page;
            }
            hop = this.#redirected(hop, page);
            site = this.#worse(site, relation(page.url, hop.url));
        }
    }

    /* Fills in a form of the page and sends it. A button that was pressed is a field too. */
    submit(page, form, fields = {}, options = {}) {
        const data = new URLSearchParams(form.fields);
        Object.entries(fields).forEach(([name, value]) => data.set(name, value));
        const init = { from: page.url, ...options };
        if (form.method === 'POST') {
            return this.post(form.action, data.toString(), {
                ...init, headers: { origin: new URL(page.url).origin, ...init.headers },
            });
        }
        const url = new URL(form.action);
        url.search = data;
        return this.get(url.href, init);
    }

    click(page, link, options = {}) {
        return this.get(link.href, { from: page.url, ...options });
    }

    cookie(name, host) {
        return this.jar.get(name, host)?.value;
    }

    #redirected(hop, page) {
        const url = page.location;
        const keeps = [307, 308].includes(page.status) || ['GET', 'HEAD'].includes(hop.method);
        return keeps ? { ...hop, url } : { method: 'GET', url, formSent: true };
    }

    /* Sec-Fetch-Site never gets better on the way through redirects. */
    #worse(a, b) {
        return a === 'none' ? a : relations[Math.max(relations.indexOf(a), relations.indexOf(b))];
    }

    #headers({ method, url, body, formSent }, site, options) {
        const navigation = options.navigation !== false;
        const cookies = options.cookies === false ? '' : this.jar.header(url, {
            crossSite: site === 'cross-site', method, navigation,
        });
        return {
            accept: navigation
                ? 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' : '*/*',
            'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Tests',
            'accept-language': 'en',
            ...(isTrustworthy(url) && {
                'sec-fetch-site': site === 'none' && !navigation ? 'same-origin' : site,
                'sec-fetch-mode': navigation ? 'navigate' : 'cors',
                'sec-fetch-dest': navigation ? 'document' : 'empty',
                ...(navigation && { 'sec-fetch-user': '?1', 'upgrade-insecure-requests': '1' }),
            }),
            ...(cookies && { cookie: cookies }),
            ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
            ...this.options.headers,
            ...options.headers,
            ...(formSent && { 'content-type': [], origin: [] }),
        };
    }

    async #send(hop, site, options) {
        const { protocol, hostname, port } = new URL(hop.url);
        const secure = protocol === 'https:';
        const { pathname, search } = new URL(hop.url);
        const request = (secure ? https : http).request({
            host: '127.0.0.1',
            port: port || (secure ? 443 : 80),
            servername: hostname.replace(/^\[|\]$/g, ''),
            method: hop.method,
            path: options.rawPath ?? pathname + search,
            headers: { host: new URL(hop.url).host, ...this.#headers(hop, site, options) },
            agent: this.options.agent ?? false,
            ...(this.options.ca ? { ca: this.options.ca } : { rejectUnauthorized: false }),
        });
        const page = await answerOf(request, hop, this.options.timeout ?? 30000);
        for (const line of page.setCookies) {
            this.jar.set(line, hop.url);
        }
        return page;
    }
}

function answerOf(request, { method, url, body }, timeout) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            request.destroy(new Error(`no answer within ${timeout} ms: ${method} ${url}`));
        }, timeout);
        const fail = (error) => {
            clearTimeout(timer);
            reject(error);
        };
        request.on('error', fail);
        request.on('response', (res) => {
            const chunks = [];
            res.on('data', (chunk) => chunks.push(chunk));
            res.on('error', fail);
            res.on('end', () => {
                clearTimeout(timer);
                resolve(new Page(url, method, res, Buffer.concat(chunks)));
            });
        });
        request.end(body);
    });
}
