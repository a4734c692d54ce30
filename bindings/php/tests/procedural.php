<?php
// The procedural form of the interface: every gearman_* function of the extension.

require __DIR__ . '/common.php';

show('version', is_string(gearman_version()), is_string(gearman_bugreport()));
show('verbose', array_map('gearman_verbose_name', [0, 1, 2, 3, 4, 5]));

// A worker in a child, written with functions alone.
$worker_pid = in_child(function () {
    $worker = gearman_worker_create();
    gearman_worker_add_servers($worker, servers());
    gearman_worker_add_function($worker, 'describe', function (GearmanJob $job) {
        return implode(' ', [
            gearman_job_function_name($job), gearman_job_unique($job), gearman_job_workload($job),
            gearman_job_workload_size($job), preg_match('/^H:.+:\d+$/', gearman_job_handle($job)),
            gearman_job_return_code($job),
        ]);
    });
    gearman_worker_add_function($worker, 'sends', function (GearmanJob $job) {
        gearman_job_send_data($job, 'data');
        gearman_job_send_warning($job, 'warning');
        gearman_job_send_status($job, 1, 2);
        gearman_job_send_complete($job, 'complete');
    });
    gearman_worker_add_function($worker, 'fails', function (GearmanJob $job) {
        gearman_job_send_fail($job);
    });
    gearman_worker_add_function($worker, 'excepts', function (GearmanJob $job) {
        gearman_job_send_exception($job, 'exception');
    });
    gearman_worker_add_function($worker, 'returns', function (GearmanJob $job) {
        gearman_job_set_return($job, GEARMAN_WORK_FAIL);
    });
    $stop = false;
    gearman_worker_add_function($worker, 'stop', function () use (&$stop) {
        $stop = true;
    });
    while (!$stop) {
        @gearman_worker_work($worker);
    }
});

echo "a client\n";
$client = gearman_client_create();
show('fresh', gearman_client_return_code($client), gearman_client_get_errno($client), gearman_client_options($client));
show('server', gearman_client_add_server($client, '127.0.0.1', (int)$_SERVER['argv'][1]), gearman_client_return_code($client));
show('timeout', gearman_client_set_timeout($client, 20000), gearman_client_timeout($client));
show('options', gearman_client_set_options($client, GEARMAN_CLIENT_FREE_TASKS), gearman_client_options($client));
show('options', gearman_client_add_options($client, GEARMAN_CLIENT_NON_BLOCKING), gearman_client_options($client));
show('options', gearman_client_remove_options($client, GEARMAN_CLIENT_NON_BLOCKING), gearman_client_options($client));
show('context', gearman_client_set_context($client, 'a context'), gearman_client_context($client));
show('ping', gearman_client_ping($client, 'ping'));

echo "single jobs\n";
foreach (['gearman_client_do_normal', 'gearman_client_do_high', 'gearman_client_do_low'] as $do) {
    show($do, $do($client, 'describe', 'x', "unique $do"), gearman_client_return_code($client));
}
foreach (['sends', 'fails', 'excepts', 'returns'] as $name) {
    show($name, @gearman_client_do_normal($client, $name, 'x'), gearman_client_return_code($client));
    if (gearman_client_return_code($client) !== GEARMAN_SUCCESS) {
        show('error', gearman_client_error($client));
    }
}
show('status of do', gearman_client_do_status($client));
foreach (['gearman_client_do_background', 'gearman_client_do_high_background', 'gearman_client_do_low_background'] as $do) {
    $handle = $do($client, 'describe', 'x', "unique $do");
    show($do, preg_match('/^H:.+:\d+$/', $handle), gearman_client_do_job_handle($client) === $handle);
    show('forgotten', forgotten($client, $handle));
}
show('unknown', gearman_client_job_status($client, 'H:unknown:1'));
show('unknown', gearman_client_job_status_by_unique_key(client(), 'unknown'));

echo "tasks\n";
$client = gearman_client_create();
gearman_client_add_servers($client, servers());
$seen = [];
$setters = [
    'created' => 'gearman_client_set_created_callback',
    'data' => 'gearman_client_set_data_callback',
    'warning' => 'gearman_client_set_warning_callback',
    'status' => 'gearman_client_set_status_callback',
    'complete' => 'gearman_client_set_complete_callback',
    'exception' => 'gearman_client_set_exception_callback',
    'fail' => 'gearman_client_set_fail_callback',
];
foreach ($setters as $event => $setter) {
    $setter($client, function (GearmanTask $task) use ($event) {
        global $seen;
        $seen[gearman_task_unique($task)][] = [
            $event, gearman_task_function_name($task), gearman_task_return_code($task),
            preg_match('/^H:.+:\d+$/', (string)gearman_task_job_handle($task)),
            gearman_task_is_known($task), gearman_task_is_running($task),
            gearman_task_numerator($task), gearman_task_denominator($task),
            gearman_task_data($task), gearman_task_data_size($task),
        ];
    });
}
show('workload callback', gearman_client_set_workload_callback($client, fn() => GEARMAN_SUCCESS));
show('exceptions', gearman_client_enable_exception_handler($client));
$adders = [
    'gearman_client_add_task', 'gearman_client_add_task_high', 'gearman_client_add_task_low',
    'gearman_client_add_task_background', 'gearman_client_add_task_high_background',
    'gearman_client_add_task_low_background',
];
foreach ($adders as $add) {
    show($add, get_class($add($client, 'describe', 'x', null, $add)));
}
foreach (['sends', 'fails', 'excepts'] as $name) {
    gearman_client_add_task($client, $name, 'x', null, $name);
}
show('status task', get_class(gearman_client_add_task_status($client, 'H:unknown:1')));
show('run', gearman_client_run_tasks($client), gearman_client_return_code($client));
ksort($seen);
foreach ($seen as $unique => $events) {
    foreach ($events as $event) {
        show($unique, ...$event);
    }
}
show('clear', gearman_client_clear_callbacks($client));
$seen = [];
$task = gearman_client_add_task($client, 'describe', 'quiet', null, 'quiet');
show('run', gearman_client_run_tasks($client), count($seen));

stop_worker($worker_pid);

echo "a worker\n";
$worker = gearman_worker_create();
show('fresh', gearman_worker_return_code($worker), gearman_worker_errno($worker), gearman_worker_options($worker));
show('error', gearman_worker_error($worker));
show('server', gearman_worker_add_server($worker, '127.0.0.1', (int)$_SERVER['argv'][1]));
show('timeout', gearman_worker_set_timeout($worker, 2000), gearman_worker_timeout($worker));
show('options', gearman_worker_add_options($worker, GEARMAN_WORKER_GRAB_UNIQ), gearman_worker_options($worker));
show('options', gearman_worker_remove_options($worker, GEARMAN_WORKER_NON_BLOCKING), gearman_worker_options($worker));
show('options', gearman_worker_set_options($worker, GEARMAN_WORKER_TIMEOUT_RETURN | GEARMAN_WORKER_GRAB_UNIQ));
show('id', gearman_worker_set_id($worker, 'procedural'));
show('ping', gearman_worker_ping($worker, 'x'));
show('register', gearman_worker_register($worker, 'grabbed', 60), gearman_worker_return_code($worker));
$handle = client()->doBackground('grabbed', 'for grab_job');
$job = gearman_worker_grab_job($worker);
show('grabbed', gearman_job_workload($job), gearman_job_send_complete($job, 'done'));
unset($job);
show('forgotten', forgotten(client(), $handle));
show('unregister', gearman_worker_unregister($worker, 'grabbed'));
show('all', @gearman_worker_unregister_all($worker));
