<?php
// 10 MiB of binary data, to the worker and back.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
    'data' => function (GearmanJob $job) {
        foreach (str_split($job->workload(), 1 << 20) as $part) {
            $job->sendData($part);
        }
    },
]);

$payload = ten_megabytes();
show('size', strlen($payload));
$client = client();
$result = $client->doNormal('reverse', $payload);
show('do', strlen($result), $result === strrev($payload), $client->returnCode());
$result = $client->doNormal('data', $payload);
show('do in pieces', strlen($result), $result === $payload, $client->returnCode());

$got = '';
$client->setDataCallback(function (GearmanTask $task) use (&$got) {
    $got .= $task->data();
});
$client->setCompleteCallback(function (GearmanTask $task) use (&$got) {
    $got .= $task->data();
});
$client->addTask('reverse', $payload);
show('task', $client->runTasks(), strlen($got), $got === strrev($payload));
$got = '';
$piece = substr($payload, 0, 3 << 20);
$client->addTask('data', $piece);
show('task in pieces', $client->runTasks(), strlen($got), $got === $piece);

stop_worker($pid);
