<?php
// Workers in this process: registering, working, waiting, and their return codes.

require __DIR__ . '/common.php';

$worker = new GearmanWorker();
show('fresh', $worker->returnCode(), $worker->getErrno(), $worker->options(), $worker->timeout());
show('no functions', @$worker->work(), $worker->returnCode());
show('servers', $worker->addServers(servers()), $worker->returnCode());
show('timeout', $worker->setTimeout(50), $worker->timeout());
show('id', $worker->setId('an_id'));
show('ping', $worker->ping('x'), $worker->returnCode());
$context = new ArrayObject(['count' => 0]);
show('add', $worker->addFunction('f', function (GearmanJob $job, $context) {
    $context['count']++;
    show('job', $job->functionName(), $job->workload(), $context['count'], $job->returnCode());
    return 'ignored';
}, $context));
show('idle', @$worker->work(), $worker->returnCode());

$client = client();
foreach (['one', 'two', 'three'] as $workload) {
    $client->doBackground('f', $workload);
}
for ($x = 0; $x < 3; $x++) {
    show('work', $worker->work(), $worker->returnCode());
}
show('idle again', @$worker->work(), $worker->returnCode());

echo "sends\n";
$worker->addFunction('sends', function (GearmanJob $job) {
    show('data', $job->sendData('d'), $job->returnCode());
    show('warning', $job->sendWarning('w'), $job->returnCode());
    show('status', $job->sendStatus(1, 2), $job->returnCode());
    show($job->workload(), match ($job->workload()) {
        'complete' => $job->sendComplete('c'),
        'fail' => $job->sendFail(),
        'exception' => $job->sendException('e'),
    }, $job->returnCode());
});
foreach (['complete', 'fail', 'exception'] as $workload) {
    $client->doBackground('sends', $workload);
    show('work', @$worker->work(), $worker->returnCode());
}

echo "unregistered\n";
show('unregister', $worker->unregister('f'), $worker->returnCode());
show('unregister', @$worker->unregister('never known'), $worker->returnCode());
show('all', $worker->unregisterAll(), $worker->returnCode());
// The code is not printed: the original waits for its timeout, as if it had functions.
show('no functions', @$worker->work());

echo "registered without a function\n";
$worker = new GearmanWorker();
$worker->addServers(servers());
$worker->setTimeout(2000);
show('register', $worker->register('grabbed', 10), $worker->returnCode());
$client->doBackground('grabbed', 'for grabJob');
$job = $worker->grabJob();
show('grabbed', $job->functionName(), $job->workload(), $job->sendComplete('done'));
unset($job);

echo "not blocking\n";
$worker = new GearmanWorker();
$worker->addServers(servers());
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
$worker->addFunction('later', fn(GearmanJob $job) => show('job', $job->workload()));
$client->doBackground('later', 'a text');
while (!@$worker->work()) {
    $code = $worker->returnCode();
    if ($code !== GEARMAN_IO_WAIT && $code !== GEARMAN_NO_JOBS) {
        break;
    }
    @$worker->wait();
}
show('worked', $worker->returnCode());
