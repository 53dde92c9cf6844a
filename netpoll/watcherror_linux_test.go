package netpoll

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAWatchTooManySaysWhatToRaise(t *testing.T) {
	for errno, isNamed := range map[syscall.Errno]bool{unix.ENOSPC: true, unix.EBADF: false} {
		err := watchError("epoll_ctl on", 7, errno)
		if !errors.Is(err, errno) || !strings.HasPrefix(err.Error(), "epoll_ctl on descriptor 7: ") || strings.Contains(err.Error(), "fs.epoll.max_user_watches") != isNamed {
			t.Errorf("got %q for %v, want the sysctl named: %v", err, errno, isNamed)
		}
	}
}
