# What Perl code over libgearman relies on. GEARMAN_TEST_PORT is the job server's.
use strict;
use warnings;
use Test::More;
use GearmanProbe;

my $servers = "127.0.0.1:$ENV{GEARMAN_TEST_PORT}";
my ($SUCCESS, $WORK_FAIL, $PAUSE, $TIMEOUT) = (0, 24, 38, 47);

# Runs a worker in a child for so many calls of work; each must end well or die.
sub worker {
    my ($function, $calls, $body) = @_;
    my $pid = fork() // die "fork: $!";
    return $pid if $pid;
    my $worker = GearmanProbe::Worker->new($servers, $function, $body);
    eval { $worker->work() } for 1 .. $calls;
    undef $worker;
    require POSIX;
    POSIX::_exit(0);
}

sub ended { waitpid(shift, 0); $? }

subtest 'a job is waited for' => sub {
    my $pid = worker('reverse', 3, sub { scalar reverse $_[0] });
    my $client = GearmanProbe::Client->new($servers);
    is_deeply [$client->do('reverse', 'Hello World!')], [$SUCCESS, '!dlroW olleH'];
    is_deeply [$client->do('reverse', "\0\xff")], [$SUCCESS, "\xff\0"], 'bytes of any value';
    my $large = join '', map { pack 'n', $_ % 65536 } 1 .. 1_000_000;
    my ($code, $result) = $client->do('reverse', $large);
    ok $code == $SUCCESS && $result eq reverse($large), 'two million bytes';
    is ended($pid), 0;
};

subtest 'a job that fails' => sub {
    my $pid = worker('refuse', 1, sub { undef });
    my $client = GearmanProbe::Client->new($servers);
    is_deeply [$client->do('refuse', 'x')], [$WORK_FAIL];
    is ended($pid), 0;
};

subtest 'a workload is looked at without a copy, and cannot be changed' => sub {
    my $pid = worker('look', 1, sub { eval { $_[0] .= 'x'; 1 } ? 'changed' : "kept $_[0]" });
    my $client = GearmanProbe::Client->new($servers);
    is_deeply [$client->do('look', 'text')], [$SUCCESS, 'kept text'];
    is ended($pid), 0;
};

subtest 'tasks are kept beyond the run, and outlive the name of their client' => sub {
    my $pid = worker('reverse', 3, sub { scalar reverse $_[0] });
    my $client = GearmanProbe::Client->new($servers);
    my @seen;
    $client->on_complete(sub { push @seen, $_[0]; undef });
    my @tasks = map { $client->add('reverse', $_) } 'abc', 'def', 'ghi';
    is $client->run(), $SUCCESS;
    is_deeply [sort @seen], ['cba', 'fed', 'ihg'];
    undef $client;
    is_deeply [map { $_->function() } @tasks], [('reverse') x 3];
    is_deeply [map { $_->code() } @tasks], [($SUCCESS) x 3];
    like $_->handle(), qr/^H:/ for @tasks;
    splice @tasks, 1, 1;
    is scalar(@tasks), 2, 'and freed in any order';
    is ended($pid), 0;
};

subtest 'a callback that dies ends the run, and the client goes on' => sub {
    my $pid = worker('reverse', 4, sub { scalar reverse $_[0] });
    my $client = GearmanProbe::Client->new($servers);
    my @seen;
    $client->on_complete(sub { push @seen, $_[0]; die "no\n" if $_[0] eq 'cba'; undef });
    my @tasks = map { $client->add('reverse', $_) } 'abc', 'def', 'ghi';
    my $deaths = 0;
    until (defined eval { $client->run() }) {
        is $@, "no\n";
        die 'it dies for ever' if ++$deaths > 3;
    }
    is $deaths, 1, 'a callback that died counts as called';
    is_deeply [sort @seen], ['cba', 'fed', 'ihg'];
    is_deeply [$client->do('reverse', 'afterwards')], [$SUCCESS, 'sdrawretfa'];
    is ended($pid), 0;
};

subtest 'a callback that pauses is called again' => sub {
    my $pid = worker('reverse', 1, sub { scalar reverse $_[0] });
    my $client = GearmanProbe::Client->new($servers);
    my $calls = 0;
    $client->on_complete(sub { ++$calls == 1 ? $PAUSE : $SUCCESS });
    my $task = $client->add('reverse', 'abc');
    is $client->run(), $PAUSE;
    is $client->run(), $SUCCESS;
    is $calls, 2;
    is ended($pid), 0;
};

subtest 'a function that dies gives its job to the next worker' => sub {
    my $client = GearmanProbe::Client->new($servers);
    my $first = worker('fragile', 1, sub { die "no\n" });
    my $next;
    my $answer = fork() // die "fork: $!";
    if (!$answer) {
        my @got = GearmanProbe::Client->new($servers)->do('fragile', 'x');
        require POSIX;
        POSIX::_exit("@got" eq "$SUCCESS saved" ? 0 : 1);
    }
    is ended($first), 0;
    $next = worker('fragile', 1, sub { 'saved' });
    is ended($_), 0 for $next, $answer;
};

subtest 'a worker that died in its function works on' => sub {
    my $calls = 0;
    my $pid = worker('moody', 2, sub { ++$calls == 1 ? die "no\n" : "call $calls" });
    my $client = GearmanProbe::Client->new($servers);
    is_deeply [$client->do('moody', 'x')], [$SUCCESS, 'call 2'];
    is ended($pid), 0;
};

subtest 'an idle worker comes back after its time' => sub {
    my $worker = GearmanProbe::Worker->new($servers, 'idle', sub { 'x' });
    $worker->timeout(20);
    is $worker->work(), $TIMEOUT;
};

done_testing;
