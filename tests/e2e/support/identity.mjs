/*
 * The headers that say who the user is: what may arrive at an application, and every way in
 * which somebody might try to say it in our place.
 */

export const identityNames = [
    'Remote-User', 'Remote-Name', 'Remote-Email', 'Remote-Groups', 'Remote-Sub',
];

/* Names that some back end would read as one of ours: letters small, all else a dash. */
const fold = (name) => name.trim().toLowerCase().replace(/[^a-z0-9]/g, '-');
const folded = identityNames.map(fold);

/* What an application got under our names, in any spelling: [name, value], in our order. */
export function identityOf({ rawHeaders }) {
    return rawHeaders
        .filter(([name]) => folded.includes(fold(name)))
        .map(([name, value]) => [name, Buffer.from(value, 'latin1').toString()])
        .sort(([a], [b]) => folded.indexOf(fold(a)) - folded.indexOf(fold(b)));
}

/* What it ought to get. */
export function identityFor(user) {
    const values = [
        user.preferred_username, user.name, user.email,
        user.groups?.map((group) => group.replace(/[,%]/g, encodeURIComponent)).join(','),
        user.sub,
    ];
    return identityNames.map((name, index) => [name, values[index]]).filter(([, value]) => value);
}

/* One header name in the spellings that a client can send. */
export function spellings(name) {
    const variants = ['_', '.', '~', '!'].map((mark) => name.replaceAll('-', mark));
    const cases = (each) => [each, each.toLowerCase(), each.toUpperCase()];
    return [name, ...variants].flatMap(cases);
}

/* A name in every spelling, twice each, as lines of a request. */
export function forgedLines(name) {
    return spellings(name).flatMap((each) => [`${each}: mallory`, `${each}: root`]);
}
