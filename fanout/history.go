package fanout

import (
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// History is a part of what a hub keeps of a topic.
type History struct {
	// Topic is the one that was asked for.
	Topic string
	// Position is the top of the stream.
	Position event.Position
	// Result says how the events go on from the position that was asked for, as in the ack of a subscription. It is Fresh for a position of another epoch
	// and one that is ahead of the stream; then there are no events.
	Result event.Result
	// Missed is how many events are gone between the position and the first one here, at most for a topic with an id; -1 where nobody can know.
	Missed int64
	// Events are those of the topic, in order, with their offsets.
	Events []event.Event
	// Next is where the next part begins: the same as Position if there is none.
	Next event.Position
}

// historyPage is how many events are read at a time.
const historyPage = 256

// History returns up to limit events of a topic that came behind a position, or with the zero position the oldest that are kept. The error is that of a
// topic which is not valid (an event.Fault), or ErrNoStream. It takes the stream's lock for as long as it reads some hundred events; any goroutine may call it.
func (h *Hub) History(topic string, since event.Position, limit int) (History, error) {
	typ, id, err := event.SplitTopic(topic)
	if err != nil {
		return History{}, fmt.Errorf("history of %q: %w", topic, err)
	}
	if p := h.streams.policies.ForString(typ); p == nil || p.History.IsZero() {
		return History{}, fmt.Errorf("history of %q: %w", topic, ErrNoStream)
	}
	var page stream.Page
	if err := h.streams.store.Read(typ, stream.Query{After: since.Offset}, &page); err != nil {
		return History{}, fmt.Errorf("history of %q: %w", topic, err)
	}
	past := History{Topic: topic, Position: event.Position{Epoch: page.Epoch, Offset: page.Top}, Result: event.Resumed}
	past.Next = past.Position
	switch {
	case since == event.Position{}:
	case since.Epoch != page.Epoch || since.Offset > page.Top:
		past.Result = event.Fresh
		return past, nil
	case page.Missing != 0:
		past.Result, past.Missed = event.Gapped, page.Missing
	}
	top := page.Top
	for after := since.Offset; after < top && len(past.Events) < limit; {
		if err := h.streams.store.Read(typ, stream.Query{After: after, Events: historyPage}, &page); err != nil {
			return History{}, fmt.Errorf("history of %q: %w", topic, err)
		}
		if len(page.Entries) == 0 {
			break
		}
		for i := range page.Entries {
			r := page.Entries[i].Frame.(*keptFrame)
			if len(past.Events) == limit || page.Entries[i].Offset > top {
				break
			}
			after = page.Entries[i].Offset
			if id == "" || id == string(r.ID()) {
				e, _ := event.Parse(r.envelope())
				past.Events = append(past.Events, e)
			}
		}
		past.Next.Offset = after
		page.Release()
	}
	if len(past.Events) < limit {
		past.Next = past.Position
	}
	return past, nil
}
