<?php
// SPDX-License-Identifier: MIT-0
//
//     systemfd -s http::3000 -- php server.php
//     ls *.php | systemfd -s http::3000 -- entr -nr systemfd -- php server.php

$listener = fopen('php://fd/3', 'r+');
while ($client = stream_socket_accept($listener, -1)) {
    fread($client, 8192);
    fwrite($client, "HTTP/1.0 200 OK\r\n\r\nHello from process " . getmypid() . "\n");
    fclose($client);
}
