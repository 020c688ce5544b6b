/*
 * Where one demo provider keeps its sessions, codes and tokens: in memory, apart from every
 * other provider in the same process. As with Pocket ID, a refresh ends the access token
 * that came before it.
 */

const ofGrant = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

/* Returns the adapter class that oidc-provider asks for; `records` is shared by all models. */
export function makeStore() {
    const records = new Map();

    return class Store {
        constructor(model) {
            this.model = model;
        }

        key(id) {
            return `${this.model}:${id}`;
        }

        async upsert(id, payload, expiresIn) {
            if (this.model === 'AccessToken') {
                this.#forgetAccessTokensOf(payload.grantId);
            }
            const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
            records.set(this.key(id), { payload, expiresAt });
        }

        async find(id) {
            const record = records.get(this.key(id));
            return record && record.expiresAt > Date.now() ? record.payload : undefined;
        }

        async findByUid(uid) {
            const own = `${this.model}:`;
            for (const [key, { payload }] of records) {
                if (key.startsWith(own) && payload.uid === uid) {
                    return payload;
                }
            }
            return undefined;
        }

        async findByUserCode() {
            return undefined;
        }

        async consume(id) {
            records.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000);
        }

        async destroy(id) {
            records.delete(this.key(id));
        }

        async revokeByGrantId(grantId) {
            for (const [key, { payload }] of records) {
                if (ofGrant.has(key.split(':')[0]) && payload.grantId === grantId) {
                    records.delete(key);
                }
            }
        }

        /* Ends what a user gave to a client, as Pocket ID does at logout. */
        static revokeFor(accountId, clientId) {
            for (const [key, { payload }] of records) {
                if (ofGrant.has(key.split(':')[0]) && payload.accountId === accountId
                    && payload.clientId === clientId) {
                    records.delete(key);
                }
            }
        }

        #forgetAccessTokensOf(grantId) {
            for (const [key, { payload }] of records) {
                if (key.startsWith('AccessToken:') && payload.grantId === grantId) {
                    records.delete(key);
                }
            }
        }
    };
}
