#!/usr/bin/perl
# Net::SFTP::Foreign, which runs `ssh`. The words of the command line are done in one session.
use strict;
use warnings;
use Encode;
use File::Basename;
use Net::SFTP::Foreign;

# Names are text to the module: it makes UTF-8 of them, of bytes too.
@ARGV = map { decode('UTF-8', $_) } @ARGV;
my $sftp = Net::SFTP::Foreign->new(
    $ENV{GATE_HOST}, port => $ENV{GATE_PORT}, user => $ENV{GATE_USER},
    more => ['-F', 'none', '-o', "UserKnownHostsFile=$ENV{GATE_KNOWN_HOSTS}"],
    $ENV{GATE_KEY} ? (key_path => $ENV{GATE_KEY}) : (password => $ENV{GATE_PASSWORD}));
$sftp->die_on_error('connect');

while (defined(my $verb = shift @ARGV)) {
    if ($verb eq 'put') {
        $sftp->put(shift @ARGV, shift @ARGV);
    } elsif ($verb eq 'many') {
        my $folder = shift @ARGV;
        $sftp->mput("$folder/*");
    } elsif ($verb eq 'tree') {
        my $folder = shift @ARGV;
        $sftp->rput($folder, basename($folder));
    } elsif ($verb eq 'deliver') {
        my ($local, $temporary, $final) = splice @ARGV, 0, 3;
        $sftp->put($local, $temporary);
        $sftp->die_on_error("put $temporary");
        $sftp->rename($temporary, $final);
    } elsif ($verb eq 'resume') {
        $sftp->put(shift @ARGV, shift @ARGV, resume => 1);
    } elsif ($verb eq 'check') {
        my ($local, $remote) = splice @ARGV, 0, 2;
        my $there = $sftp->stat($remote);
        die "$remote has another size\n" unless $there && $there->size == -s $local;
    }
    $sftp->die_on_error($verb);
}
