/*
 * The people of the demo provider. Claims are named as Pocket ID names them; `disabled`
 * and `deleted` do what an administrator's click would do there.
 */

const alice = {
    sub: 'f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e',
    preferred_username: 'alice',
    name: 'Alice Archer',
    given_name: 'Alice',
    family_name: 'Archer',
    display_name: 'Alice Archer',
    email: 'alice@example.com',
    email_verified: true,
    groups: ['admins', 'users'],
};

const bob = {
    sub: '0f1a2b3c-4d5e-4f60-8a7b-1c2d3e4f5a6b',
    preferred_username: 'bob',
    name: 'Bob Baker',
    given_name: 'Bob',
    family_name: 'Baker',
    display_name: 'Bob Baker',
    email: 'bob@example.com',
    email_verified: false,
    groups: ['users'],
};

/* Neither group nor e-mail: the claims are absent. */
const carol = {
    sub: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    preferred_username: 'carol',
    name: 'Carol',
    given_name: 'Carol',
    display_name: 'Carol',
};

const dave = {
    sub: '3d813cbb-47fb-432a-b591-831f5ad2a1c0',
    preferred_username: 'dave',
    name: 'Dävid "Dave" O\'Größe',
    given_name: 'Dävid',
    family_name: 'O\'Größe',
    display_name: 'Dävid "Dave" O\'Größe',
    email: 'dave@example.org',
    email_verified: true,
    groups: ['Tech Ops', 'a,b', 'Größe 日本'],
};

/* A fresh copy each time, so that one test's changes are not another's. */
export function demoUsers() {
    return structuredClone({ alice, bob, carol, dave });
}

/* Who is meant by what somebody typed into the login form, or by a `sub`. */
export function findUser(users, name) {
    return Object.values(users).find((user) => (
        user.preferred_username === name || user.sub === name
    ));
}

/* What the provider says about a user: everything but our own switches. */
export function claimsOf(user, issuer) {
    const { disabled, deleted, ...claims } = user;
    return { picture: `${issuer}/api/users/${user.sub}/profile-picture.png`, ...claims };
}
