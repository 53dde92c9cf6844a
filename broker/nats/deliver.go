package nats

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// deliverAll hands what comes to the sink. The client library drops what comes while the queue is full. As only this goroutine takes from it,
// the queue is still full then when it looks next; so no drop remains unseen.
func (e *Engine) deliverAll() {
	overflow := false
	for {
		overflow = overflow || len(e.queue) == cap(e.queue)
		select {
		case <-e.life.ctx.Done():
			return
		case m := <-e.queue:
			e.calls.heard.Store(int64(time.Since(began)))
			e.deliver(m)
		}
		if overflow && len(e.queue) <= cap(e.queue)/2 {
			overflow = false
			e.news.lost("the hub did not keep up: more than " + strconv.Itoa(cap(e.queue)) + " messages were waiting for it")
		}
	}
}

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
