<?php
// A worker starts, and a client's ping succeeds, although one of their servers is down.

require __DIR__ . '/common.php';

// Port 1 of the loopback address: it is privileged, and no server listens there.
$away = '127.0.0.1:1';
client()->doBackground('f', 'although one is away');
foreach ([servers() . ",$away", "$away," . servers(), $away] as $servers) {
    $worker = new GearmanWorker();
    $worker->setTimeout(2000);
    try {
        show('add', $worker->addServers($servers), $worker->returnCode());
    } catch (GearmanException $exception) {
        show('refused', $exception->getMessage());
        continue;
    }
    $worker->addFunction('f', fn(GearmanJob $job) => show('job', $job->workload()));
    show('work', @$worker->work(), $worker->returnCode());
    client()->doBackground('f', 'another');
}

foreach ([servers() . ",$away", "$away," . servers(), $away] as $servers) {
    $client = new GearmanClient();
    @$client->addServers($servers, false);
    show('ping', @$client->ping('x'), $client->returnCode());
}
