/*
 * A browser's cookie jar, strict where browsers are strict: prefixes, Secure, Domain, Path,
 * lifetimes, SameSite, and the size limit.
 */

const maxCookieBytes = 4096;

/* Browsers treat these as safe even over plain http. */
export function isTrustworthy(url) {
    const { protocol, hostname } = new URL(url);
    return protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost')
        || hostname === '[::1]' || /^127\./.test(hostname);
}

function domainMatches(host, domain) {
    return host === domain || (host.endsWith(`.${domain}`) && !/^[\d.]+$/.test(host));
}

function pathMatches(path, cookiePath) {
    return path === cookiePath || (path.startsWith(cookiePath)
        && (cookiePath.endsWith('/') || path[cookiePath.length] === '/'));
}

function defaultPath(pathname) {
    const end = pathname.lastIndexOf('/');
    return end <= 0 ? '/' : pathname.slice(0, end);
}

function expiryOf(attributes) {
    if (attributes['max-age'] !== undefined && /^-?\d+$/.test(attributes['max-age'])) {
        return Date.now() + Number(attributes['max-age']) * 1000;
    }
    const expires = Date.parse(attributes.expires ?? '');
    return Number.isNaN(expires) ? Infinity : expires;
}

/* One Set-Cookie line, without judging it. */
export function parseSetCookie(line) {
    const [pair, ...rest] = line.split(';');
    const equals = pair.indexOf('=');
    const attributes = {};
    for (const part of rest) {
        const [name, ...value] = part.split('=');
        attributes[name.trim().toLowerCase()] = value.join('=').trim();
    }
    return {
        name: pair.slice(0, equals).trim(),
        value: pair.slice(equals + 1).trim(),
        attributes,
        secure: 'secure' in attributes,
        httpOnly: 'httponly' in attributes,
        sameSite: (attributes.samesite ?? 'lax').toLowerCase(),
        line,
    };
}

/* Why a browser would drop this cookie, or undefined when it would keep it. */
function refusal(cookie, url) {
    const { attributes, name, value } = cookie;
    const host = new URL(url).hostname;
    if (name.length + value.length > maxCookieBytes) {
        return 'too large';
    }
    if (cookie.secure && !isTrustworthy(url)) {
        return 'Secure over plain http';
    }
    if (attributes.domain && !domainMatches(host, cookie.domain)) {
        return 'Domain of another host';
    }
    if (/^__secure-/i.test(name) && !cookie.secure) {
        return '__Secure- without Secure';
    }
    if (/^__host-/i.test(name)
        && (!cookie.secure || attributes.domain || attributes.path !== '/')) {
        return '__Host- without Secure, with Domain, or without Path=/';
    }
    return cookie.sameSite === 'none' && !cookie.secure ? 'SameSite=None without Secure'
        : undefined;
}

export class CookieJar {
    constructor() {
        this.cookies = [];
        /* Set-Cookie lines that were refused, with the reason. */
        this.refused = [];
    }

    set(line, url) {
        const { hostname, pathname } = new URL(url);
        const cookie = parseSetCookie(line);
        const { attributes } = cookie;
        cookie.hostOnly = !attributes.domain;
        cookie.domain = (attributes.domain || hostname).replace(/^\./, '').toLowerCase();
        cookie.path = attributes.path?.startsWith('/') ? attributes.path : defaultPath(pathname);
        cookie.expires = expiryOf(attributes);
        const reason = refusal(cookie, url);
        if (reason) {
            this.refused.push({ line, reason });
            return;
        }
        const sameCookie = (other) => other.name === cookie.name && other.path === cookie.path
            && other.domain === cookie.domain && other.hostOnly === cookie.hostOnly;
        this.cookies = this.cookies.filter((other) => !sameCookie(other));
        if (cookie.expires > Date.now()) {
            this.cookies.push(cookie);
        }
    }

    /* The cookies that go with a request. `crossSite`: another site caused it. */
    matching(url, { crossSite = false, method = 'GET', navigation = true } = {}) {
        const { hostname, pathname } = new URL(url);
        const laxToo = navigation && (method === 'GET' || method === 'HEAD');
        return this.cookies.filter((cookie) => (
            (cookie.hostOnly ? hostname === cookie.domain : domainMatches(hostname, cookie.domain))
            && pathMatches(pathname, cookie.path)
            && (!cookie.secure || isTrustworthy(url))
            && cookie.expires > Date.now()
            && (!crossSite || cookie.sameSite === 'none' || (cookie.sameSite === 'lax' && laxToo))
        )).sort((a, b) => b.path.length - a.path.length);
    }

    header(url, options) {
        return this.matching(url, options).map(({ name, value }) => `${name}=${value}`).join('; ');
    }

    get(name, host) {
        return this.cookies.find((cookie) => cookie.name === name
            && (host === undefined || cookie.domain === host));
    }

    clear() {
        this.cookies = [];
    }
}
