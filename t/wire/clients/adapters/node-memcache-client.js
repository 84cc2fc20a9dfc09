// npm's memcache-client: node-memcache-client.js HOST PORT
'use strict';

const { MemcacheClient } = require('memcache-client');
const { serve, said, value, number, values } = require('./serve.js');

const client = new MemcacheClient({
    server: `${process.argv[2]}:${process.argv[3]}`,
    cmdTimeout: 5000,
    connectTimeout: 5000,
});

// It throws what the server said, a plain no included.
const or = (no, answer) =>
    answer.catch((error) => {
        if (/NOT_STORED|NOT_FOUND/.test(error.message)) return no;
        throw error;
    });

serve({
    set: async (key, data, expire) => said(await or(false, client.set(key, data, { lifetime: Number(expire) }))),
    add: async (key, data, expire) => said(await or(false, client.add(key, data, { lifetime: Number(expire) }))),
    get: async (key) => {
        const found = await client.get(key);
        return value(found && found.value);
    },
    mget: async (...keys) => {
        const got = await client.get(keys);
        const found = {};
        for (const key of Object.keys(got)) found[key] = got[key].value;
        return values(found);
    },
    touch: async (key, expire) => said(await or(false, client.touch(key, expire))),
    incr: async (key, by) => {
        const found = await or(undefined, client.incr(key, Number(by)));
        return number(found === undefined ? found : Number(found));
    },
    decr: async (key, by) => {
        const found = await or(undefined, client.decr(key, Number(by)));
        return number(found === undefined ? found : Number(found));
    },
    delete: async (key) => said(await or(false, client.delete(key))),
});
