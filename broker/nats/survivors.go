package nats

import (
	"context"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
)

// sourceHeader says where a message of the stream of the newest comes from: the name of the other stream, and the sequence there.
const sourceHeader = "Nats-Stream-Source"

// sourced is the offset of a message of the stream of the newest, 0 if it has none.
func sourced(m *nats.Msg) uint64 {
	_, rest, _ := strings.Cut(m.Header.Get(sourceHeader), " ")
	digits, _, _ := strings.Cut(rest, " ")
	offset, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0
	}
	return offset
}

// readSurvivors reads the events ahead of those that are kept in a row, each the newest of its id. The servers copy events to the stream of the newest
// by themselves; if that is behind, it waits until all is there that has left the row.
func (e *Engine) readSurvivors(ctx context.Context, s *sequence, q broker.Query) (broker.Page, error) {
	got, err := e.where(ctx, s, q)
	if err != nil {
		return broker.Page{}, err
	}
	page := broker.Page{Epoch: s.epoch(), First: got.first(q.Policy), Top: got.State.Last}
	if q.Policy == nil || !q.Policy.History.LatestPerID || page.First == 1 || q.After+1 >= page.First {
		return page, nil
	}
	name := e.subjects.streamName(kindNewest, q.Type)
	if err = e.ensure(ctx, s, q.Policy); err != nil {
		return page, err
	}
	last, err := e.caughtUp(ctx, name, page.First-1)
	if err != nil || last == 0 {
		return page, err
	}
	sequence, err := e.find(ctx, name, q.After, last)
	if err != nil || sequence == 0 {
		return page, err
	}
	return page, e.readNewest(ctx, name, sequence, q, &page)
}

// caughtUp waits until the stream of the newest has all events up to an offset, and returns the last sequence of it.
func (e *Engine) caughtUp(ctx context.Context, name string, offset uint64) (last uint64, err error) {
	for round := 0; ; round++ {
		got, err := e.call(ctx, "INFO", name, nil)
		if err != nil {
			return 0, err
		}
		if got.missing() {
			return 0, nil
		}
		if last = got.State.Last; last > 0 && got.State.Count > 0 {
			m, err := e.single(ctx, name, directGet{Sequence: last})
			if err != nil {
				return 0, err
			}
			if m != nil && sourced(m) >= offset {
				return last, nil
			}
		}
		if len(got.Sources) > 0 && got.Sources[0].Lag == 0 && got.Sources[0].Active >= 0 && round > pageRounds {
			return last, nil
		}
		if !pause(ctx, pageWait<<min(round, 5)) {
			return 0, unavailable("the stream %s has not all events yet that it copies", name)
		}
	}
}

// single is one message of a stream, nil if there is none.
func (e *Engine) single(ctx context.Context, name string, get directGet) (*nats.Msg, error) {
	messages, err := e.page(ctx, e.get(name, get))
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return messages[0], nil
}

// find is the first sequence of the stream of the newest with an offset behind after, 0 if there is none. A sequence is never greater than its offset,
// since events are copied in order.
func (e *Engine) find(ctx context.Context, name string, after, last uint64) (uint64, error) {
	low, high := uint64(1), last+1
	for low < high {
		middle := low + (high-low)/2
		m, err := e.single(ctx, name, directGet{Sequence: middle, Next: ">"})
		if err != nil {
			return 0, err
		}
		if m == nil || sourced(m) > after {
			high = middle
			continue
		}
		at := sequenceOf(m.Header, nats.JSSequence)
		if at == 0 {
			return 0, unavailable("the stream %s has a message without a sequence", name)
		}
		low = max(at, middle) + 1
	}
	if low > last {
		return 0, nil
	}
	return low, nil
}

// readNewest reads a page from the stream of the newest, from one of its sequences on.
func (e *Engine) readNewest(ctx context.Context, name string, sequence uint64, q broker.Query, page *broker.Page) error {
	var messages []*nats.Msg
	var err error
	if e.link.batches.Load() {
		messages, err = e.page(ctx, e.get(name, directGet{Sequence: sequence, Batch: q.Events, MaxBytes: pageBytes}))
	} else {
		for range q.Events {
			var m *nats.Msg
			if m, err = e.single(ctx, name, directGet{Sequence: sequence, Next: ">"}); m == nil || err != nil {
				break
			}
			messages = append(messages, m)
			sequence = max(sequence, sequenceOf(m.Header, nats.JSSequence)) + 1
		}
	}
	for _, m := range messages {
		if offset := sourced(m); offset > q.After && offset < page.First {
			page.Entries = append(page.Entries, broker.Entry{Offset: offset, Data: m.Data})
		}
	}
	return err
}
