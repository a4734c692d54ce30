<?php
// The loops around a worker in the PHP manual, with a server that is idle, goes down and
// comes up again: each job is done, no loop is busy, and each ends when it is asked to.

require __DIR__ . '/common.php';
require __DIR__ . '/server.php';

const LOOPS = [
    'work' => 'while_it_works',
    'work and look' => 'while_it_succeeds',
    'time limit' => 'with_a_time_limit',
    'non-blocking' => 'not_blocking',
];

// More iterations than a loop needs that pauses, far fewer than a busy loop makes.
const MOST_TURNS = 60;

function worker(Server $server, Counter $done): GearmanWorker
{
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', $server->port);
    $worker->addFunction('reverse', function (GearmanJob $job) use ($done) {
        $done->add();
        return strrev($job->workload());
    });
    return $worker;
}

function while_it_works(GearmanWorker $worker, Counter $turns): void
{
    while ($turns->add() || @$worker->work());
}

function while_it_succeeds(GearmanWorker $worker, Counter $turns): void
{
    while (true) {
        $turns->add();
        @$worker->work();
        if ($worker->returnCode() != GEARMAN_SUCCESS) {
            break;
        }
    }
}

function with_a_time_limit(GearmanWorker $worker, Counter $turns): void
{
    $worker->setTimeout(50);
    while (@$worker->work() || $worker->returnCode() == GEARMAN_TIMEOUT) {
        $turns->add();
        if ($worker->returnCode() == GEARMAN_TIMEOUT) {
            continue;
        }
        if ($worker->returnCode() != GEARMAN_SUCCESS) {
            break;
        }
    }
}

function not_blocking(GearmanWorker $worker, Counter $turns): void
{
    $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
    while (@$worker->work()
        || $worker->returnCode() == GEARMAN_IO_WAIT
        || $worker->returnCode() == GEARMAN_NO_JOBS) {
        $turns->add();
        if ($worker->returnCode() == GEARMAN_SUCCESS) {
            continue;
        }
        if (!@$worker->wait()) {
            if ($worker->returnCode() == GEARMAN_NO_ACTIVE_FDS) {
                usleep(50000);
                continue;
            }
            break;
        }
    }
}

function do_job(Server $server, string $text): ?string
{
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', $server->port);
    $client->setTimeout(5000);
    return @$client->doNormal('reverse', $text) ?: null;
}

foreach (LOOPS as $name => $loop) {
    $server = new Server();
    $turns = new Counter();
    $done = new Counter();
    $pid = in_child(function () use ($loop, $server, $turns, $done) {
        // As under a supervisor: a loop that has ended is started again.
        while (true) {
            try {
                $loop(worker($server, $done), $turns);
            } catch (GearmanException) {
                // The server is down.
            }
            usleep(50000);
        }
    });
    wait_until(fn() => $server->numbers('reverse')[2] === 1);
    for ($x = 0; $x < 5; $x++) {
        show("$name, job", do_job($server, "text $x"));
    }
    $before = $turns->count();
    usleep(300000);
    show("$name, rests when idle", $turns->count() - $before <= MOST_TURNS);
    $before = $turns->count();
    $server->kill();
    usleep(300000);
    show("$name, rests while the server is away", $turns->count() - $before <= MOST_TURNS);
    $server->start();
    show("$name, job after the restart", do_job($server, 'again'));
    show("$name, jobs", $done->count());
    posix_kill($pid, SIGTERM);
    show("$name, ended", ended($pid));
}
