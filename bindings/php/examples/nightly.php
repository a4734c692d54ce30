<?php
// A nightly job: cron submits it, workers do it, and the result is a report.
//
//   php nightly.php [-h HOST] [-p PORT]
//
// The extension has no call for jobs with a time, so the time is cron's:
//
//   0 3 * * *  php submit_nightly.php
//
// The unique id is made from the date: while the job waits or runs, another machine with the
// same crontab adds none; after that a second job comes to the same report. The job divides
// the accounts among background jobs of low priority, which do not delay what people wait
// for. This program is cron on two machines, and two workers that come later.

require __DIR__ . '/demo.php';

const ACCOUNTS = ['anna' => [12, 30, 7], 'ben' => [5], 'carla' => [], 'dan' => [100, 1]];

// What cron runs; the handle of the job.
function submit_nightly(string $date): string
{
    $client = client();
    $handle = @$client->doLowBackground('nightly', $date, "nightly-$date");
    return $client->returnCode() === GEARMAN_SUCCESS ? $handle : fail($client->error());
}

function nightly(GearmanJob $job): void
{
    $date = $job->workload();
    $client = client();
    foreach (array_keys(ACCOUNTS) as $account) {
        $client->addTaskLowBackground('account', json_encode([$date, $account]), null, "$date-$account");
    }
    if (!$client->runTasks()) {
        throw new RuntimeException($client->error());
    }
}

// Adds up one account. A file per account: a job that is repeated counts once.
function account(GearmanJob $job, string $directory): void
{
    [$date, $account] = json_decode($job->workload(), true);
    $file = "$directory/$date-$account";
    file_put_contents("$file.unfinished", (string) array_sum(ACCOUNTS[$account]));
    rename("$file.unfinished", "$file.sum");
}

function report(string $directory, string $date): array
{
    $sums = [];
    foreach (glob("$directory/$date-*.sum") as $file) {
        $sums[substr(basename($file, '.sum'), strlen($date) + 1)] = (int) file_get_contents($file);
    }
    return $sums;
}

$directory = temporary_directory();
$date = '2026-11-29';
$handles = array_unique([submit_nightly($date), submit_nightly($date)]);
echo "$date: submitted by two machines, ", count($handles) === 1 ? 'one job' : 'two jobs', "\n";
start_workers(2, ['nightly' => nightly(...), 'account' => fn($job) => account($job, $directory)]);
until('every account is added up', fn() => count(report($directory, $date)) === count(ACCOUNTS));
foreach (report($directory, $date) as $account => $sum) {
    printf("  %-6s %4d\n", $account, $sum);
}
