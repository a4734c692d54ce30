<?php
// A non-blocking client: run, wait, and run again until all tasks are finished.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
    'fail' => function (GearmanJob $job) {
        $job->sendFail();
    },
]);

foreach (['wait', 'gearman_client_wait'] as $how) {
    echo "$how\n";
    $client = client();
    $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING);
    $ends = [];
    $client->setCompleteCallback(function (GearmanTask $task) use (&$ends) {
        $ends[$task->unique()] = $task->data();
    });
    $client->setFailCallback(function (GearmanTask $task) use (&$ends) {
        $ends[$task->unique()] = 'failed';
    });
    for ($x = 0; $x < 20; $x++) {
        $client->addTask($x % 5 ? 'reverse' : 'fail', "text $x", null, "unique $x");
    }
    do {
        @$client->runTasks();
        $code = $client->returnCode();
        if ($code === GEARMAN_IO_WAIT || $code === GEARMAN_NO_ACTIVE_FDS) {
            $how === 'wait' ? @$client->wait() : @gearman_client_wait($client);
        }
    } while ($code === GEARMAN_IO_WAIT || $code === GEARMAN_NO_ACTIVE_FDS);
    ksort($ends);
    show('ends', $code, $ends);
}

stop_worker($pid);

echo "a worker\n";
$worker = gearman_worker_create();
gearman_worker_add_servers($worker, servers());
gearman_worker_add_options($worker, GEARMAN_WORKER_NON_BLOCKING);
gearman_worker_add_function($worker, 'later', fn(GearmanJob $job) => show('job', $job->workload()));
client()->doBackground('later', 'a text');
do {
    $worked = @gearman_worker_work($worker);
    $code = gearman_worker_return_code($worker);
    if (!$worked) {
        @gearman_worker_wait($worker);
    }
} while (!$worked && ($code === GEARMAN_IO_WAIT || $code === GEARMAN_NO_JOBS));
show('worked', $worked, $code);
