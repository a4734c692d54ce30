<?php
// Turns texts around until it is ended, and knows which library it does that with.

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1');
$worker->addFunction('reverse', fn(GearmanJob $job) => strrev($job->workload()));
$worker->addFunction('library', function () {
    preg_match('~\S*/libgearman\S*~', file_get_contents('/proc/self/maps'), $found);
    return $found[0] ?? 'none';
});
while ($worker->work());
