// npm's memcached: node-memcached.js HOST PORT
'use strict';

const { promisify } = require('util');
const Memcached = require('memcached');
const { serve, said, value, number, values } = require('./serve.js');

// A server that failed is given up for hours unless `reconnect` says otherwise.
const client = new Memcached(`${process.argv[2]}:${process.argv[3]}`, {
    timeout: 5000,
    retries: 1,
    retry: 200,
    reconnect: 200,
});
const call = (name) => {
    const ask = promisify(client[name].bind(client));
    return (...words) =>
        ask(...words).catch((error) => {
            if (/not stored/i.test(error.message)) return false;
            throw error;
        });
};
const [set, add, get, getMulti, touch, incr, decr, del] =
    ['set', 'add', 'get', 'getMulti', 'touch', 'incr', 'decr', 'del'].map(call);

serve({
    set: async (key, data, expire) => said(await set(key, data, Number(expire))),
    add: async (key, data, expire) => said(await add(key, data, Number(expire))),
    get: async (key) => value(await get(key)),
    mget: async (...keys) => values(await getMulti(keys)),
    touch: async (key, expire) => said(await touch(key, Number(expire))),
    incr: async (key, by) => number(await incr(key, Number(by))),
    decr: async (key, by) => number(await decr(key, Number(by))),
    delete: async (key) => said(await del(key)),
});
