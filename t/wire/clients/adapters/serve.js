// The loop around a client of Node.js: lines in, lines out, as t/wire/lib/Wire/Adapter.pm describes.
'use strict';

const readline = require('readline');

// Neither memjs nor memcached calls back for a command that was under way when the server closed the
// connection: an application needs patience of its own.
const PATIENCE_MS = 2000;

function within(patience_ms, promise) {
    let timer;
    const end = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer')), patience_ms);
    });
    return Promise.race([promise, end]).finally(() => clearTimeout(timer));
}

async function serve(commands) {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [name, ...words] = line.split(' ');
        let reply = 'unsupported';
        if (commands[name]) {
            try {
                reply = await within(PATIENCE_MS, commands[name](...words));
            } catch (error) {
                reply = `error ${error.message || error}`.replace(/\s+/g, ' ');
            }
        }
        process.stdout.write(`${reply}\n`);
    }
    process.exit(0);
}

const said = (done) => (done ? 'ok' : 'no');
const value = (found) => (found === undefined || found === null ? 'miss' : `value ${found}`);
const number = (found) => (typeof found === 'number' ? `number ${found}` : 'miss');
const values = (found) =>
    ['values', ...Object.entries(found).map(([key, data]) => `${key}=${data}`)].join(' ');

module.exports = { serve, said, value, number, values };
