<?php
// The errors that people meet, each produced for real: the warning or exception, then the code
// that returnCode() gives. src/docs/php.md explains them.
require __DIR__ . '/common.php';

// A warning's text without the place in the library's sources and the process.
set_error_handler(function (int $level, string $text) {
    if (!(error_reporting() & $level)) {
        return true;
    }
    $text = preg_replace('/( -> libgearman.*| pid\(\d+\).*)/', '', $text);
    echo '  warning: ', str_replace($_SERVER['argv'][1], 'PORT', $text), "\n";
    return true;
});

// Runs a call, and prints what it threw and the code of its object.
function attempt(string $what, ?object $object, callable $call): void
{
    echo $what, "\n";
    try {
        $call();
    } catch (Throwable $error) {
        echo '  ', get_class($error), ': ', $error->getMessage(), "\n";
    }
    if ($object !== null) {
        echo '  code: ', $object->returnCode(), "\n";
    }
}

// The answer of the job server at a port to a text command.
function ask(int $port, string $command): string
{
    $stream = fsockopen('127.0.0.1', $port);
    fwrite($stream, $command . "\n");
    return rtrim(fgets($stream));
}

// Ends the job server at a port at once.
function kill_server(int $port): void
{
    posix_kill((int) substr(ask($port, 'getpid'), 3), SIGKILL);
}

function wait_until_closed(int $port): void
{
    while ($stream = @fsockopen('127.0.0.1', $port)) {
        fclose($stream);
        usleep(1000);
    }
}

$port = (int) $argv[1];
$other = (int) $argv[2];

$client = new GearmanClient();
attempt('a client without servers', $client, fn() => $client->doNormal('f', 'x'));
attempt('a host that does not exist', $client, fn() => $client->addServer('host.invalid', 4730));

$client = client();
attempt('an empty name', $client, fn() => $client->doBackground('', 'x'));
attempt('a long name', $client, fn() => $client->doBackground(str_repeat('f', 513), 'x'));
attempt('a long unique id', $client, fn() => $client->doBackground('f', 'x', str_repeat('u', 65)));
attempt('nothing to wait for', $client, fn() => $client->wait());

$client->setTimeout(200);
attempt('no worker within the time limit', $client, fn() => $client->doNormal('idle', 'x'));

$client = client();
$client->doBackground('full', 'x');
ask($port, 'maxqueue full 1');
attempt('a full queue', $client, fn() => $client->doBackground('full', 'y'));

$pid = start_worker([
    'fails' => function (GearmanJob $job) {
        $job->sendFail();
    },
    'raises' => function (GearmanJob $job) {
        $job->sendException('no such picture');
    },
    'kills' => function () use ($port) {
        kill_server($port);
    },
]);
attempt('a job that failed', $client, fn() => $client->doNormal('fails', 'x'));
attempt('a job that raised an exception', $client, fn() => $client->doNormal('raises', 'x'));

$client->setExceptionCallback(function (GearmanTask $task) {
    echo '  exception: ', $task->data(), "\n";
});
attempt('its text, in a task', $client, function () use ($client) {
    $client->addTask('raises', 'x');
    $client->runTasks();
});

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', $other);
attempt('a worker without functions', $worker, fn() => $worker->work());
attempt('no such callback', null, fn() => $worker->addFunction('f', 'no_such_function'));
$worker->addFunction('f', fn() => '');
$worker->setTimeout(200);
attempt('no job within the time limit', $worker, fn() => $worker->work());
kill_server($other);
wait_until_closed($other);
attempt('a worker whose server has ended', $worker, fn() => $worker->work());

attempt('the server ends during a job', $client, fn() => $client->doNormal('kills', 'x'));
wait_until_closed($port);
attempt('no server any more', $client, fn() => $client->doNormal('f', 'x'));
attempt('no server at the start', null, fn() => client());
posix_kill($pid, SIGKILL);
