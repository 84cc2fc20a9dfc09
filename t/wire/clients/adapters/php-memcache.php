<?php
// PHP's older memcache extension: php-memcache.php HOST PORT
require __DIR__ . '/serve.php';

$client = new Memcache();
$client->addServer($argv[1], (int) $argv[2], true, 1, 5, 1);

$said = fn($done) => $done ? 'ok' : 'no';
$value = fn($found) => $found === false ? 'miss' : "value $found";
$number = fn($found) => is_int($found) ? "number $found" : 'miss';

serve([
    'set' => fn($key, $data, $expire) => $said($client->set($key, $data, 0, (int) $expire)),
    'add' => fn($key, $data, $expire) => $said($client->add($key, $data, 0, (int) $expire)),
    'get' => fn($key) => $value($client->get($key)),
    'mget' => fn(...$keys) => values($client->get($keys) ?: []),
    'incr' => fn($key, $by) => $number($client->increment($key, (int) $by)),
    'decr' => fn($key, $by) => $number($client->decrement($key, (int) $by)),
    'delete' => fn($key) => $said($client->delete($key)),
]);
