<?php
// 100 MB, to the worker and back.

require __DIR__ . '/common.php';

ini_set('memory_limit', '1G');
$pid = start_worker([
    'back' => function (GearmanJob $job) {
        return $job->workload();
    },
]);

$payload = str_repeat(ten_megabytes(), 10);
$client = client();
$client->setTimeout(120000);
$result = $client->doNormal('back', $payload);
show('do', strlen($result), $result === $payload, $client->returnCode());
unset($result);

$client->setCompleteCallback(function (GearmanTask $task) use ($payload) {
    show('complete', $task->dataSize(), $task->data() === $payload);
});
$client->addTask('back', $payload);
show('task', $client->runTasks(), $client->returnCode());

stop_worker($pid);
