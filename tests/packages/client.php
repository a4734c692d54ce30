<?php
// Submits one job, to the function and with the text that the arguments say, and
// prints the result.

[, $function, $text] = $argv;
$client = new GearmanClient();
$client->addServer('127.0.0.1');
$result = $client->doNormal($function, $text);
if ($client->returnCode() !== GEARMAN_SUCCESS) {
    fwrite(STDERR, $client->error() . "\n");
    exit(1);
}
echo "$result\n";
