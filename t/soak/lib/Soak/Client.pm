package Soak::Client;

# One client process of a soak. It visits a server again and again, each time in one of the manners
# of its table, until its time is over or something is answered that may not be.
#
# A value says which key it is of, so that whoever reads it can tell that it is whole; keys that
# begin with k hold such values and no others.

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(time);
use Wire ();
use Wire::Conn;
use Wire::Udp;

our @EXPORT_OK = qw(value_of random_key random_bytes between pick chance);

use constant {
    KEYS           => 20_000,
    LARGE_KEYS     => 8,
    SMALL_BYTES    => 300,
    MIDDLE_BYTES   => 12_000,
    LINGERING_MAX  => 6,        # connections that a client leaves behind open, at most
};

sub between { my ($least, $most) = @_; return $least + int rand($most - $least + 1) }
sub pick { return $_[ rand @_ ] }
sub chance { my ($percent) = @_; return rand(100) < $percent }

sub random_key { return sprintf 'k:%05d', rand KEYS }
sub random_bytes { return chance(80) ? between(0, SMALL_BYTES) : between(0, MIDDLE_BYTES) }

sub value_of {
    my ($key, $bytes) = @_;
    my $unit = "$key.";
    return substr $unit x (1 + $bytes / length $unit), 0, $bytes;
}

# of: the server's table (to, has_udp, is_text_only, is_read_only); manners: rows of {name, weight,
# visit, needs}.
sub new {
    my ($class, $of, @manners) = @_;
    my $self = bless { of => $of, lingering => [], visits => {}, refused => 0, lost => 0 }, $class;
    for my $manner (@manners) {
        my $needs = $manner->{needs} // '';
        next if $needs eq 'udp' && !$of->{has_udp} || $needs eq 'binary' && $of->{is_text_only};
        next if $of->{is_read_only} && !$manner->{is_reading};
        push @{ $self->{wheel} }, ($manner) x $manner->{weight};
    }
    return $self;
}

sub run {
    my ($self, $until) = @_;
    while (time < $until) {
        my $manner = pick(@{ $self->{wheel} });
        eval { $manner->{visit}->($self); 1 } or die "$manner->{name}: $@";
        $self->{visits}{ $manner->{name} }++;
    }
    delete $self->{c};
    $self->{lingering} = [];
}

# A further connection.
sub open_conn {
    my ($self, %how) = @_;
    return Wire::Conn->open($self->{of}{to}, %how) // die "cannot connect: $!\n";
}

# The one that is used for one visit after the other, and given up now and then.
sub conn {
    my ($self) = @_;
    delete $self->{c} if chance(2);
    return $self->{c} //= $self->open_conn;
}

# The same by its protocol: a connection speaks the one that it began with.
sub binary_conn {
    my ($self) = @_;
    delete $self->{binary} if chance(2);
    return $self->{binary} //= $self->open_conn;
}

sub udp {
    my ($self) = @_;
    delete $self->{udp} if chance(2);
    return $self->{udp} //= Wire::Udp->open($self->{of}{to}) // die "no socket: $!\n";
}

# Stays open, unread, until others take its place.
sub linger {
    my ($self, $conn) = @_;
    push @{ $self->{lingering} }, $conn;
    shift @{ $self->{lingering} } if @{ $self->{lingering} } > LINGERING_MAX || chance(20);
}

# Rows of [request, what answers it]: a pattern, or code that takes its part of the reply off the
# front. All go out in one piece.
sub talk {
    my ($self, $c, @rows) = @_;
    my $reply = $c->ask(join '', map { $_->[0] } @rows);
    for my $row (@rows) {
        my ($request, $answer) = @$row;
        my $before = substr $reply, 0, 400;
        my $is_good = ref $answer eq 'CODE' ? $answer->(\$reply) : $reply =~ s/\A$answer//;
        next if $is_good;
        die 'asked ' . Wire::show(substr $request, 0, 300) . ', told ' . Wire::show($before) . "\n";
    }
    die 'told too much: ' . Wire::show($reply) . "\n" if length $reply;
}

1;
