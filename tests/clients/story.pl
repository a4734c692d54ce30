# The pure-Perl Gearman::Client and Gearman::Worker on two job servers: what each
# step of the story came to, a line per step. Arguments: two ports.
use strict;
use warnings;
use Gearman::Client;
use Gearman::Worker;
use IO::Socket::INET;
use POSIX ();

$| = 1;
my @servers = map {"127.0.0.1:$_"} @ARGV;
my @workers;
END { kill 'KILL', @workers if @workers }

# A process that works on all servers until it is ended.
sub start_worker {
    my ($servers, %functions) = @_;
    my $pid = fork() // die "fork: $!";
    if ($pid) {
        push @workers, $pid;
        return $pid;
    }
    @workers = ();
    my $worker = Gearman::Worker->new(job_servers => $servers);
    $worker->register_function($_ => $functions{$_}) for keys %functions;
    open STDERR, '>', '/dev/null';
    $worker->work while 1;
}

sub stop_worker {
    my ($pid) = @_;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    @workers = grep { $_ != $pid } @workers;
}

# Every byte value, in a size that no buffer has.
my $bytes = join('', map { chr(($_ * 7) & 255) } 0 .. 255) x (10 * 4096);

pipe(my $go_read, my $go_write) or die "pipe: $!";
my $worker = start_worker(
    [$servers[0]],
    reverse => sub { scalar reverse $_[0]->arg },
    bytes   => sub { $_[0]->arg },
    fail    => sub { undef },
    wait    => sub {
        $_[0]->set_status(3, 7);
        sysread($go_read, my $go, 1);
        'done';
    },
);

my $client = Gearman::Client->new(job_servers => [$servers[0]]);

my $result = $client->do_task(reverse => 'hello');
print "foreground: $$result\n";
$result = $client->do_task(bytes => \$bytes);
print "large: ", length($$result), ($$result eq $bytes ? ' the same' : ' others'), "\n";

my $failed = 0;
$client->do_task(fail => 'x', { on_fail => sub { $failed++ } });
print "failure: $failed\n";

my @tasks;
my $set = $client->new_task_set;
for my $number (1 .. 20) {
    $set->add_task(reverse => "job $number", { on_complete => sub { push @tasks, ${ $_[0] } } });
}
$set->wait;
print "many at once: ", scalar(@tasks), " ", (sort @tasks)[0], "\n";

# The worker's exception reaches a client that asked for exceptions. This worker
# ends itself then: it also says that the job has failed, and takes the server's
# answer to that for a reason to die.
start_worker([$servers[0]], die => sub { die "boo\n" });
my $demanding = Gearman::Client->new(job_servers => [$servers[0]], exceptions => 1);
my $exception = 'none';
$demanding->do_task(die => 'x', { on_exception => sub { $exception = 'came' } });
print "exception: $exception\n";

# The status of a background job, from its worker and at its end.
my $handle = $client->dispatch_background(wait => 'x');
my $status;
do { $status = $client->get_status($handle) } until $status && $status->progress->[1];
print "status: known ", $status->known, " running ", $status->running,
    " progress ", join('/', @{ $status->progress }), "\n";
syswrite($go_write, 'x');
do { $status = $client->get_status($handle) } while $status->known;
print "status at the end: known ", $status->known, "\n";

# Of jobs that wait the urgent come first.
for my $priority (qw(low normal high low normal high)) {
    $client->dispatch_background('order', $priority, { priority => $priority });
}
pipe(my $order_read, my $order_write) or die "pipe: $!";
my $ordering = start_worker(
    [$servers[0]],
    order => sub { syswrite($order_write, $_[0]->arg . ' '); 1 },
);
my $order = '';
sysread($order_read, $order, 100, length $order) until (() = $order =~ / /g) == 6;
print "order: $order\n";
stop_worker($ordering);

# A worker that is ended in the middle of a job: another one does it.
pipe(my $started_read, my $started_write) or die "pipe: $!";
my $lost = start_worker([$servers[0]], lost => sub { syswrite($started_write, 'x'); sleep 600 });
my $retried = 'no';
$set = $client->new_task_set;
$set->add_task(lost => 'x', { on_complete => sub { $retried = ${ $_[0] } } });
sysread($started_read, my $started, 1);
stop_worker($lost);
start_worker([$servers[0]], lost => sub { 'by another worker' });
$set->wait;
print "lost worker: $retried\n";

# Two servers: a worker that is on both gets the jobs of both, and a client goes
# on with one when the other is not there.
start_worker([@servers], both => sub { 'from both' });
for my $server (@servers) {
    $result = Gearman::Client->new(job_servers => [$server])->do_task(both => 'x');
    print "two servers: $$result\n";
}
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp', Listen => 1);
my $down = '127.0.0.1:' . $closed->sockport;
close $closed;
my $both = Gearman::Client->new(job_servers => [$down, $servers[1]]);
my %results = map { ${ $both->do_task(both => "$_") // \'nothing' } => 1 } 1 .. 8;
print "one server down: ", join(', ', sort keys %results), "\n";
