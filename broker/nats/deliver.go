package nats

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// deliverAll hands what comes to the sink.
func (e *Engine) deliverAll() {
	batch, isOver := make([]*nats.Msg, 0, burst), false
	for {
		select {
		case <-e.life.ctx.Done():
			return
		case <-e.queue.wake:
		}
		for e.life.ctx.Err() == nil {
			batch, isOver = e.queue.take(batch)
			for _, m := range batch {
				e.deliver(m)
			}
			if isOver {
				e.news.lost(fmt.Sprintf("the hub did not keep up: more than %d messages or %d bytes were waiting for it", e.config.Queue, e.config.QueueBytes))
			}
			if len(batch) == 0 {
				break
			}
		}
	}
}

// hear notes that something has come.
func (e *Engine) hear() { e.calls.heard.Store(int64(time.Since(began))) }

func (e *Engine) deliver(m *nats.Msg) {
	kind, hasID, token := e.subjects.origin(m.Subject)
	d := broker.Delivery{Kind: kind, Data: m.Data}
	switch kind {
	case broker.Control:
		d.Name = token
	case broker.Stream:
		d.Position = e.place(token, m.Header)
	default:
		wanted := m.Sub.Subject
		d.ByID = hasID && wanted[len(wanted)-1] != '*'
	}
	if e.life.ctx.Err() == nil {
		e.life.sink.Deliver(d)
	}
}

// place is where a live event of a stream is. A message that no stream has passed on has no position.
func (e *Engine) place(token string, header nats.Header) event.Position {
	offset, err := strconv.ParseUint(header.Get(nats.JSSequence), 10, 64)
	if err != nil || offset == 0 || offset > event.MaxOffset {
		return event.Position{}
	}
	s := e.streams.byToken(token)
	epoch, again := s.passed(offset)
	if epoch == "" {
		epoch = e.lookUp(s)
	}
	if again {
		e.recheck(s)
	}
	return event.Position{Epoch: epoch, Offset: offset}
}
