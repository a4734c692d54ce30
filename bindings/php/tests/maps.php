<?php
// Prints the path of the libgearman that this process has mapped, after using it.

require __DIR__ . '/common.php';

show('ping', client()->ping('x'));
preg_match_all('~/\S*libgearman\S*~', file_get_contents('/proc/self/maps'), $found);
foreach (array_unique($found[0]) as $path) {
    echo "mapped: $path\n";
}
