<?php
// Background jobs, and their state at the server.

require __DIR__ . '/common.php';

$client = client();
$handles = [];
foreach (['doBackground', 'doHighBackground', 'doLowBackground'] as $method) {
    $handles[$method] = $client->$method('wait', $method, "unique $method");
    show($method, preg_match('/^H:.+:\d+$/', $handles[$method]), $client->returnCode());
    show('status', $client->jobStatus($handles[$method]));
    // A separate client, since the original's may send nothing after this.
    show('status by unique', client()->jobStatusByUniqueKey("unique $method"));
}
show('same unique', $client->doBackground('wait', 'x', 'unique doBackground') === $handles['doBackground']);
show('unknown', $client->jobStatus('H:unknown:1'));
show('unknown unique', client()->jobStatusByUniqueKey('unknown'));

// A worker that reports its progress and then waits for a signal to continue.
$order = tempnam(sys_get_temp_dir(), 'gearman');
$pid = start_worker([
    'wait' => function (GearmanJob $job) use ($order) {
        file_put_contents($order, $job->workload() . "\n", FILE_APPEND);
    },
    'slow' => function (GearmanJob $job) {
        $job->sendStatus(1, 2);
        // Returns when the client has seen that status.
        $other = client();
        $other->doNormal('seen', '-');
        $job->sendStatus(2, 2);
    },
]);

$slow = $client->doBackground('slow', '-');
$seen = in_child(function () use ($slow) {
    $worker = new GearmanWorker();
    $worker->addServers(servers());
    $worker->addFunction('seen', function () use ($slow) {
        // A server with several threads may handle the status after this job.
        do {
            $status = client()->jobStatus($slow);
        } while ($status[0] && $status[2] === 0);
        show('running', $status);
    });
    $worker->work();
});
show('seen', ended($seen));
// The children shared the old client's connection, which the original shuts down
// when one of them ends.
$client = client();
foreach ($handles as $method => $handle) {
    show('forgotten', forgotten($client, $handle));
}
show('forgotten', forgotten($client, $slow));
// Submitted last, since a server may give this job out before those of other functions.
stop_worker($pid);
echo file_get_contents($order);
unlink($order);
