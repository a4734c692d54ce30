<?php
// Callbacks of tasks and functions of workers that suspend their Fiber.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
]);

function run_tasks(GearmanClient $client): void
{
    $done = $client->runTasks();
    show('run', $done, $client->returnCode());
}

// A client with one task, whose complete callback suspends.
function suspending(string $workload): GearmanClient
{
    $client = client();
    $client->setCompleteCallback(function (GearmanTask $task) {
        show('suspended', $task->data());
        $got = Fiber::suspend($task->data());
        show('resumed', $task->data(), $got);
    });
    $client->addTask('reverse', $workload);
    return $client;
}

echo "another client while a callback is suspended\n";
$client = suspending('abc');
$fiber = new Fiber(run_tasks(...));
show('given', $fiber->start($client));
show('another', client()->doNormal('reverse', 'def'));
$fiber->resume('go on');
show('ended', $fiber->isTerminated());

echo "several clients, resumed in another order\n";
$fibers = [];
foreach (['first', 'second', 'third', 'fourth'] as $name) {
    $fibers[$name] = new Fiber(run_tasks(...));
    $fibers[$name]->start(suspending($name));
}
foreach (['third', 'first', 'fourth', 'second'] as $name) {
    $fibers[$name]->resume($name);
}
unset($fibers);

echo "an exception thrown into a callback\n";
$client = suspending('abc');
$fiber = new Fiber(run_tasks(...));
$fiber->start($client);
try {
    $fiber->throw(new RuntimeException('thrown into it'));
} catch (RuntimeException $exception) {
    show('caught', $exception->getMessage());
}
show('another', client()->doNormal('reverse', 'def'));
unset($client, $fiber);

echo "a function of a worker\n";
// Started before the worker connects, so that they inherit no connection.
$clients = [];
for ($x = 0; $x < 2; $x++) {
    $clients[] = in_child(fn() => client()->doNormal('suspends', 'abc') === 'ABC' || exit(1));
}
$worker = new GearmanWorker();
$worker->addServers(servers());
$worker->setTimeout(20000);
$worker->addFunction('suspends', function (GearmanJob $job) {
    show('suspended', $job->workload());
    $got = Fiber::suspend($job);
    show('resumed', $job->workload(), $got);
    return strtoupper($job->workload());
});
for ($x = 0; $x < 2; $x++) {
    $fiber = new Fiber(fn() => $worker->work());
    $job = $fiber->start();
    show('status', $job->sendStatus(1, 2));
    show('another', client()->doNormal('reverse', 'xyz'));
    $fiber->resume('go on');
    show('worked', $fiber->getReturn(), $worker->returnCode());
}
show('clients ended', array_map(ended(...), $clients));

stop_worker($pid);
