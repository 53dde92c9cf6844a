package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spokehub/spokehub/spoke"
)

// noteLoss keeps why a connection was lost for who asks.
func (p *publication) noteLoss(state spoke.State) {
	if state.Err == nil || state.Phase != spoke.Waiting && state.Phase != spoke.Closed {
		return
	}
	select {
	case p.lost <- state.Err:
	default:
	}
}

// unconfirmed says why the connection broke before the hub had confirmed everything: ErrUnconfirmed comes just ahead of the reason.
func (p *publication) unconfirmed(ctx context.Context) error {
	select {
	case cause := <-p.lost:
		err := fmt.Errorf("%w: %w", spoke.ErrUnconfirmed, withCloseCure(cause))
		if coded, ok := errors.AsType[codedError](withCode(cause)); ok && coded.code == exitRefused {
			return codedError{err, exitRefused}
		}
		return err
	case <-ctx.Done():
		return spoke.ErrUnconfirmed
	}
}

// withCloseCure adds to the close of a hub that refuses what a client has sent what to do about it.
func withCloseCure(err error) error {
	closed, ok := errors.AsType[*spoke.CloseError](err)
	if !ok {
		return err
	}
	switch closed.Code {
	case 1008:
		return fmt.Errorf("%w; publish more slowly with --rate, or raise --max-events-per-second and --max-bytes-per-second at the hub", err)
	case 1009:
		return fmt.Errorf("%w; make the payload smaller, or raise --max-message and --max-event at the hub", err)
	}
	return err
}
