<?php
// The loop around a PHP client: lines in, lines out, as t/wire/lib/Wire/Adapter.pm describes.

error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(function ($level, $message) {
    if (error_reporting() & $level) {
        throw new Exception($message);
    }
});

function serve($commands)
{
    $in = fopen('php://stdin', 'r');
    // Not by echo: a session cannot begin behind what PHP takes for a page's first bytes.
    $out = fopen('php://stdout', 'w');
    while (($line = fgets($in)) !== false) {
        $words = preg_split('/ /', trim($line));
        $name = array_shift($words);
        try {
            $reply = isset($commands[$name]) ? $commands[$name](...$words) : 'unsupported';
        } catch (Throwable $error) {
            $reply = 'error ' . preg_replace('/\s+/', ' ', $error->getMessage());
        }
        fwrite($out, $reply . "\n");
    }
}

function values($found)
{
    $reply = 'values';
    foreach ($found as $key => $value) {
        $reply .= " $key=$value";
    }
    return $reply;
}
