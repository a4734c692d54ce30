<?php
// A worker whose function does not return: because of exit, of a fatal error (which leaves
// the library with longjmp), and of a signal.

require __DIR__ . '/common.php';

$ways = [
    'exit' => function () {
        exit(7);
    },
    'fatal error' => function () {
        trigger_error('fatal', E_USER_ERROR);
    },
    'signal' => function () {
        posix_kill(getmypid(), SIGKILL);
    },
];
foreach ($ways as $way => $function) {
    echo "$way\n";
    $first = in_child(function () use ($function) {
        ini_set('display_errors', '0');
        ini_set('log_errors', '0');
        $worker = new GearmanWorker();
        $worker->addServers(servers());
        $worker->addFunction('fragile', $function);
        $worker->work();
        exit(1);
    });
    $client = client();
    $handle = $client->doBackground('fragile', "after $way");
    show('first worker ended', ended($first));

    // The server gives an unfinished job to the next worker.
    $worker = new GearmanWorker();
    $worker->addServers(servers());
    $worker->setTimeout(1000);
    $worker->addFunction('fragile', function (GearmanJob $job) use ($handle) {
        show('second worker', $job->workload(), $job->handle() === $handle);
    });
    show('work', @$worker->work(), $worker->returnCode());
    show('forgotten', forgotten($client, $handle));
    unset($worker);
}
