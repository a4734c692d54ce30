<?php
// The worker for the requests, which runs until it is killed.

$worker = new GearmanWorker();
$worker->addServers('127.0.0.1:' . $_SERVER['argv'][1]);
$worker->addFunction('reverse', fn(GearmanJob $job) => strrev($job->workload()));
while (true) {
    @$worker->work();
}
