<?php
// Callbacks that add tasks, run tasks, use the client, stop, or throw.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
    'count' => fn(GearmanJob $job) => (string)($job->workload() + 1),
]);

echo "tasks added inside callbacks\n";
$client = client();
$client->setCompleteCallback(function (GearmanTask $task) use ($client) {
    show('complete', $task->unique(), $task->data());
    if ($task->data() < 5) {
        $client->addTask('count', $task->data(), null, 'after ' . $task->data());
    }
});
$client->addTask('count', '0', null, 'first');
show('run', $client->runTasks(), $client->returnCode());

echo "another client inside a callback\n";
$client = client();
$client->setCompleteCallback(function (GearmanTask $task) {
    show('complete', $task->data(), client()->doNormal('reverse', 'inner'));
});
$client->addTask('reverse', 'outer');
show('run', $client->runTasks(), $client->returnCode());

echo "a callback that fails\n";
$client = client();
$client->setCreatedCallback(function (GearmanTask $task) {
    show('created', $task->unique());
    return GEARMAN_WORK_FAIL;
});
$client->addTask('reverse', 'x', null, 'refused');
show('run', @$client->runTasks(), $client->returnCode());

echo "a callback that throws\n";
$client = client();
$client->setCompleteCallback(function (GearmanTask $task) {
    throw new RuntimeException('from the callback of ' . $task->unique());
});
$client->addTask('reverse', 'x', null, 'thrown');
try {
    $client->runTasks();
    show('run', $client->returnCode());
} catch (RuntimeException $exception) {
    show('caught', $exception->getMessage());
}
unset($client);
show('afterwards', client()->doNormal('reverse', 'abc'));

stop_worker($pid);
