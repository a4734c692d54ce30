<?php
// Concurrent tasks with every callback, and the getters of tasks.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
    'events' => function (GearmanJob $job) {
        $job->sendData('some data');
        $job->sendWarning('some warning');
        $job->sendStatus(3, 4);
        return 'the end';
    },
    'fail' => function (GearmanJob $job) {
        $job->sendFail();
    },
    'exception' => function (GearmanJob $job) {
        $job->sendException('went wrong');
    },
]);

// What each callback reads, per task, since tasks of one run end in any order.
$seen = [];
function callback(string $event): Closure
{
    return function (GearmanTask $task, $context = null) use ($event) {
        global $seen;
        $seen[$task->unique()][] = [
            $event, $context, $task->functionName(), $task->returnCode(),
            preg_match('/^H:.+:\d+$/', (string)$task->jobHandle()),
            $task->data(), $task->dataSize(), $task->isKnown(), $task->isRunning(),
            $task->taskNumerator(), $task->taskDenominator(),
        ];
    };
}

function prepared(): GearmanClient
{
    $client = client();
    $setters = [
        'created' => 'setCreatedCallback',
        'data' => 'setDataCallback',
        'warning' => 'setWarningCallback',
        'status' => 'setStatusCallback',
        'complete' => 'setCompleteCallback',
        'exception' => 'setExceptionCallback',
        'fail' => 'setFailCallback',
    ];
    foreach ($setters as $event => $setter) {
        $client->$setter(callback($event));
    }
    return $client;
}

function show_seen(): void
{
    global $seen;
    ksort($seen);
    foreach ($seen as $unique => $events) {
        foreach ($events as $event) {
            show($unique, ...$event);
        }
    }
    $seen = [];
}

$client = prepared();
show('option', $client->addOptions(GEARMAN_CLIENT_FREE_TASKS));
foreach (['addTask', 'addTaskHigh', 'addTaskLow', 'addTaskBackground', 'addTaskHighBackground', 'addTaskLowBackground'] as $method) {
    $task = $client->$method('reverse', $method, "context of $method", $method);
    show($method, get_class($task), $task->functionName(), $task->unique(), $task->returnCode());
}
show('run', $client->runTasks(), $client->returnCode());
show_seen();

echo "every event\n";
foreach (['events', 'fail', 'exception'] as $name) {
    $client->addTask($name, 'x', ['context', $name], $name);
}
show('run', $client->runTasks(), $client->returnCode());
show_seen();

echo "exceptions asked for\n";
$client = prepared();
$client->enableExceptionHandler();
$client->addTask('exception', 'x', null, 'exception');
show('run', $client->runTasks(), $client->returnCode());
show_seen();

echo "no callbacks\n";
$client->clearCallbacks();
$task = $client->addTask('events', 'x', null, 'quiet');
show('run', $client->runTasks(), $client->returnCode(), count($seen));
show('task', $task->returnCode(), $task->data(), $task->dataSize());

echo "nothing to do\n";
show('run', $client->runTasks(), $client->returnCode());

echo "many\n";
$client = client();
$results = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$results) {
    $results[$task->unique()] = $task->data();
});
for ($x = 0; $x < 200; $x++) {
    $client->addTask('reverse', "number $x", null, "unique $x");
}
show('run', $client->runTasks());
ksort($results);
show('results', count($results), md5(serialize($results)));

stop_worker($pid);
