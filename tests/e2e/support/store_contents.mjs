/*
 * What a copy of a store outside may tell: nothing.
 */
import assert from 'node:assert/strict';

/* `dump`: all of it as latin1 text; `browser` is logged in as alice at the provider `op`. */
export function assertTellsNothing(dump, browser, op) {
    const cookies = browser.jar.cookies.filter(({ name }) => /tinyauth/i.test(name));
    const words = [
        'alice', 'admins', 'users', 'localhost', 'pocketid', 'access_token', 'eyJ', op.issuer,
        ...cookies.map(({ value }) => value),
    ];
    assert.ok(dump.length > 2000, 'there are records');
    assert.ok(cookies.length >= 2, 'there are cookies');
    for (const word of words) {
        assert.ok(!dump.toLowerCase().includes(word.toLowerCase()), `"${word}" is in the store`);
    }
    assert.doesNotMatch(dump, /[a-z0-9.]{2,}@[a-z0-9]+\.[a-z]{2,}/i);
}
