/*
 * Everything an end-to-end test needs, from one place: a real httpd, a real provider, a
 * provider that lies, browsers with and without a screen, and an application behind httpd.
 */
export { startHttpd, configTest, Httpd } from './support/httpd.mjs';
export { httpdPath, modulePath, moduleFolder } from './support/httpd_config.mjs';
export { startProvider } from './provider.mjs';
export { answers, startLiar } from './liar.mjs';
export { startBackend } from './support/backend.mjs';
export { Browser, Page } from './support/browser.mjs';
export { CookieJar, parseSetCookie } from './support/cookie_jar.mjs';
export { loginAt, enterProvider, answerLoginForm } from './support/login.mjs';
export {
    callbackPath, protectedLocation, providerSection, startSite,
} from './support/site.mjs';
export { http2Request } from './support/http2.mjs';
export { rawRequest, rawLines } from './support/raw_socket.mjs';
export { launchChromium, noChromium } from './support/chromium.mjs';
export { testCertificates, testHosts } from './support/tls.mjs';
export { freePort, sleep } from './support/ports.mjs';
export { decodeEntities, findForms, findLinks, textOf } from './support/html.mjs';
export { algorithms, makeKey, readJwt, sharedKey, signJwt } from './support/jwt.mjs';
