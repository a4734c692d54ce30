<?php
// Signals while a worker and a client wait.

require __DIR__ . '/common.php';

// Sends a signal to this process as soon as it sleeps in a system call.
function signal_when_waiting(int $signal): int
{
    $target = getmypid();
    return in_child(function () use ($target, $signal) {
        while (!str_contains(file_get_contents("/proc/$target/stat"), ') S ')) {
            usleep(1000);
        }
        posix_kill($target, $signal);
        // Killed, since an ordinary end would run destructors for the parent's
        // connections.
        posix_kill(getmypid(), SIGKILL);
    });
}

$caught = [];
foreach ([SIGUSR1, SIGTERM] as $signal) {
    pcntl_signal($signal, function (int $signal) use (&$caught) {
        $caught[] = $signal;
    });
}

echo "a worker that waits\n";
$worker = new GearmanWorker();
$worker->addServers(servers());
$worker->setTimeout(300);
$worker->addFunction('f', fn(GearmanJob $job) => show('job', $job->workload()));
show('idle', @$worker->work(), $worker->returnCode());
$child = signal_when_waiting(SIGUSR1);
// A signal does not end the wait; the handler runs when PHP has control again.
show('signalled', @$worker->work(), $worker->returnCode());
ended($child);
show('caught', $caught === [SIGUSR1]);
client()->doBackground('f', 'after a signal');
show('work', $worker->work(), $worker->returnCode());

echo "a client that waits\n";
$caught = [];
$client = client();
$client->setTimeout(300);
$child = signal_when_waiting(SIGTERM);
show('do', @$client->doNormal('no worker does this', 'x'), $client->returnCode());
ended($child);
show('caught', $caught === [SIGTERM]);
