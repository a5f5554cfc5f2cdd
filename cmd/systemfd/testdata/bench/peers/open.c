/* open N COMMAND [ARG...]: the smallest part of systemfd: N TCP listeners on 127.0.0.1 at 3..N+2, LISTEN_*, exec */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
	int n = argc > 2 ? atoi(argv[1]) : 0, one = 1;
	char *names = malloc(n * 4 + 1), number[32];
	struct rlimit limit, raised;
	getrlimit(RLIMIT_NOFILE, &limit);
	raised = limit;
	raised.rlim_cur = raised.rlim_max;
	setrlimit(RLIMIT_NOFILE, &raised);
	for (int i = 0; i < n; i++) {
		struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (struct sockaddr *)&addr, sizeof addr) || listen(fd, 4096)) { perror("open"); return 125; }
		if (fd == 3 + i) fcntl(fd, F_SETFD, 0);
		else { dup2(fd, 3 + i); close(fd); }
		memcpy(names + 4 * i, "tcp:", 4);
	}
	names[n ? 4 * n - 1 : 0] = 0;
	snprintf(number, sizeof number, "%d", n);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof number, "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	setrlimit(RLIMIT_NOFILE, &limit);
	execvp(argv[2], argv + 2);
	return 127;
}
