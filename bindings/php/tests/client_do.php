<?php
// Single jobs that are waited for, and the returnCode() of each.

require __DIR__ . '/common.php';

$pid = start_worker([
    'reverse' => fn(GearmanJob $job) => strrev($job->workload()),
    'nothing' => function () {
    },
    'empty' => fn() => '',
    'info' => fn(GearmanJob $job) => implode(' ', [
        $job->functionName(), $job->unique(), $job->workload(), $job->workloadSize(),
        preg_match('/^H:.+:\d+$/', $job->handle()),
    ]),
    'pieces' => function (GearmanJob $job) {
        $job->sendData('one ');
        $job->sendData('two ');
        return 'three';
    },
    'warned' => function (GearmanJob $job) {
        $job->sendWarning('careful ');
        return 'done';
    },
    'status' => function (GearmanJob $job) {
        $job->sendStatus(1, 3);
        $job->sendStatus(2, 3);
        return 'done';
    },
    'complete' => function (GearmanJob $job) {
        $job->sendComplete('by hand');
    },
    'fail' => function (GearmanJob $job) {
        $job->sendFail();
    },
    'set_return' => function (GearmanJob $job) {
        $job->setReturn(GEARMAN_WORK_FAIL);
        return 'ignored';
    },
    'exception' => function (GearmanJob $job) {
        $job->sendException('went wrong');
    },
]);

$client = client();
foreach (['doNormal', 'doHigh', 'doLow'] as $method) {
    show($method, $client->$method('reverse', 'Hello World!'), $client->returnCode());
}
foreach (['nothing', 'empty', 'pieces', 'warned', 'status', 'complete', 'fail', 'set_return', 'exception'] as $name) {
    $result = @$client->doNormal($name, 'x');
    show($name, $result, $client->returnCode(), $client->getErrno());
}
show('info', $client->doNormal('info', 'some workload', 'my unique'), $client->returnCode());
show('numbers', $client->doNormal('reverse', 12345), $client->returnCode());
show('empty workload', @$client->doNormal('reverse', ''), $client->returnCode());
show('binary', bin2hex($client->doNormal('reverse', "\0\x01\xff\0")), $client->returnCode());
show('status and handle', $client->doStatus(), $client->doJobHandle());
show('after all', $client->doNormal('reverse', 'abc'), $client->returnCode());

stop_worker($pid);
