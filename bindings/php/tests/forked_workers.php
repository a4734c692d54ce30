<?php
// Several forked workers, each with its own connection, share the jobs.

require __DIR__ . '/common.php';

$marks = tempnam(sys_get_temp_dir(), 'gearman');
$workers = [];
for ($x = 0; $x < 4; $x++) {
    $workers[] = in_child(function () use ($marks) {
        $stop = false;
        $worker = new GearmanWorker();
        $worker->addServers(servers());
        $worker->addFunction('mark', function (GearmanJob $job) use ($marks) {
            file_put_contents($marks, $job->workload() . "\n", FILE_APPEND | LOCK_EX);
            return strrev($job->workload());
        });
        $worker->addFunction('stop', function () use (&$stop) {
            $stop = true;
        });
        while (!$stop) {
            @$worker->work();
        }
    });
}

$client = client();
$results = [];
$client->setCompleteCallback(function (GearmanTask $task) use (&$results) {
    $results[] = $task->data();
});
for ($x = 0; $x < 500; $x++) {
    $client->addTask('mark', "job $x", null, "unique $x");
}
show('run', $client->runTasks(), count($results), count(array_unique($results)));

// One stop job per worker; the library makes a unique id for each.
foreach ($workers as $ignored) {
    $client->doBackground('stop', '-');
}
foreach ($workers as $pid) {
    show('worker ended', ended($pid));
}
$lines = file($marks, FILE_IGNORE_NEW_LINES);
show('each job once', count($lines), count(array_unique($lines)));
unlink($marks);
