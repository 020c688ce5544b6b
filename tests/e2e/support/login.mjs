/*
 * A person's way through a login, for the browser without a screen: our login page, the
 * provider's form, and back.
 */
import assert from 'node:assert/strict';
import { textOf } from './html.mjs';

const ourLink = /log in with/i;

function describe(page) {
    const way = page.chain.map(({ status, url }) => `${status} ${url}`).join('\n  ');
    return `${way}\n${page.title ?? ''}: ${textOf(page.body).slice(0, 400)}`;
}

/* The provider's form, and the way to recognise it. */
function loginFormOf(page) {
    return page.forms.find((form) => form.fields.some(([name]) => name === 'login'));
}

/*
 * From our login page to the provider's. `provider` picks one of several by what the link
 * says. A page that is not our login page is returned as it is: with TinyauthAutoRedirect
 * there is none.
 */
export async function enterProvider(browser, page, provider = '') {
    const fits = (text) => ourLink.test(text) && text.includes(provider);
    const link = page.links.find(({ text }) => fits(text));
    if (link) {
        return browser.click(page, link);
    }
    const form = page.forms.find(({ buttons }) => buttons.some(({ text }) => fits(text)));
    if (form) {
        const button = form.buttons.find(({ text }) => fits(text));
        return browser.submit(page, form, button.name ? { [button.name]: button.value ?? '' } : {});
    }
    return page;
}

/* Gives the provider's form a name; the page where the redirects end comes back. */
export async function answerLoginForm(browser, page, user) {
    const form = loginFormOf(page);
    assert.ok(form, `no login form of the provider here:\n  ${describe(page)}`);
    return browser.submit(page, form, { login: user });
}

/*
 * Opens `url` as `user` and returns the page on which everything ends. Somebody whom the
 * provider remembers is not asked again.
 */
export async function loginAt(browser, url, user, options = {}) {
    const first = await browser.get(url, options);
    const asked = await enterProvider(browser, first, options.provider);
    return loginFormOf(asked) ? answerLoginForm(browser, asked, user) : asked;
}
