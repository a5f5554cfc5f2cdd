/* A strict reader: answers each request on the first passed socket with "PID NAMES MODE", one at a time,
 * only by blocking calls. It ends if sd_listen_fds_with_names(3) or accept(2) fails. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static void answer(int connection, const char *body)
{
	char request[4096] = "", response[4096];
	size_t have = 0;

	while (!strstr(request, "\r\n\r\n")) {
		ssize_t n = read(connection, request + have, sizeof request - 1 - have);
		if (n <= 0)
			return;
		have += n;
		request[have] = 0;
	}
	int length = snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		strlen(body), body);
	if (write(connection, response, length) != length)
		warn("write");
}

int main(void)
{
	char **names, body[1024];
	int n = sd_listen_fds_with_names(1, &names);

	if (n < 1)
		errx(1, "sd_listen_fds_with_names: %d", n);
	int length = snprintf(body, sizeof body, "%d ", (int)getpid());
	for (int i = 0; i < n; i++) {
		if (!sd_is_socket(SD_LISTEN_FDS_START + i, AF_UNSPEC, SOCK_STREAM, 1))
			errx(1, "descriptor %d does not listen", SD_LISTEN_FDS_START + i);
		length += snprintf(body + length, sizeof body - length, "%s%s", i ? ":" : "", names[i]);
	}
	int nonblocking = fcntl(SD_LISTEN_FDS_START, F_GETFL) & O_NONBLOCK;
	snprintf(body + length, sizeof body - length, " %s", nonblocking ? "nonblocking" : "blocking");

	for (;;) {
		int connection = accept(SD_LISTEN_FDS_START, NULL, NULL);
		if (connection < 0)
			err(1, "accept");
		answer(connection, body);
		close(connection);
	}
}
