<?php
// The methods of clients that need no job.

require __DIR__ . '/common.php';

$client = new GearmanClient();
show('fresh', $client->returnCode(), $client->error(), $client->getErrno(), $client->options(), $client->timeout());
show('no servers', @$client->doNormal('x', 'y'), $client->returnCode());
show('set timeout', $client->setTimeout(1500), $client->timeout());
show('options', $client->addOptions(GEARMAN_CLIENT_NON_BLOCKING), $client->options());
show('options', $client->removeOptions(GEARMAN_CLIENT_NON_BLOCKING), $client->options());
show('options', $client->setOptions(GEARMAN_CLIENT_FREE_TASKS | GEARMAN_CLIENT_UNBUFFERED_RESULT), $client->options());
show('context', $client->context(), $client->setContext('a context'), $client->context());
show('add server', $client->addServers(servers()), $client->returnCode());
show('ping', $client->ping('are you there'), $client->returnCode());

echo "no server listens\n";
// Port 1 of the loopback address: it is privileged, and no server listens there.
$client = new GearmanClient();
show('add server', $client->addServer('127.0.0.1', 1, false), $client->returnCode());
show('do', @$client->doNormal('x', 'y'), $client->returnCode(), $client->getErrno());
show('background', @$client->doBackground('x', 'y'), $client->returnCode());
show('ping', @$client->ping('x'), $client->returnCode());

echo "no server answers\n";
$client = client();
$client->setTimeout(50);
show('do', @$client->doNormal('no worker does this', 'y'), $client->returnCode());
