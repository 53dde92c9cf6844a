package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spokehub/spokehub/spoke"
)

// The exit codes of spokehub. The last three are those of the commands that connect to a hub.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnreachable = 4
	exitInterrupted = 130
)

// codedError is an error with an exit code of its own.
type codedError struct {
	err  error
	code int
}

func (e codedError) Error() string { return e.err.Error() }

func (e codedError) Unwrap() error { return e.err }

// errInterrupted ends a command that a signal cut short and that has told what it has to tell.
var errInterrupted = codedError{errors.New(""), exitInterrupted}

// exitCodeOf is the exit code for an error of a command.
func exitCodeOf(err error) int {
	if coded, ok := errors.AsType[codedError](err); ok {
		return coded.code
	}
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		return exitUsage
	}
	return exitFailure
}

// withCode gives the error of a client its exit code: that the hub refuses something, or that there is none.
func withCode(err error) error {
	if err == nil {
		return nil
	}
	err = inFlags(err)
	if _, refused := errors.AsType[*spoke.RejectError](err); refused {
		return codedError{err, exitRefused}
	}
	if closed, ok := errors.AsType[*spoke.CloseError](err); ok {
		if closed.Code == 1008 || closed.Code == 1009 || closed.Code == 4401 || closed.Code == 4403 {
			return codedError{err, exitRefused}
		}
		return codedError{err, exitUnreachable}
	}
	if failed, ok := errors.AsType[*spoke.ConnectError](err); ok {
		if failed.Status == 401 || failed.Status == 403 {
			return codedError{err, exitRefused}
		}
		return codedError{err, exitUnreachable}
	}
	return err
}

// untilSignal returns a context that ends with SIGINT or SIGTERM. A second signal ends the process.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
