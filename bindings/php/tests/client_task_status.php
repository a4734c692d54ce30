<?php
// Tasks that ask for the state of jobs.

require __DIR__ . '/common.php';

$client = client();
$client->setStatusCallback(function (GearmanTask $task, $context) {
    show("status of $context", $task->isKnown(), $task->isRunning(), $task->taskNumerator(), $task->taskDenominator());
});
$handle = $client->doBackground('no worker does this', 'x');
$client->addTaskStatus($handle, 'a queued job');
show('run', $client->runTasks(), $client->returnCode());
$client->addTaskStatus('H:unknown:1', 'an unknown job');
show('run', $client->runTasks(), $client->returnCode());
