<?php
// A web request. Its query chooses what a process of php-fpm does; the process continues to
// run afterwards, with the library loaded.

parse_str($_SERVER['QUERY_STRING'], $query);
$client = new GearmanClient();
$client->addServers('127.0.0.1:' . $query['port']);
$client->setTimeout(20000);

function answer(...$values): void
{
    echo json_encode($values), "\n";
}

switch ($query['what']) {
    case 'do':
        answer($client->doNormal('reverse', 'Hello World!'), $client->returnCode());
        break;
    case 'tasks':
        $client->setCompleteCallback(fn(GearmanTask $task) => answer($task->unique(), $task->data()));
        $client->addTask('reverse', 'abc', null, 'one');
        answer($client->runTasks(), $client->returnCode());
        break;
    case 'exhausted':
        // A fatal error inside a callback, after which the process serves other requests.
        ini_set('display_errors', '0');
        ini_set('memory_limit', '16M');
        register_shutdown_function(function () use ($client) {
            $client->clearCallbacks();
            answer('afterwards', $client->doNormal('reverse', 'abc'));
        });
        $client->setCompleteCallback(fn(GearmanTask $task) => str_repeat('x', 64 << 20));
        $client->addTask('reverse', 'abc');
        $client->runTasks();
        break;
    case 'exit':
        $client->setCompleteCallback(function (GearmanTask $task) {
            answer('leaving', $task->data());
            exit;
        });
        $client->addTask('reverse', 'abc');
        $client->runTasks();
        break;
    case 'thrown':
        $client->setCompleteCallback(function (GearmanTask $task) {
            throw new RuntimeException($task->data());
        });
        $client->addTask('reverse', 'abc');
        try {
            $client->runTasks();
        } catch (RuntimeException $exception) {
            answer('caught', $exception->getMessage());
        }
        break;
    case 'who':
        preg_match_all('~/\S*libgearman\S*~', file_get_contents('/proc/self/maps'), $found);
        answer(getmypid(), array_values(array_unique($found[0])));
        break;
}
