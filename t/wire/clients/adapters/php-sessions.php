<?php
// The session handler of PHP's memcached extension, with locks: php-sessions.php HOST PORT
// text|binary. A key is a session's id; each command is a request of its own.
require __DIR__ . '/serve.php';

ini_set('session.save_handler', 'memcached');
ini_set('session.save_path', "$argv[1]:$argv[2]");
ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');
ini_set('session.lazy_write', '0');
ini_set('memcached.sess_binary_protocol', $argv[3] === 'binary' ? '1' : '0');
ini_set('memcached.sess_locking', '1');
ini_set('memcached.sess_lock_wait_min', '10');
ini_set('memcached.sess_lock_wait_max', '20');
ini_set('memcached.sess_lock_retries', '500');
// The lock of a request that could not end it stays, without this for as long as a request may last.
ini_set('memcached.sess_lock_expire', '2');

// Opens a session, lets the code look at it, and writes it. What goes wrong amid a request leaves no
// session open behind it.
$within = function ($id, $code) {
    try {
        session_id($id);
        if (!session_start()) {
            return 'error session_start';
        }
        $reply = $code();
        if (session_status() === PHP_SESSION_ACTIVE && !session_write_close()) {
            return 'error session_write_close';
        }
        return $reply;
    } finally {
        if (session_status() === PHP_SESSION_ACTIVE) {
            session_abort();
        }
        $_SESSION = [];
    }
};

serve([
    'set' => fn($key, $data, $expire) => $within($key, function () use ($data) {
        $_SESSION['value'] = $data;
        return 'ok';
    }),
    'get' => fn($key) => $within($key,
        fn() => isset($_SESSION['value']) ? 'value ' . $_SESSION['value'] : 'miss'),
    'incr' => fn($key, $by) => $within($key, function () use ($by) {
        $_SESSION['value'] = ($_SESSION['value'] ?? 0) + $by;
        return 'number ' . $_SESSION['value'];
    }),
    'delete' => fn($key) => $within($key, fn() => session_destroy() ? 'ok' : 'error session_destroy'),
]);
