/*
 * The little that a test must read out of a page without a browser: links, forms and their
 * fields, and the text that a person sees. Good for the pages of this project, not for
 * everybody's.
 */

const names = { amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'', nbsp: '\u00a0' };

export function decodeEntities(text) {
    return text.replace(/&(#x[\da-f]+|#\d+|\w+);/gi, (whole, name) => {
        if (name[0] === '#') {
            const code = /x/i.test(name[1]) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
            return String.fromCodePoint(code);
        }
        return names[name] ?? whole;
    });
}

/* Tags and runs of blanks removed. */
export function textOf(html) {
    const bare = html
        .replace(/<(script|style|title)\b[\s\S]*?<\/\1>/gi, ' ')
        .replace(/<!--[\s\S]*?-->/g, ' ')
        .replace(/<[^>]*>/g, ' ');
    return decodeEntities(bare).replace(/\s+/g, ' ').trim();
}

export function attributesOf(tag) {
    const attributes = {};
    const pattern = /([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;
    for (const [, name, ...values] of tag.replace(/^<\s*\w+/, '').matchAll(pattern)) {
        attributes[name.toLowerCase()] = decodeEntities(values.find((v) => v !== undefined) ?? '');
    }
    return attributes;
}

export function findLinks(html, base) {
    return [...html.matchAll(/(<a\b[^>]*>)([\s\S]*?)<\/a>/gi)]
        .map(([, tag, inner]) => ({ ...attributesOf(tag), text: textOf(inner) }))
        .filter(({ href }) => href !== undefined)
        .map((link) => ({ ...link, href: new URL(link.href, base).href }));
}

function fieldsOf(inner) {
    return [...inner.matchAll(/<input\b[^>]*>/gi)]
        .map(([tag]) => attributesOf(tag))
        .filter(({ name, type }) => name && !['submit', 'checkbox', 'radio'].includes(type))
        .map(({ name, value }) => [name, value ?? '']);
}

/*
 * Each form: method, action (absolute), fields ([name, value] of its inputs) and buttons
 * ({ name, value, text }).
 */
export function findForms(html, base) {
    return [...html.matchAll(/(<form\b[^>]*>)([\s\S]*?)<\/form>/gi)].map(([, tag, inner]) => {
        const { method = 'get', action = '' } = attributesOf(tag);
        const buttons = [...inner.matchAll(/(<button\b[^>]*>)([\s\S]*?)<\/button>/gi)]
            .map(([, button, text]) => ({ ...attributesOf(button), text: textOf(text) }));
        return {
            method: method.toUpperCase(),
            action: new URL(action, base).href,
            fields: fieldsOf(inner),
            buttons,
        };
    });
}
