/*
 * Somebody who is logged in already, for tests that are not about logging in.
 */
import assert from 'node:assert/strict';
import { Browser } from './browser.mjs';
import { textOf } from './html.mjs';
import { loginAt } from './login.mjs';

/*
 * Logs `user` in at a site of startSite(), and forgets what the application saw of it. Returns
 * the browser, with what it sends us in Cookie as `cookies`. options.back: the page that the
 * login leads to; one that lets `user` in, or the log has a denial.
 */
export async function loggedIn(site, user = 'alice', options = {}) {
    const browser = new Browser();
    const query = new URLSearchParams({ return: options.back ?? '/' });
    const page = await loginAt(browser, site.url(`/tinyauth/login?${query}`), user, options);
    /* the provider is on the same host, and cookies know no ports */
    browser.cookies = browser.jar.header(site.url('/')).split('; ')
        .filter((pair) => /^\w*-?tinyauth/i.test(pair)).join('; ');
    assert.ok(browser.cookies, `${user} is not logged in: ${page.url} ${textOf(page.body)}`);
    site.backend.requests.clear();
    return browser;
}
