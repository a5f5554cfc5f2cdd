//go:build unix && !linux

package holder

// recvFlags lacks MSG_CMSG_CLOEXEC, which macOS has not; nothing here forks in between.
const recvFlags = 0
