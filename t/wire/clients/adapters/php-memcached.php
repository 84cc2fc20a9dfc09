<?php
// PHP's memcached extension: php-memcached.php HOST PORT text|binary
require __DIR__ . '/serve.php';

$client = new Memcached();
$client->setOption(Memcached::OPT_BINARY_PROTOCOL, $argv[3] === 'binary');
$client->setOption(Memcached::OPT_TCP_NODELAY, true);
$client->setOption(Memcached::OPT_RETRY_TIMEOUT, 1);
$client->addServer($argv[1], (int) $argv[2]);

// What a call that came to nothing says: a plain no, or an error.
$or = function ($done, $no = 'no') use ($client) {
    if ($done !== false) {
        return $done;
    }
    $no_results = [Memcached::RES_NOTFOUND, Memcached::RES_NOTSTORED, Memcached::RES_DATA_EXISTS];
    return in_array($client->getResultCode(), $no_results)
        ? $no : 'error ' . $client->getResultMessage();
};
$said = fn($done) => $or($done ? 'ok' : false);
$value = fn($found) => $or($found === false ? false : "value $found", 'miss');
$number = fn($found) => $or($found === false ? false : "number $found", 'miss');

serve([
    'set' => fn($key, $data, $expire) => $said($client->set($key, $data, (int) $expire)),
    'add' => fn($key, $data, $expire) => $said($client->add($key, $data, (int) $expire)),
    'get' => fn($key) => $value($client->get($key)),
    'mget' => function (...$keys) use ($client, $or) {
        $found = $client->getMulti($keys);
        $results = [Memcached::RES_SUCCESS, Memcached::RES_NOTFOUND];
        return $or(in_array($client->getResultCode(), $results) ? values($found) : false);
    },
    'touch' => fn($key, $expire) => $said($client->touch($key, (int) $expire)),
    'incr' => fn($key, $by) => $number($client->increment($key, (int) $by)),
    'decr' => fn($key, $by) => $number($client->decrement($key, (int) $by)),
    'delete' => fn($key) => $said($client->delete($key)),
]);
