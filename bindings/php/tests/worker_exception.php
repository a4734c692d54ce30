<?php
// An exception thrown inside a worker's function.

require __DIR__ . '/common.php';

$outcome = tempnam(sys_get_temp_dir(), 'gearman');
$pid = in_child(function () use ($outcome) {
    $worker = new GearmanWorker();
    $worker->addServers(servers());
    $worker->addFunction('throws', function (GearmanJob $job) {
        throw new RuntimeException('thrown for ' . $job->workload());
    });
    $worker->addFunction('works', fn() => 'fine');
    // Until two are caught, since the original's call after a failed job does nothing.
    for ($caught = 0; $caught < 2;) {
        try {
            @$worker->work();
        } catch (RuntimeException $exception) {
            $caught++;
            file_put_contents($outcome, 'caught: ' . $exception->getMessage() . "\n", FILE_APPEND);
        }
    }
});

$client = client();
show('throws', @$client->doNormal('throws', 'a'), $client->returnCode());
show('works', @$client->doNormal('works', 'b'), $client->returnCode());
$client->setExceptionCallback(function (GearmanTask $task) {
    show('exception', $task->data());
});
$client->setFailCallback(function (GearmanTask $task) {
    show('fail', $task->data());
});
$client->enableExceptionHandler();
$client->addTask('throws', 'c');
show('run', @$client->runTasks(), $client->returnCode());
show('worker ended', ended($pid));
echo file_get_contents($outcome);
unlink($outcome);
