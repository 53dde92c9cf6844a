//go:build unix

package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// endWhenUnread calls end when nobody reads the pipe or socket behind w any more, also if nothing is written to it. It watches until the
// process ends.
func endWhenUnread(w io.Writer, end func()) {
	signal.Ignore(syscall.SIGPIPE)
	file, ok := w.(*os.File)
	if !ok {
		return
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return
	}
	watched := []unix.PollFd{{Fd: int32(file.Fd())}}
	go func() {
		_, err := unix.Poll(watched, -1)
		for err == unix.EINTR {
			_, err = unix.Poll(watched, -1)
		}
		if err == nil {
			end()
		}
	}()
}
