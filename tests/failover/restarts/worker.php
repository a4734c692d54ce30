<?php
// Works for two servers until it is killed, in the loop of PHP's manual. Appends a line to a
// file for each job, with its workload. Arguments: two ports, and the file.

$worker = new GearmanWorker();
$worker->addServers("127.0.0.1:$argv[1],127.0.0.1:$argv[2]");
$worker->addFunction('record', function (GearmanJob $job) use ($argv) {
    file_put_contents($argv[3], $job->workload() . "\n", FILE_APPEND | LOCK_EX);
    return $job->workload();
});
$worker->setTimeout(1000);
while (true) {
    @$worker->work();
}
