<?php
// What an application does with php-memcached. Prints `ok NAME` or `not ok NAME`, at the end `done`.

function check($name, $holds)
{
    echo ($holds ? "ok " : "not ok ") . $name . "\n";
}

function comes_true($condition, $seconds = 10)
{
    $end = microtime(true) + $seconds;
    while (microtime(true) < $end) {
        if ($condition()) {
            return true;
        }
        usleep(20000);
    }
    return $condition();
}

$m = new Memcached();
$m->setOption(Memcached::OPT_BINARY_PROTOCOL, false);
$m->setOption(Memcached::OPT_TCP_NODELAY, true);
$m->addServer('127.0.0.1', (int) $argv[1]);

check('getVersion', preg_match('/^\d+\.\d+\.\d+$/', current($m->getVersion())) === 1);
check('set', $m->set('k', 'v') && $m->getResultCode() === Memcached::RES_SUCCESS);
check('get', $m->get('k') === 'v');
check('get of a miss', $m->get('missing') === false && $m->getResultCode() === Memcached::RES_NOTFOUND);
check('types', $m->set('t', ['a' => 1, 'b' => [true, null, 2.5]])
    && $m->get('t') === ['a' => 1, 'b' => [true, null, 2.5]]);
check('integers', $m->set('i', 42) && $m->get('i') === 42);
check('add of a held key', !$m->add('k', 'w') && $m->getResultCode() === Memcached::RES_NOTSTORED);
check('add', $m->add('new', 'w'));
check('replace', $m->replace('new', 'x') && $m->get('new') === 'x');
check('replace of a miss', !$m->replace('missing', 'x'));

$m->setOption(Memcached::OPT_COMPRESSION, false);
check('append', $m->set('s', 'mid') && $m->append('s', '-end') && $m->get('s') === 'mid-end');
check('prepend', $m->prepend('s', 'start-') && $m->get('s') === 'start-mid-end');

$got = $m->get('s', null, Memcached::GET_EXTENDED);
check('gets', $got['value'] === 'start-mid-end' && $got['cas'] > 0);
check('cas', $m->cas($got['cas'], 's', 'by cas') && $m->get('s') === 'by cas');
check('cas that is old', !$m->cas($got['cas'], 's', 'x')
    && $m->getResultCode() === Memcached::RES_DATA_EXISTS);

$many = [];
for ($n = 0; $n < 500; $n++) {
    $many["many$n"] = "value $n";
}
check('setMulti', $m->setMulti($many, 1000));
check('getMulti', $m->getMulti(array_keys($many)) == $many);
check('getDelayed', $m->getDelayed(['many1', 'many2'], true) && count($m->fetchAll()) === 2);
check('deleteMulti', count(array_filter($m->deleteMulti(['many1', 'many2', 'missing']),
    fn($result) => $result === true)) === 2);
check('getMulti after it', count($m->getMulti(array_keys($many))) === 498);

check('increment', $m->set('n', 9) && $m->increment('n') === 10);
check('decrement', $m->decrement('n', 3) === 7);
check('decrement below zero', $m->decrement('n', 100) === 0);
check('increment of a miss', $m->increment('missing') === false);
check('touch', $m->touch('n', 100));
check('touch of a miss', !$m->touch('missing', 100));
check('delete', $m->delete('n'));
check('delete of a miss', !$m->delete('n') && $m->getResultCode() === Memcached::RES_NOTFOUND);

check('expiry: there at first', $m->set('short', 'x', 2) && $m->get('short') === 'x');
$m->set('touched', 'x');
$m->touch('touched', 1);
check('expiry: gone', comes_true(fn() => $m->get('short') === false));
check('expiry by touch', comes_true(fn() => $m->get('touched') === false));

$big = random_bytes(700000);
check('a large value', $m->set('big', $big) && $m->get('big') === $big);
check('a value too large', !$m->set('big', random_bytes(2000000)));
check('and the client goes on', $m->get('s') === 'by cas');

$stats = current($m->getStats());
check('getStats', $stats['curr_items'] > 0 && $stats['limit_maxbytes'] == 64 * 1048576);

$m->setOption(Memcached::OPT_NOREPLY, true);
$m->set('quiet', 'x');
$m->setOption(Memcached::OPT_NOREPLY, false);
check('noreply', comes_true(fn() => $m->get('quiet') === 'x'));
$buffering = new Memcached();
$buffering->setOption(Memcached::OPT_BUFFER_WRITES, true);
$buffering->addServer('127.0.0.1', (int) $argv[1]);
for ($n = 0; $n < 200; $n++) {
    $buffering->set("buffered$n", $n);
}
check('buffered writes', $buffering->get('buffered199') === 199);
check('all of them', $m->get('buffered0') === 0 && $m->get('buffered100') === 100);
$buffering->quit();
check('flush', $m->flush() && $m->get('k') === false);
$m->quit();
echo "done\n";
