<?php
// Calls on a client or a worker while one of its callbacks or functions is suspended in a
// Fiber, and Fibers that are destroyed while they are suspended there.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
]);

$client = client();
$client->setCompleteCallback(function (GearmanTask $task) {
    $name = $task->unique();
    if (str_starts_with($name, 'waits')) {
        show('suspended', $name);
        show('resumed', $name, Fiber::suspend());
    } else {
        show('complete', $name, $task->data());
    }
});
$run = function () use ($client): void {
    $done = @$client->runTasks();
    show('run', $done, $client->returnCode());
};

echo "the client is used meanwhile\n";
$client->addTask('reverse', 'abc', null, 'waits');
$fiber = new Fiber($run);
$fiber->start();
show('do', $client->doNormal('reverse', 'def'));
show('background', $client->jobStatus($client->doBackground('reverse', 'ghi')) !== false);
$client->addTask('reverse', 'jkl', null, 'another');
$run();
$fiber->resume('go on');

echo "several Fibers on one client\n";
$fibers = [];
foreach (['1', '2', '3'] as $name) {
    $client->addTask('reverse', 'abc', null, "waits $name");
    $fibers[$name] = new Fiber($run);
    $fibers[$name]->start();
}
foreach (['2', '1', '3'] as $name) {
    $fibers[$name]->resume($name);
}

echo "a callback under a do\n";
$client->addTask('reverse', 'abc', null, 'waits');
$fiber = new Fiber(fn() => show('do', $client->doNormal('reverse', 'xyz')));
$fiber->start();
show('another do', $client->doNormal('reverse', 'def'));
$fiber->resume('go on');

echo "the Fiber is destroyed\n";
$client->addTask('reverse', 'abc', null, 'waits');
$fiber = new Fiber($run);
$fiber->start();
unset($fiber);
show('do', $client->doNormal('reverse', 'def'));

echo "the client goes, then the Fiber goes on\n";
$other = client();
$other->setCompleteCallback(function () {
    show('resumed', Fiber::suspend());
});
$other->addTask('reverse', 'abc');
$fiber = new Fiber(fn() => show('run', $other->runTasks()));
$fiber->start();
unset($other);
gc_collect_cycles();
$fiber->resume('go on');
unset($fiber);

echo "a worker\n";
// Started before the worker connects, so that they inherit no connection.
$clients = [];
for ($x = 0; $x < 3; $x++) {
    $clients[] = in_child(fn() => client()->doNormal('waits', 'abc') === 'ABC' || exit(1));
}
$clients[] = in_child(fn() => client()->doNormal('returns', 'abc') === 'ABC' || exit(1));
$worker = new GearmanWorker();
$worker->addServers(servers());
$worker->setTimeout(20000);
$worker->addFunction('waits', function (GearmanJob $job) {
    show('resumed', Fiber::suspend());
    return strtoupper($job->workload());
});
$fibers = [];
for ($x = 0; $x < 3; $x++) {
    $fibers[$x] = new Fiber(fn() => show('worked', $worker->work(), $worker->returnCode()));
    $fibers[$x]->start();
}
$worker->addFunction('returns', fn(GearmanJob $job) => strtoupper($job->workload()));
show('worked', $worker->work(), $worker->returnCode());
foreach ([1, 0, 2] as $x) {
    $fibers[$x]->resume($x);
}
show('clients ended', array_map(ended(...), $clients));

echo "the Fiber of a function is destroyed\n";
$handle = client()->doBackground('waits', 'abc');
$fiber = new Fiber(fn() => show('worked', @$worker->work(), $worker->returnCode()));
$fiber->start();
unset($fiber, $worker);
gc_collect_cycles();
show('forgotten', forgotten(client(), $handle));

stop_worker($pid);
