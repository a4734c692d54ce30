<?php
// Uses the extension: a worker in a child, and jobs for it.

$port = (int)$_SERVER['argv'][1];
$child = pcntl_fork();
if ($child === 0) {
    $ok = gearman_probe_work($port, 'reverse', fn(string $workload) => strrev($workload))
        && gearman_probe_work($port, 'size', fn(string $workload) => (string)strlen($workload));
    exit($ok ? 0 : 1);
}
var_dump(gearman_probe_do($port, 'reverse', 'Hello World!'));
var_dump(gearman_probe_do($port, 'size', str_repeat("\0x", 500000)));
pcntl_waitpid($child, $status);
var_dump(pcntl_wexitstatus($status));
// Port 1 of the loopback address: it is privileged, and no server listens there.
var_dump(@gearman_probe_do(1, 'reverse', 'x'));
echo preg_match('/GEARMAN_COULD_NOT_CONNECT/', error_get_last()['message']), "\n";
echo gearman_probe_version(), "\n";
