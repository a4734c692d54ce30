<?php
// The loops around a client in the PHP manual: progress, partial data, failures, and a
// background job whose state is asked for until it has ended.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => function (GearmanJob $job) {
        $text = '';
        for ($x = 0, $size = $job->workloadSize(); $x < $size; $x++) {
            $job->sendStatus($x + 1, $size);
            $job->sendData($job->workload()[$x]);
        }
        return strrev($job->workload());
    },
    'fail' => fn(GearmanJob $job) => $job->sendFail(),
    'slow' => function (GearmanJob $job) {
        for ($x = 1; $x <= 3; $x++) {
            $job->sendStatus($x, 3);
            usleep(20000);
        }
        return 'done';
    },
]);

echo "do until it succeeds\n";
$client = client();
$pieces = '';
$states = [];
do {
    $result = $client->doNormal('reverse', 'Hello!');
    switch ($client->returnCode()) {
        case GEARMAN_WORK_DATA:
            $pieces .= $result;
            break;
        case GEARMAN_WORK_STATUS:
            $states[] = $client->doStatus();
            break;
        case GEARMAN_WORK_FAIL:
            echo "failed\n";
            break;
        case GEARMAN_SUCCESS:
            break;
        default:
            show('error', $client->returnCode(), $client->error());
            break 2;
    }
} while ($client->returnCode() != GEARMAN_SUCCESS);
show('pieces', $pieces);
show('states', $states);
show('result', $result);

echo "a job that fails\n";
show('do', @$client->doNormal('fail', 'x'), $client->returnCode());

echo "ask until it is done\n";
$handle = $client->doBackground('slow', 'x');
show('submitted', $client->returnCode());
$asked = 0;
$done = false;
do {
    usleep(5000);
    $state = $client->jobStatus($handle);
    if (!$state[0]) {
        $done = true;
    }
} while (!$done && ++$asked < 2000);
show('done', $done);

echo "tasks until all are run\n";
$ends = [];
$client = client();
$client->setCompleteCallback(function (GearmanTask $task) use (&$ends) {
    $ends[$task->unique()] = $task->data();
});
$client->setFailCallback(function (GearmanTask $task) use (&$ends) {
    $ends[$task->unique()] = 'failed';
});
foreach (['Hello', 'World', '!'] as $x => $text) {
    $client->addTask('reverse', $text, null, "unique $x");
}
$client->addTask('fail', 'x', null, 'unique fail');
if (!@$client->runTasks()) {
    show('error', $client->error());
}
ksort($ends);
show('ends', $ends);

stop_worker($pid);
