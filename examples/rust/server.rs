// SPDX-License-Identifier: MIT-0
//
//     rustc server.rs && systemfd -s http::3000 -- ./server
//     ls *.rs | systemfd -s http::3000 -- entr -nrs 'rustc server.rs && exec systemfd -- ./server'

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::io::FromRawFd;

fn main() -> std::io::Result<()> {
    let listener = unsafe { TcpListener::from_raw_fd(3) };
    let answer = format!("HTTP/1.0 200 OK\r\n\r\nHello from process {}\n", std::process::id());
    loop {
        let mut client = listener.accept()?.0;
        let _ = client.read(&mut [0; 8192]).and_then(|_| client.write_all(answer.as_bytes()));
    }
}
