package nats

import (
	"context"

	"github.com/spokehub/spokehub/event"
)

// window is how many questions one call has under way.
const window = 256

// each asks for the state of each type's stream, many at once, and calls then with the answers in order. It stops at the first error of then.
func (e *Engine) each(ctx context.Context, types []string, then func(s *sequence, q question, got *info, err error) error) error {
	type one struct {
		s *sequence
		q question
		a *asked
	}
	var ring [window]one
	forget := func(from, to int) {
		for i := from; i < to; i++ {
			e.calls.forget(ring[i%window].a.id)
		}
	}
	sent := 0
	for i := range types {
		for ; sent < len(types) && sent < i+window; sent++ {
			s := e.streams.byType(types[sent])
			ring[sent%window] = one{s: s, q: s.ask(), a: e.ask(apiPrefix+"STREAM.INFO."+e.subjects.streamName(kindEvents, types[sent]), nil)}
		}
		this := ring[i%window]
		got, err := e.answer(ctx, this.a)
		if err = then(this.s, this.q, got, err); err != nil {
			forget(i+1, sent)
			return err
		}
	}
	return nil
}

// refresh reads the epochs of streams, as far as that is possible.
func (e *Engine) refresh(ctx context.Context, types []string) {
	var suspects []suspect
	_ = e.each(ctx, types, func(s *sequence, q question, got *info, err error) error {
		if err == nil && !got.missing() && e.note(s, q, got) {
			suspects = append(suspects, suspect{s, q.epoch})
		}
		return err
	})
	e.renewAll(ctx, suspects)
}

// Tops appends the position of the newest event of each type's stream, and no position for a stream that is not there. All are asked for at once, 256
// at a time.
func (e *Engine) Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error) {
	if err := e.begin(ctx); err != nil {
		return dst, err
	}
	bound, cancel := e.bounded(ctx)
	defer cancel()
	whole := len(dst)
	var suspects []suspect
	err := e.each(bound, types, func(s *sequence, q question, got *info, err error) error {
		switch {
		case err != nil:
			return err
		case got.missing():
			dst = append(dst, event.Position{})
			return nil
		case e.note(s, q, got):
			suspects = append(suspects, suspect{s, q.epoch})
		}
		dst = append(dst, event.Position{Epoch: got.epoch(), Offset: got.State.Last})
		return nil
	})
	if err != nil {
		return dst[:whole], e.explainCall(ctx, err)
	}
	if len(suspects) > 0 {
		e.renewAll(bound, suspects)
		for i, typ := range types {
			if at := &dst[whole+i]; *at != (event.Position{}) {
				at.Epoch = e.streams.byType(typ).epoch()
			}
		}
	}
	return dst, nil
}
