//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/gobwas/ws"
)

// How a connection ended, beside the codes of close frames and "HTTP 408" and the like.
const (
	// endOpen is one that was open still when the attack was over.
	endOpen = "open"
	// endStream is one that ended without a close frame, endReset with a reset.
	endStream, endReset = "end without a code", "reset"
	endUnconnected      = "not connected"
)

// errorEnd names the end that an error of reading or writing stands for.
func errorEnd(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return endOpen
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return endReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return endStream
	}
	return err.Error()
}

// closeEnd names the end that a close frame stands for.
func closeEnd(payload []byte) string {
	code := ws.StatusNoStatusRcvd
	if len(payload) > 0 {
		code, _ = ws.ParseCloseFrameData(payload)
	}
	return strconv.Itoa(int(code))
}
