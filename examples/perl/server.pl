# SPDX-License-Identifier: MIT-0
#
#     systemfd -s http::3000 -- perl server.pl
#     ls *.pl | systemfd -s http::3000 -- entr -nr systemfd -- perl server.pl

use strict;
use warnings;
use IO::Socket::INET;

$SIG{PIPE} = 'IGNORE';
my $listener = IO::Socket::INET->new_from_fd(3, 'r+') or die $!;
while (my $client = $listener->accept) {
    $client->sysread(my $request, 8192);
    $client->print("HTTP/1.0 200 OK\r\n\r\nHello from process $$\n");
}
