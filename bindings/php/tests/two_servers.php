<?php
// Clients and workers with two servers, one of which may be down.

require __DIR__ . '/common.php';

// Port 1 of the loopback address: it is privileged, and no server listens there.
$away = '127.0.0.1:1';
$first = servers();
$second = '127.0.0.1:' . $_SERVER['argv'][2];

function client_of(string $servers): GearmanClient
{
    $client = new GearmanClient();
    show('add', @$client->addServers($servers, false), $client->returnCode());
    $client->setTimeout(20000);
    return $client;
}

echo "one worker on two servers\n";
$worker = new GearmanWorker();
show('add', $worker->addServers("$first,$second"), $worker->returnCode());
$worker->setTimeout(20000);
$worker->addFunction('f', fn(GearmanJob $job) => show('job', $job->workload()));
foreach ([$first, $second] as $servers) {
    client_of($servers)->doBackground('f', 'a job');
}
show('work', $worker->work(), $worker->work(), $worker->returnCode());

echo "the server added last gets the jobs\n";
$handle = client_of("$first,$second")->doBackground('waits', 'x');
show('known', client_of($first)->jobStatus($handle)[0], client_of($second)->jobStatus($handle)[0]);

echo "one is away\n";
foreach (["$first,$away", "$away,$first"] as $servers) {
    $client = client_of($servers);
    $handle = $client->doBackground('waits', 'x');
    show('background', preg_match('/^H:.+:\d+$/', $handle), $client->returnCode());
    show('known', client_of($first)->jobStatus($handle)[0]);
}
echo "both are away\n";
$client = client_of("$away,$away");
show('background', @$client->doBackground('f', 'x'), $client->returnCode());
