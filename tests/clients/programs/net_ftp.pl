# Perl's Net::FTP, as in its manual
use strict;
use warnings;
use Net::FTP;
use IO::Socket::SSL;
use Net::SSLeay;

my ($action, @names) = @ARGV;
if ($action eq 'version') {
    print "Net::FTP $Net::FTP::VERSION, IO::Socket::SSL $IO::Socket::SSL::VERSION, ", Net::SSLeay::SSLeay_version(0), "\n";
    exit;
}
my $implicit = $ENV{FTPS_IMPLICIT} eq '1';
my $ftp = Net::FTP->new(
    $ENV{FTPS_HOST},
    Port => $ENV{FTPS_PORT},
    Passive => 1,
    Timeout => 20,
    SSL_ca_file => $ENV{FTPS_CA},
    ($implicit ? (SSL => 1) : ()),
) or die "connect: $@\n";
$implicit or $ftp->starttls or die 'starttls: ', $ftp->message;
$ftp->login($ENV{FTPS_ACCOUNT}, $ENV{FTPS_PASSWORD}) or die 'login: ', $ftp->message;
$ftp->binary;
if ($action eq 'list') {
    my @list = $ftp->ls or die 'ls: ', $ftp->message;
    print "$_\n" for @list;
}
for my $name (@names) {
    my $done;
    if ($action eq 'put') { $done = $ftp->put($name) }
    elsif ($action eq 'get') { $done = $ftp->get($name) }
    elsif ($action eq 'resume-get') { $done = $ftp->get($name, $name, -s $name) }
    elsif ($action eq 'resume-put') {
        open my $file, '<:raw', $name or die;
        seek $file, $ftp->size($name), 0;
        $done = $ftp->append($file, $name);
    }
    defined $done or die "$action $name: ", $ftp->message, "\n";
}
$ftp->quit or die 'quit: ', $ftp->message;
