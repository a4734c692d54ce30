#!/usr/bin/perl
# Writes the manual pages (section 3) of the C library from the comments of its headers:
# a page for each function and each type, and libgearman(3), which lists them.
#
#   man3.pl INCLUDE-DIRECTORY OUTPUT-DIRECTORY VERSION
#
# A comment of a function has paragraphs. One that begins with "Returns" is for RETURN
# VALUE, the list after "Errors:" for ERRORS, and "Requires:" for CAVEATS. A function whose
# comment is "Like NAME(), ..." shares the page of NAME. A type that was published by older
# versions, as its comment then says, has no page. The programs in man3-examples, beside this
# script, are for EXAMPLES: their first comment lists the pages.
#
# Ends with an error if a comment is missing, names a parameter that does not exist, or
# does not mention one that does.
use strict;
use warnings;
use File::Basename qw(dirname);
use POSIX qw(strftime);

die "usage: $0 INCLUDE-DIRECTORY OUTPUT-DIRECTORY VERSION\n" unless @ARGV == 3;
my ($include, $output, $version) = @ARGV;

# Words in backquotes that are not parameters.
my %words = map { $_ => 1 } qw(malloc free errno gearman_client_options_t gearman_worker_options_t
    ca full none);

my @headers = map { header($_) } sort glob("$include/libgearman-1.0/*.h $include/libgearman-1.0/interface/*.h");
my %functions = map { $_->{name} => $_ } map { @{$_->{functions}} } @headers;
my %types = map { $_->{name} => $_ } map { @{$_->{types}} } @headers;
my %examples = examples();

for my $function (sort { $a->{name} cmp $b->{name} } values %functions) {
    check_parameters($function);
    my ($base) = $function->{description}[0] =~ /^Like (\w+)\(\), /;
    next unless defined $base;
    die "$function->{name}: $base has no page\n" unless $functions{$base};
    push @{$functions{$base}{variants}}, $function;
    $function->{base} = $base;
}
for my $function (values %functions) {
    if ($function->{base}) {
        write_page($function->{name}, ".so man3/$function->{base}.3");
    } else {
        function_page($function);
    }
}
type_page($_) for values %types;
overview();
for my $name (keys %examples) {
    die "man3-examples: no page is called $name\n" unless $functions{$name} || $types{$name};
}

# Reads a header: its first comment, and its functions and types with theirs.
sub header {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    my $text = do { local $/; <$file> };
    my ($about) = $text =~ m{\A/\*(.*?)\*/}s or die "$path: has no comment\n";
    (my $name = $path) =~ s{.*libgearman-1.0/}{};
    my $header = {name => $name, about => [paragraphs($about)], functions => [], types => []};

    # The parts that only C++ sees.
    $text =~ s/^#ifdef __cplusplus\n.*?^#(else|endif)[^\n]*\n//msg;
    my $comment = qr{(?:/\*((?:(?!\*/).)*)\*/\s*)?}s;
    while ($text =~ m~$comment^(?:GEARMAN_API\s+|static inline )([^;{=]*?(\w+)\([^;{]*\))\s*[;{]~msg) {
        my ($doc, $prototype, $function) = ($1, $2, $3);
        die "$path: $function has no comment\n" unless defined $doc;
        push @{$header->{functions}}, function($function, "$prototype;", $doc, $header);
    }
    my $braces = qr/\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/;
    while ($text =~ m~$comment^(typedef enum $braces (\w+)|(?:enum|struct) (\w+) $braces|typedef struct \w+ (\w+)|typedef [^;{}]*?\((\w+)\)\([^;]*\)|typedef char (\w+)\[\w+\]);~msg) {
        my ($doc, $declaration, $type) = ($1, $2, $3 // $4 // $5 // $6 // $7);
        # A forward declaration, or a type that no function takes.
        next if $declaration =~ /^typedef struct/ && !defined $doc;
        die "$path: $type has no comment\n" unless defined $doc;
        next if $doc =~ /Published by older versions/;
        push @{$header->{types}}, {
            name => $type, declaration => "$declaration;", header => $header,
            description => [paragraphs($doc)],
        };
    }
    return $header;
}

sub function {
    my ($name, $prototype, $doc, $header) = @_;
    my $function = {
        name => $name, prototype => $prototype, header => $header, variants => [],
        description => [], returns => [], errors => [], requires => [],
    };
    $doc =~ s/^\s*\* ?//mg;
    for my $block (grep { /\S/ } split /\n\s*\n/, $doc) {
        $block =~ s/^\s+|\s+$//g;
        if ($block =~ s/^Errors:\s*//) {
            for my $item (split /^- /m, $block) {
                next unless $item =~ /\S/;
                $item =~ s/\s*\n\s*/ /g;
                my ($code, $text) = $item =~ /^`(GEARMAN_\w+)`: (.*?)\s*$/ or die "$name: $item\n";
                push @{$function->{errors}}, [$code, $text =~ /^gearman_/ ? $text : ucfirst $text];
            }
            next;
        }
        $block =~ s/\s*\n\s*/ /g;
        my $part = $block =~ /^Returns / ? 'returns' : $block =~ s/^Requires: // ? 'requires' : 'description';
        push @{$function->{$part}}, $block;
    }
    die "$name: does not say what it returns\n"
        if $prototype !~ /^void \w/ && !@{$function->{returns}} && $function->{description}[0] !~ /^Like /;
    return $function;
}

# The names of a function's parameters.
sub parameters {
    my ($function) = @_;
    my ($list) = $function->{prototype} =~ /\((.*)\);/s;
    return grep { $_ ne 'void' } map { /(\w+)\s*$/ } split /,/, $list;
}

sub check_parameters {
    my ($function) = @_;
    my %parameters = map { $_ => 1 } parameters($function);
    my $text = join ' ', map({ @{$function->{$_}} } qw(description returns requires)),
        map { $_->[1] } @{$function->{errors}};
    for my $word ($text =~ /`([a-z][\w]*)[^`]*`/g) {
        die "$function->{name}: has no parameter $word\n" unless $parameters{$word} || $words{$word};
    }
    return if "@{$function->{description}}" =~ /^Like |The arguments are those of/;
    for my $parameter (keys %parameters) {
        my $is_mentioned = $text =~ /`$parameter\b/ || ($parameter =~ /_fn$/ && $text =~ /each function is/);
        die "$function->{name}: does not mention $parameter\n" unless $is_mentioned;
    }
}

# The paragraphs of a comment, each in one line.
sub paragraphs {
    my ($comment) = @_;
    $comment =~ s/^\s*\*? ?//mg;
    return map { s/\s*\n\s*/ /gr } map { s/^\s+|\s+$//gr } grep { /\S/ } split /\n\s*\n/, $comment;
}

# The examples by the pages that they are for.
sub examples {
    my %found;
    for my $path (sort glob(dirname($0) . '/man3-examples/*.c')) {
        open my $file, '<', $path or die "$path: $!\n";
        my $text = do { local $/; <$file> };
        $text =~ s{\A/\*(.*?)\*/\n}{}s or die "$path: names no page\n";
        push @{$found{$_}}, $text for $1 =~ /(\w+)/g;
    }
    return %found;
}

# Text as roff takes it: codes and functions in bold, parameters in italics.
sub roff {
    my ($text) = @_;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    # Names are not hyphenated.
    $text =~ s/\b(gearman_|GEARMAN_)/\\%$1/g;
    $text =~ s/`(\\%GEARMAN_\w+)`/\\fB$1\\fR/g;
    $text =~ s/`(?:\\%)?([^`]*)`/\\fI\\%$1\\fR/g;
    $text =~ s/(\\%gearman_\w+)\(\)/\\fB$1\\fR()/g;
    $text =~ s/^([.'])/\\&$1/mg;
    return $text;
}

# Lines of C as roff takes them.
sub code {
    my ($text) = @_;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    $text =~ s/'/\\(aq/g;
    $text =~ s/`/\\(ga/g;
    $text =~ s/\^/\\(ha/g;
    $text =~ s/~/\\(ti/g;
    $text =~ s/^\./\\&./mg;
    $text =~ s/\n+\z//;
    return $text;
}

# What whatis(1) shows: the first sentence, or its beginning if it is long, with a small
# first letter.
sub summary {
    my ($paragraph) = @_;
    my ($sentence) = $paragraph =~ /^(.*?[^.])\.(?:\s|$)/;
    $sentence //= $paragraph;
    $sentence =~ s/^(.{20,80}?)[,;:] .*$/$1/ if length $sentence > 80;
    $sentence =~ tr/`//d;
    return $sentence =~ /^[A-Z][a-z]*\b/ ? lcfirst $sentence : $sentence;
}

sub write_page {
    my ($name, @lines) = @_;
    open my $file, '>', "$output/$name.3" or die "$output/$name.3: $!\n";
    print $file map { "$_\n" } @lines;
    close $file or die "$output/$name.3: $!\n";
}

# The date of the sources, as package builds give it.
sub title {
    my ($name) = @_;
    my $date = defined $ENV{SOURCE_DATE_EPOCH} ? strftime('%Y-%m-%d', gmtime $ENV{SOURCE_DATE_EPOCH}) : '';
    # Lines are not filled to the margin, which would stretch the spaces between long names.
    return (qq{.TH $name 3 "$date" "Gearman $version" "Gearman library"}, '.ad l');
}

sub synopsis {
    my ($header, @declarations) = @_;
    # gearman.h includes every other header.
    my $file = $header->{name} eq 'extension.h' ? 'libgearman-1.0/extension.h' : 'libgearman/gearman.h';
    return (
        '.SH SYNOPSIS', '.nf', "\\fB#include <$file>\\fR", map({ ('', $_) } @declarations), '.fi',
        '.PP', 'Compile and link with the output of \fIpkg\-config \-\-cflags \-\-libs \%gearmand\fR.',
    );
}

sub section {
    my ($title, @paragraphs) = @_;
    return @paragraphs ? (".SH $title", join("\n.PP\n", map { roff($_) } @paragraphs)) : ();
}

sub see_also {
    my ($text, @self) = @_;
    my %self = map { $_ => 1 } @self;
    my %others = map { $_ => 1 } grep { ($functions{$_} || $types{$_}) && !$self{$_} } $text =~ /\b(gearman_\w+)\b/g;
    return ('.SH SEE ALSO', join(",\n", map({ "\\fB\\%$_\\fR(3)" } sort keys %others), '\fBlibgearman\fR(3)'));
}

sub example {
    my ($name) = @_;
    my $found = $examples{$name} or return ();
    return ('.SH EXAMPLES', map { ('.EX', code($_), '.EE') } @$found);
}

sub function_page {
    my ($function) = @_;
    my $name = $function->{name};
    my @all = ($function, @{$function->{variants}});
    my @names = map { $_->{name} } @all;
    my @variants = map { my $v = $_; $v->{description}[0] =~ s/^Like/$v->{name}() is like/r } @{$function->{variants}};
    my @caveats = map { /^As for/ ? $_ : "The program must ensure that $_" } @{$function->{requires}};
    my $text = join ' ', @{$function->{description}}, @{$function->{returns}}, map { $_->{prototype} } @all;
    write_page(
        $name, title($name),
        '.SH NAME', join(', ', @names) . ' \- ' . roff(summary($function->{description}[0])),
        synopsis($function->{header}, map { '\fB' . code($_->{prototype}) . '\fR' } @all),
        section('DESCRIPTION', @{$function->{description}}, @variants),
        section('RETURN VALUE', @{$function->{returns}}),
        (@{$function->{errors}} ? '.SH ERRORS' : ()),
        map({ ('.TP', "\\fB$_->[0]\\fR", roff($_->[1])) } @{$function->{errors}}),
        section('CAVEATS', @caveats),
        example($name),
        see_also($text, @names),
    );
}

# A declaration without its comments.
sub bare {
    my ($declaration) = @_;
    $declaration =~ s{[ \t]*/\*.*?\*/}{}gs;
    $declaration =~ s/\n\s*\n/\n/g;
    return $declaration;
}

# The enumerators of an enum with their values and comments.
sub enumerators {
    my ($declaration) = @_;
    my ($body) = $declaration =~ /\{(.*)\}/s;
    my (@found, %values);
    my $next = 0;
    my $before;
    while ($body =~ m~/\*(.*?)\*/|(\w+)(?:\s*=\s*([^,/\n]+))?,?(?:[ \t]*/\*(.*?)\*/)?~gs) {
        if (defined $1) { $before = $1; next }
        my ($name, $value, $comment) = ($2, $3, $4 // $before);
        $before = undef;
        $next = !defined $value ? $next : $value =~ /1 << (\d+)/ ? 1 << $1 : $values{$value =~ s/\s+//gr};
        $values{$name} = $next;
        die "$name has no comment\n" unless defined $comment;
        push @found, [$name, $next, $comment =~ s/^\s+|\s+$//gr];
        $next++;
    }
    return @found;
}

sub type_page {
    my ($type) = @_;
    my ($name, $declaration) = @$type{qw(name declaration)};
    my (@items, $shown);
    if ($declaration =~ /^(typedef )?enum\b/) {
        @items = map { ("\\fB\\%$_->[0]\\fR ($_->[1])", $_->[2]) } enumerators($declaration);
        $shown = "enum $name;";
    } else {
        $shown = bare($declaration);
        while ($declaration =~ m~(\w+)(?:\[[^\]]*\])?;[ \t]*/\*(.*?)\*/~gs) {
            push @items, "\\fI$1\\fR", $2 =~ s/^\s+|\s+$//gr;
        }
    }
    my @list;
    while (my ($term, $text) = splice @items, 0, 2) {
        push @list, '.TP', $term, roff($text);
    }
    write_page(
        $name, title($name),
        '.SH NAME', "$name \\- " . roff(summary($type->{description}[0])),
        synopsis($type->{header}, '\fB' . code($shown) . '\fR'),
        section('DESCRIPTION', @{$type->{description}}), @list,
        example($name),
        see_also(join(' ', @{$type->{description}}, $declaration), $name),
    );
}

sub overview {
    my @body = (
        title('libgearman'),
        '.SH NAME', 'libgearman \- library for clients and workers of a Gearman job server',
        '.SH SYNOPSIS', '.nf', '\fB#include <libgearman/gearman.h>\fR', '',
        '\fBcc\fR program.c $(\fBpkg\-config\fR \-\-cflags \-\-libs gearmand)', '.fi',
        section('DESCRIPTION', split /\n\n/, <<'TEXT'),
A client submits jobs to a job server, which queues them and gives them to workers that offer their functions. A program is a client with a `gearman_client_st`, and a worker with a `gearman_worker_st`.

A client is made by gearman_client_create() and gets its servers by gearman_client_add_server() or gearman_client_add_servers(). gearman_client_do() submits one job and waits for its result; gearman_client_do_background() does not wait for the result. gearman_client_add_task() and gearman_client_run_tasks() run many jobs at the same time.

A worker is made by gearman_worker_create(), gets its servers in the same way, and offers functions by gearman_worker_add_function() or gearman_worker_define_function(). Each call of gearman_worker_work() waits for one job and calls its function.
TEXT
        '.SS Ownership',
        join("\n.PP\n", map { roff($_) } split /\n\n/, <<'TEXT'),
An object is live from the call that makes it until the call that frees it. The pages say which memory the caller frees, and with what. Strings and data that belong to an object are valid until it is freed, unless the page says less. Every function takes NULL instead of an object, and then does nothing or returns `GEARMAN_INVALID_ARGUMENT`.
TEXT
        '.SS Threads and processes',
        join("\n.PP\n", map { roff($_) } split /\n\n/, <<'TEXT'),
Different threads can use different clients and workers at the same time. One client or worker, with its tasks or jobs, may be used by one thread at a time; gearman_worker_id() and gearman_kill() are the exceptions. After fork() the child may use the objects of its parent: it makes connections of its own and leaves those of the parent alone.
TEXT
        '.SS Callbacks',
        join("\n.PP\n", map { roff($_) } split /\n\n/, <<'TEXT'),
Callbacks and functions of workers may call any function on the same client or worker, free it, and leave by longjmp() or a C++ exception.
TEXT
        '.SS Errors',
        join("\n.PP\n", map { roff($_) } split /\n\n/, <<'TEXT'),
Functions return a `gearman_return_t`, or store one at `ret_ptr`. gearman_strerror() gives its name; gearman_client_error() and gearman_worker_error() give a text about the last error.
TEXT
        '.SH ENVIRONMENT', '.TP', 'GEARMAN_SERVERS',
        'A list of servers that every new client and worker gets, in the form of ' . roff('gearman_client_add_servers().'),
        '.TP', 'GEARMAN_RESUBMISSIONS',
        'How often a new client may submit a lost job again; see ' . roff('gearman_client_set_resubmissions().'),
        '.TP', 'GEARMAN_KEEPALIVE',
        'After how many seconds a new client or worker gives up a server whose host has vanished; see ' . roff('gearman_client_set_keepalive().'),
        '.SH FILES', '.TP', '\fI/usr/share/doc/libgearman\-dev/examples\fR',
        'Programs for the most common uses.',
        '.SH FUNCTIONS AND TYPES',
    );
    for my $header (@headers) {
        my @pages = (@{$header->{types}}, @{$header->{functions}}) or next;
        push @body, ".SS $header->{name}", join("\n.PP\n", map { roff($_) } @{$header->{about}});
        for my $page (@pages) {
            push @body, '.TP', "\\fB$page->{name}\\fR(3)", roff(ucfirst summary($page->{description}[0])) . '.';
        }
    }
    push @body, '.SH SEE ALSO', '\fBgearmand\fR(8), \fBgearman\fR(1), \fBgearadmin\fR(1)';
    write_page('libgearman', @body);
}
