#!/usr/bin/env perl
#_: Sends and fetches files over FTP with TLS: Perl with Net::FTP (a part of it) and IO::Socket::SSL. From the pack's folder:
#
#     perl clients/programs/ftps.pl put report.csv ...
#     perl clients/programs/ftps.pl get report.csv ...
#     perl clients/programs/ftps.pl list
#
#_: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.

use strict;
use warnings;
use File::Basename qw(basename);
use IO::Socket::SSL;
use Net::FTP;

my $implicit = ($ENV{FTPS_IMPLICIT} // '') eq '1';
my $host     = $ENV{FTPS_HOST} // '@HOST@';
my $port     = $ENV{FTPS_PORT} // ($implicit ? '@IMPLICIT@' : '@PORT@');
my $account  = $ENV{FTPS_ACCOUNT} // '@ACCOUNT@';
#_: Empty: the CAs that this system trusts
my $ca_file  = '@CA_FILE@';

my ($command, @files) = (@ARGV, '');
pop @files if @ARGV;
die "usage: ftps.pl put FILE... | get NAME... | list\n"
    unless $command =~ /^(?:put|get|list)$/ and ($command eq 'list') == (@files == 0);
my $password = $ENV{FTPS_PASSWORD};
if (not defined $password) {
    print STDERR "Password of $account: ";
    system 'stty', '-echo';
    chomp($password = <STDIN>);
    system 'stty', 'echo';
    print STDERR "\n";
}

my %tls = (
    SSL_verify_mode => SSL_VERIFY_PEER,
    #_: With TLS 1.3 a session serves one data connection only, and Perl gets no new one during an upload
    SSL_version => 'TLSv12',
    $ca_file ? (SSL_ca_file => $ca_file) : (),
);
#_: Data connections resume the TLS session of the control connection: the server asks for it, and Net::FTP forgets it
IO::Socket::SSL::set_client_defaults(SSL_session_key => $host);
my $ftp = Net::FTP->new($host, Port => $port, Timeout => 60, Passive => 1, SSL => $implicit, %tls)
    or die "$host: $@\n";
$implicit or $ftp->starttls or die "$host: $IO::Socket::SSL::SSL_ERROR\n";
$ftp->login($account, $password) or failed($host);
$ftp->prot('P') or failed($host);
#_: SIZE counts bytes in this mode only
$ftp->binary;
if ($command eq 'list') {
    my $names = $ftp->ls or failed($host);
    print "$_\n" for @$names;
}
for my $file (@files) {
    $command eq 'put' ? put($file) : get($file);
    print $command eq 'put' ? 'sent' : 'fetched', " $file\n";
}
$ftp->quit;

sub put {
    my ($path) = @_;
    #_: Under another name until it is complete: a broken upload replaces nothing
    my $name = basename($path);
    -r $path or die "$path: $!\n";
    $ftp->put($path, "$name.part") or failed($path);
    same($path, -s $path, $ftp->size("$name.part"));
    $ftp->rename("$name.part", $name) or failed($path);
}

sub get {
    my ($name) = @_;
    my $path  = basename($name);
    my $there = $ftp->size($name) // failed($name);
    $ftp->get($name, "$path.part") or failed($name);
    same($name, $there, -s "$path.part");
    rename "$path.part", $path or die "$path: $!\n";
}

sub same {
    my ($at, $sent, $arrived) = @_;
    defined $arrived and $sent == $arrived or die "$at: ", $arrived // 'no', " bytes of $sent arrived\n";
}

sub failed {
    my ($at) = @_;
    my $said = $ftp->message;
    chomp $said;
    die "$at: $said\n";
}
