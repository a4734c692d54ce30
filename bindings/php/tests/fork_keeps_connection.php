<?php
// Children that end with a copy of their parent's client and worker do not touch the
// parent's connections.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
]);

$client = client();
show('before', $client->doNormal('reverse', 'abc'));
for ($x = 0; $x < 3; $x++) {
    // exit runs every destructor of the child.
    show('child ended', ended(in_child(fn() => null)));
    show('after', @$client->doNormal('reverse', "abc $x"), $client->returnCode());
}
stop_worker($pid);

echo "a child of a worker's function\n";
$client = client();
$handle = $client->doBackground('forks', 'x');
$worker = new GearmanWorker();
$worker->addServers(servers());
$worker->setTimeout(2000);
$runs = 0;
$worker->addFunction('forks', function (GearmanJob $job) use (&$runs) {
    $runs++;
    show('child ended', ended(in_child(fn() => null)));
    return 'done';
});
show('work', @$worker->work(), $worker->returnCode());
show('done once', forgotten(client(), $handle), $runs);
