/* the bare child: ends at once */
#include <unistd.h>

int main(void) { _exit(0); }
