<?php
// Results that the callback reads in pieces, and workloads that are sent in pieces.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
]);

echo "an unbuffered result\n";
$client = client();
$client->addOptions(GEARMAN_CLIENT_UNBUFFERED_RESULT);
$got = '';
$client->setCompleteCallback(function (GearmanTask $task) use (&$got) {
    while (strlen($got) < $task->dataSize()) {
        [$size, $piece] = $task->recvData(5);
        $got .= substr($piece, 0, $size);
    }
});
$client->addTask('reverse', 'a text of some length');
show('run', $client->runTasks(), $client->returnCode(), $got);

echo "the same by functions\n";
$got = '';
$client->setCompleteCallback(function (GearmanTask $task) use (&$got) {
    while (strlen($got) < gearman_task_data_size($task)) {
        [$size, $piece] = gearman_task_recv_data($task, 1000);
        $got .= substr($piece, 0, $size);
    }
});
$client->addTask('reverse', 'another text');
show('run', $client->runTasks(), $client->returnCode(), $got);

echo "a workload callback where there is a workload\n";
$client = client();
$called = false;
$client->setWorkloadCallback(function (GearmanTask $task) use (&$called) {
    $called = true;
});
$client->setCompleteCallback(fn(GearmanTask $task) => show('complete', $task->data()));
$client->addTask('reverse', 'abc');
show('run', $client->runTasks(), $called);

echo "a workload sent when none is asked for\n";
$client = client();
$client->setCreatedCallback(function (GearmanTask $task) {
    show('sent', @$task->sendWorkload('too late'), @gearman_task_send_workload($task, 'too late'));
});
$client->setCompleteCallback(fn(GearmanTask $task) => show('complete', $task->data()));
$client->addTask('reverse', 'abc');
show('run', @$client->runTasks(), $client->returnCode());
show('afterwards', client()->doNormal('reverse', 'def'));

stop_worker($pid);
