package Wire::Pair;

# Two servers that replicate to each other, on two ports of 127.0.0.1.
#
#   use Wire::Pair;                       # skips the script if the server does not replicate
#   my $pair = pair();                    # both started, one master, one slave, streaming both ways
#   $pair->master->conn ...
#   $pair->agree_ok([qw(a b)], 'name');   # both hold the same under these keys, before long

use strict;
use warnings;
use Exporter ();
use Test::More;
use Wire;
use Wire::Server;

our @EXPORT = qw(pair repl_of role_of view_of);

sub import {
    plan skip_all => 'this server does not replicate' unless Wire::Server::is_replicating();
    goto &Exporter::import;
}

# `stats repl` of a server as a hash; empty when it does not answer.
sub repl_of {
    my ($server) = @_;
    my $c = Wire::Conn->open($server->port) or return {};
    my $stats = $c->stats('repl');
    $c->close;
    return $stats;
}

# 'master ready', for example.
sub role_of {
    my ($server) = @_;
    my $c = Wire::Conn->open($server->port) or return '';
    my ($role) = $c->command('repl role') =~ /^ROLE (\w+ \w+) \d+\r\n\z/;
    $c->close;
    return $role // '';
}

# What a node holds under a key, all of it but the time left, as one string.
sub view_of {
    my ($c, $key) = @_;
    return $c->ask("mg $key f c s v\r\n");
}

sub pair {
    my (@options) = @_;
    my $self = Wire::Pair->_with_ports(@options);
    $self->start($_) for 0, 1;
    $self->whole_ok('a pair is started');
    return $self;
}

# Two nodes, none of them started yet.
sub _with_ports {
    my ($class, @options) = @_;
    my $self = bless { options => \@options }, $class;
    $self->{ports} = [ Wire::Server::free_port(), Wire::Server::free_port() ];
    return $self;
}
sub not_started { my ($class, @options) = @_; return $class->_with_ports(@options) }

# Starts (again) the node of this number.
sub start {
    my ($self, $number) = @_;
    return $self->{nodes}[$number] = Wire::Server->start_at($self->{ports}[$number],
        '-x', "127.0.0.1:$self->{ports}[1 - $number]", @{ $self->{options} });
}

sub node { my ($self, $number) = @_; return $self->{nodes}[$number] }
sub nodes { return @{ $_[0]{nodes} } }

sub _number_of_role {
    my ($self, $role) = @_;
    for my $number (0, 1) {
        my $node = $self->{nodes}[$number];
        return $number if $node && !$node->ended && role_of($node) =~ /^$role /;
    }
    return undef;
}
sub master_number { return $_[0]->_number_of_role('master') }
sub master { my ($self) = @_; return $self->{nodes}[ $self->master_number // 0 ] }
sub slave { my ($self) = @_; return $self->{nodes}[ $self->_number_of_role('slave') // 1 ] }

# One master, one slave, both ready, both links streaming.
sub is_whole {
    my ($self) = @_;
    my @roles = map { role_of($_) } $self->nodes;
    return 0 unless join(',', sort @roles) eq 'master ready,slave ready';
    my @links = map { repl_of($_) } $self->nodes;
    return 2 == grep { ($_->{link_out} // '') eq 'streaming' && $_->{link_in} eq 'up' } @links;
}

sub whole_ok {
    my ($self, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ok = ok((poll_until { $self->is_whole } 3 * Wire::Server::timeout()), $name);
    $self->tell_all unless $ok;
    return $ok;
}

# Says what both nodes say of themselves.
sub tell_all {
    my ($self) = @_;
    for my $node ($self->nodes) {
        my $repl = repl_of($node);
        diag('port ' . $node->port . ': '
             . join ' ', map { "$_=$repl->{$_}" } sort grep { $repl->{$_} ne '0' } keys %$repl);
        diag($node->stderr);
    }
}

# Waits until everything written so far has been applied on the other side.
sub settle {
    my ($self) = @_;
    return poll_until {
        0 == grep { (repl_of($_)->{lag_ops} // 1) > 0 } grep { !$_->ended } $self->nodes;
    };
}

# Both nodes hold the same under these keys: value, flags, CAS, and the time left within 2 s.
sub agree_ok {
    my ($self, $keys, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @c = map { $_->conn } $self->nodes;
    my $differs = sub { view_of($c[0], $_) ne view_of($c[1], $_) || !_same_ttl(@c, $_) };
    my @different = @$keys;
    poll_until {
        @different = grep { $differs->() } @different;
        # once more, all of them: one that is to be deleted is not there before it arrives either
        @different = grep { $differs->() } @$keys unless @different;
        !@different;
    };
    my $ok = ok(!@different, $name);
    diag(scalar(@different) . ' keys differ, such as '
         . join ', ', map { my $key = $_; "$key: " . join ' / ', map { show(view_of($_, $key)) } @c }
           @different[ 0 .. ($#different < 4 ? $#different : 4) ]) unless $ok;
    return $ok;
}

sub _same_ttl {
    my ($c0, $c1, $key) = @_;
    my @ttl = map { $_->ask("mg $key t\r\n") =~ /t(-?\d+)/ ? $1 : 'none' } $c0, $c1;
    return $ttl[0] eq $ttl[1]
        || ($ttl[0] ne 'none' && $ttl[1] ne 'none' && $ttl[0] > 0 && abs($ttl[0] - $ttl[1]) <= 2);
}

sub stop {
    my ($self) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $_->signal('TERM') for grep { !$_->ended } $self->nodes;
    $_->stop for $self->nodes;
}

1;
