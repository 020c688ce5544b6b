/*
 * Every kind of page of ours, and where it is found on a site that asks for groups at /members:
 * those that anybody sees first, then those of alice, who is logged in and in no such group.
 */
export const pageKinds = [
    { name: 'login', who: 'nobody', target: '/tinyauth/login?return=%2Fwanted' },
    { name: 'signed out', who: 'nobody', target: '/tinyauth/signed-out' },
    { name: 'error', who: 'nobody', target: '/tinyauth/error' },
    {
        name: 'login not begun here',
        who: 'nobody',
        target: '/api/oauth/callback/pocketid?code=x&state=y',
    },
    { name: 'provider unknown', who: 'nobody', target: '/tinyauth/login?provider=none' },
    { name: 'log out', who: 'alice', target: '/tinyauth/logout' },
    { name: 'unauthorized', who: 'alice', target: '/members/x' },
];
