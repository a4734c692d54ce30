<?php
// Running into memory_limit: PHP leaves the library by a jump, and the shutdown
// functions and destructors use the same client afterwards.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
    'pieces' => function (GearmanJob $job) {
        $job->sendData('a piece');
        return 'the end';
    },
    'large' => fn(GearmanJob $job) => str_repeat('x', 6 << 20),
]);

// Keeps PHP's message about the end out of the output.
function be_quiet(): void
{
    ini_set('display_errors', '0');
    ini_set('log_errors', '0');
    fclose(STDERR);
}

// Runs a script to a fatal error and prints what its shutdown function could do.
function runs_out(string $where, callable $body): void
{
    echo "$where\n";
    $child = in_child(function () use ($body) {
        be_quiet();
        $client = client();
        register_shutdown_function(function () use ($client) {
            $error = error_get_last()['message'] ?? '';
            show('error', substr($error, 0, strlen('Allowed memory size')));
            $client->clearCallbacks();
            show('afterwards', @$client->doNormal('reverse', 'abc'), $client->returnCode());
            ob_flush_all();
        });
        ini_set('memory_limit', '5M');
        $body($client);
    });
    show('ended', ended($child));
}

foreach (['Created', 'Data', 'Complete'] as $event) {
    runs_out("a $event callback", function (GearmanClient $client) use ($event) {
        $client->{"set{$event}Callback"}(fn() => str_repeat('x', 64 << 20));
        $client->addTask('pieces', 'x');
        $client->runTasks();
    });
}
// PHP ends the process at once if the memory was for a result.
runs_out('the result of a job', fn(GearmanClient $client) => $client->doNormal('large', 'x'));
runs_out('the data of a task', function (GearmanClient $client) {
    $client->setCompleteCallback(fn(GearmanTask $task) => $task->data());
    $client->addTask('large', 'x');
    $client->runTasks();
});

echo "a worker's function\n";
$greedy = in_child(function () {
    be_quiet();
    $worker = new GearmanWorker();
    $worker->addServers(servers());
    $worker->addFunction('greedy', fn() => str_repeat('x', 64 << 20));
    ini_set('memory_limit', '5M');
    $worker->work();
});
$client = client();
show('do', @$client->doNormal('greedy', 'x'), $client->returnCode());
show('ended', ended($greedy));
show('afterwards', $client->doNormal('reverse', 'abc'));

stop_worker($pid);
