#!/usr/bin/perl
# Writes the man pages of the C library's functions from what its headers say: one page
# for each function, and libgearman(3) with a list of all.
#
#   man3.pl INCLUDE-DIRECTORY OUTPUT-DIRECTORY VERSION
use strict;
use warnings;

die "usage: $0 INCLUDE-DIRECTORY OUTPUT-DIRECTORY VERSION\n" unless @ARGV == 3;
my ($include, $output, $version) = @ARGV;

# What a header says of itself, and its functions with theirs.
my @headers = map { header($_) } sort glob("$include/libgearman-1.0/*.h");
my %known = map { $_->{name} => 1 } map { @{$_->{functions}} } @headers;
for my $header (@headers) {
    function_page($_, $header) for @{$header->{functions}};
}
overview();

sub header {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    my $text = do { local $/; <$file> };
    my ($about) = $text =~ m{\A/\*(.*?)\*/}s or die "$path: does not say what it is\n";
    my @functions;
    while ($text =~ m~(?:/\*((?:(?!\*/).)*)\*/\s*)?^GEARMAN_API\s+([^;{]*?(\w+)\([^;{]*\));~msg) {
        my ($doc, $prototype, $name) = ($1, $2, $3);
        die "$path: nothing is said of $name\n" unless defined $doc;
        push @functions, {name => $name, prototype => "$prototype;", paragraphs => [paragraphs($doc)]};
    }
    (my $name = $path) =~ s{.*/}{};
    return {name => $name, about => [paragraphs($about)], functions => \@functions};
}

# The paragraphs of a comment, each in one line.
sub paragraphs {
    my ($comment) = @_;
    $comment =~ s/^\s*\*? ?//mg;
    return map { s/\s*\n\s*/ /gr } map { s/^\s+|\s+$//gr } grep { /\S/ } split /\n\s*\n/, $comment;
}

# Text as roff takes it, with code in italics.
sub roff {
    my ($text) = @_;
    $text =~ s/\\/\\e/g;
    $text =~ s/-/\\-/g;
    $text =~ s/`([^`]*)`/\\fI$1\\fR/g;
    $text =~ s/^([.'])/\\&$1/mg;
    return $text;
}

# What whatis(1) shows: the first sentence, or its beginning where it is a long one. The
# first word is small unless it is a name.
sub summary {
    my ($paragraph) = @_;
    my ($sentence) = $paragraph =~ /^(.*?[^.])\.(?:\s|$)/;
    $sentence //= $paragraph;
    $sentence =~ s/^(.{20,80}?)[,;:] .*$/$1/ if length $sentence > 80;
    $sentence =~ tr/`//d;
    return $sentence =~ /^[A-Z][a-z]*\b/ ? lcfirst $sentence : $sentence;
}

sub page {
    my ($name, @body) = @_;
    open my $file, '>', "$output/$name.3" or die "$output/$name.3: $!\n";
    print $file qq{.TH $name 3 "" "Gearman $version" "Gearman library"\n}, map { "$_\n" } @body;
    close $file or die "$output/$name.3: $!\n";
}

sub function_page {
    my ($function, $header) = @_;
    my ($name, $prototype) = @$function{qw(name prototype)};
    my @text = @{$function->{paragraphs}};
    my @requirements = map { s/^Requires:\s*//r } grep { /^Requires:/ } @text;
    my @description = grep { !/^Requires:/ } @text;

    my %others = map { $_ => 1 } grep { $known{$_} && $_ ne $name } "@text" =~ /\b(\w+)\(\)/g;
    my @see = map { "\\fB$_\\fR(3)" } sort keys %others;
    # gearman.h includes every header but the one that the original has not.
    my $include = $header->{name} eq 'extension.h' ? 'libgearman-1.0/extension.h' : 'libgearman/gearman.h';

    page(
        $name,
        '.SH NAME', "$name \\- " . roff(summary($description[0])),
        '.SH SYNOPSIS', '.nf', "\\fB#include <$include>\\fR", '', roff($prototype), '.fi',
        'Compile and link with the output of \fIpkg\-config \-\-cflags \-\-libs gearmand\fR.',
        '.SH DESCRIPTION', join("\n.PP\n", map { roff($_) } @description),
        (@requirements ? ('.SH REQUIREMENTS', map { roff(ucfirst $_) } @requirements) : ()),
        '.SH SEE ALSO', join(', ', @see, '\fBlibgearman\fR(3)'),
    );
}

sub overview {
    my @body = (
        '.SH NAME', 'libgearman \- clients and workers of the Gearman job server',
        '.SH SYNOPSIS', '.nf', '\fB#include <libgearman/gearman.h>\fR', '',
        '\fBcc\fR program.c $(\fBpkg\-config\fR \-\-cflags \-\-libs gearmand)', '.fi',
        '.SH DESCRIPTION',
        'A client submits a job, a job server queues it, a worker that knows the function',
        'does it. These functions are for programs that are clients or workers. Examples',
        'are in \fI/usr/share/doc/libgearman\-dev/examples\fR.',
    );
    for my $header (grep { @{$_->{functions}} } @headers) {
        push @body, ".SS $header->{name}", join("\n.PP\n", map { roff($_) } @{$header->{about}});
        for my $function (@{$header->{functions}}) {
            push @body, '.TP', "\\fB$function->{name}\\fR(3)", roff(summary($function->{paragraphs}[0])) . '.';
        }
    }
    push @body, '.SH SEE ALSO', '\fBgearmand\fR(8), \fBgearman\fR(1), \fBgearadmin\fR(1)';
    page('libgearman', @body);
}
