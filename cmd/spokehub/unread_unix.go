//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// endWhenUnread calls end when nobody reads the pipe or socket behind w any more, also if nothing is written to it.
func endWhenUnread(ctx context.Context, w io.Writer, end func()) {
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
		for ctx.Err() == nil {
			n, err := unix.Poll(watched, int(lookEvery/time.Millisecond))
			if err != nil && err != unix.EINTR {
				return
			}
			if n > 0 && watched[0].Revents != 0 {
				end()
				return
			}
		}
	}()
}

// lookEvery is how often the end of the run is looked at while nothing happens to the output.
const lookEvery = time.Second
