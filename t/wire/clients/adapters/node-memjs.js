// npm's memjs, which speaks the binary protocol: node-memjs.js HOST PORT. Its reads are of one key.
'use strict';

const memjs = require('memjs');
const { serve, said, value, number, values } = require('./serve.js');

const client = memjs.Client.create(`${process.argv[2]}:${process.argv[3]}`, {
    timeout: 5,
    conntimeout: 5,
    failoverTime: 1,
    logger: { log() {} },
});

serve({
    set: async (key, data, expire) => said(await client.set(key, data, { expires: Number(expire) })),
    add: async (key, data, expire) => said(await client.add(key, data, { expires: Number(expire) })),
    get: async (key) => value((await client.get(key)).value),
    mget: async (...keys) => {
        const got = await Promise.all(keys.map((key) => client.get(key)));
        const found = {};
        got.forEach((one, index) => {
            if (one.value !== null) found[keys[index]] = one.value;
        });
        return values(found);
    },
    touch: async (key, expire) => said(await client.touch(key, Number(expire))),
    incr: async (key, by) => number((await client.increment(key, Number(by), {})).value),
    decr: async (key, by) => number((await client.decrement(key, Number(by), {})).value),
    delete: async (key) => said(await client.delete(key)),
});
