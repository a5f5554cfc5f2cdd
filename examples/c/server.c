// SPDX-License-Identifier: MIT-0
//
//     make server && systemfd -s http::3000 -- ./server
//     ls *.c | systemfd -s http::3000 -- entr -nrs 'make server && exec systemfd -- ./server'

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	char request[8192];
	int client;

	signal(SIGPIPE, SIG_IGN);
	while ((client = accept(3, NULL, NULL)) >= 0) {
		if (read(client, request, sizeof request) > 0)
			dprintf(client, "HTTP/1.0 200 OK\r\n\r\nHello from process %d\n", getpid());
		close(client);
	}
	perror("accept");
	return 1;
}
