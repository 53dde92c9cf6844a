package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// Read reads a page of a stream in one exchange, of some 4 MiB at most unless one event is longer. The entries belong to the caller.
func (e *Engine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	s, err := e.current()
	if err != nil {
		return broker.Page{}, err
	}
	result := e.run(ctx, s, readScript, 1, func(int) call {
		c := e.call(q.Type)
		survivors := "0"
		if q.Survivors {
			survivors = "1"
		}
		c.args = append(c.args, ages(q.Policy.History), strconv.FormatUint(q.After, 10), strconv.Itoa(max(q.Events, 1)), survivors)
		return c
	}, nil)[0]
	if err := failure(ctx, result.Error()); err != nil {
		return broker.Page{}, fmt.Errorf("read stream %q: %w", q.Type, err)
	}
	page, err := parsePage(result)
	if err != nil {
		return broker.Page{}, fmt.Errorf("read stream %q: %w", q.Type, unavailable(err))
	}
	e.seen.note(q.Type, event.Position{Epoch: page.Epoch, Offset: page.Top})
	return page, nil
}

// parsePage reads what readScript returns.
func parsePage(result rueidis.RedisResult) (broker.Page, error) {
	fields, err := result.ToArray()
	if err != nil || len(fields) < 3 || len(fields)%2 != 1 {
		return broker.Page{}, errMalformed
	}
	top, err := position(fields[0], fields[1])
	if err != nil {
		return broker.Page{}, err
	}
	page := broker.Page{Epoch: top.Epoch, Top: top.Offset}
	if page.First, err = number(fields[2]); err != nil {
		return broker.Page{}, err
	}
	fields = fields[3:]
	if len(fields) > 0 {
		page.Entries = make([]broker.Entry, len(fields)/2)
	}
	for i := range page.Entries {
		entry := &page.Entries[i]
		if entry.Offset, err = number(fields[2*i]); err != nil {
			return broker.Page{}, err
		}
		if entry.Data, err = fields[2*i+1].AsBytes(); err != nil {
			return broker.Page{}, errMalformed
		}
	}
	return page, nil
}

// Tops appends the positions of the newest events, all looked up in one go. A stream that is not there begins, so that it has an epoch.
func (e *Engine) Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error) {
	if len(types) == 0 {
		return dst, nil
	}
	s, err := e.current()
	if err != nil {
		return dst, err
	}
	before := len(dst)
	for i, result := range e.run(ctx, s, topScript, len(types), func(i int) call { return e.call(types[i]) }, nil) {
		if err := failure(ctx, result.Error()); err != nil {
			return dst[:before], fmt.Errorf("look up the top of stream %q: %w", types[i], err)
		}
		fields, err := result.ToArray()
		if err != nil || len(fields) != 2 {
			return dst[:before], unavailable(errMalformed)
		}
		top, err := position(fields[0], fields[1])
		if err != nil {
			return dst[:before], unavailable(err)
		}
		e.seen.note(types[i], top)
		dst = append(dst, top)
	}
	return dst, nil
}
