/*
 * The demo provider's own pages: choose a user, confirm a logout, an error. No password is
 * asked for, and the pages say so.
 */

const style = `
    body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: #eef1f6; color: #1c2430 }
    main { max-width: 26rem; margin: 10vh auto; padding: 1.5rem 2rem 2rem; background: #fff;
           border-radius: .75rem; box-shadow: 0 1px 4px #0003 }
    h1 { font-size: 1.4rem; margin: 0 0 .5rem }
    .demo { background: #fff4d6; border-radius: .4rem; padding: .4rem .7rem }
    button, input { font: inherit; padding: .5rem .8rem; border-radius: .4rem;
                    border: 1px solid #8893a5; background: #fff }
    button.user { display: block; width: 100%; text-align: left; margin: .4rem 0 }
    small { color: #55606f }
`;

export function escapeHtml(text) {
    const names = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', '\'': '#39' };
    return String(text).replace(/[&<>"']/g, (char) => `&${names[char]};`);
}

export function layout(title, body) {
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body>
</html>
`;
}

function userButton({ preferred_username: name, groups }) {
    const about = groups ? `groups: ${groups.join(' · ')}` : 'no groups';
    return `<button class="user" name="login" value="${escapeHtml(name)}">`
        + `${escapeHtml(name)} <small>${escapeHtml(about)}</small></button>`;
}

export function loginPage({ uid, client, users, message }) {
    const action = `/interaction/${encodeURIComponent(uid)}`;
    return layout('Demo provider: who are you?', `
<p class="demo">This is a demonstration. Choose a user; there is no password.</p>
<p>Log in to <b>${escapeHtml(client)}</b></p>
${message ? `<p role="alert">${escapeHtml(message)}</p>` : ''}
<form method="post" action="${action}">
${users.map(userButton).join('\n')}
</form>
<form method="post" action="${action}">
<p><label>or type a name <input name="login" autocomplete="off" required></label>
<button>Log in</button></p>
</form>
<form method="post" action="${action}/abort"><button>Cancel</button></form>`);
}

/* `form` is oidc-provider's own, without a button. */
export function logoutPage(form) {
    return layout('Demo provider: log out?', `${form}
<button form="op.logoutForm" name="logout" value="yes">Log out</button>
<button form="op.logoutForm">Stay logged in</button>`);
}

export function errorPage(out) {
    const rows = Object.entries(out).map(([key, value]) => (
        `<p><b>${escapeHtml(key)}</b>: ${escapeHtml(value)}</p>`
    ));
    return layout('Demo provider: error', rows.join('\n'));
}
