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
	// Result says how the events go on from the position that was asked for, as in the ack of a subscription. It is Fresh for a position
	// of another epoch and one that is ahead of the stream; then there are no events.
	Result event.Result
	// Missed is how many events are gone behind the position, at most for a topic with an id; -1 where nobody can know, and 0 for the zero position.
	Missed int64
	// From and To are the first and the last offset of the range in which events are gone, for the zero position too, both 0 if none is.
	// Some of that range may be here, each as the newest of its id: then a part that begins within the range tells of the rest again.
	From, To uint64
	// Events are those of the topic, in order, with their offsets.
	Events []event.Event
	// Next is where the next part begins, and the same as Position if this is the last one. A part may have fewer events than limit and
	// not be the last, where some were trimmed meanwhile: the next one tells of them.
	Next event.Position
}

// historyPage is how many events are read at a time.
const historyPage = 256

// History returns up to limit events of a topic that came behind a position, or with the zero position the oldest that are kept. The
// error is that of a topic which is not valid (an event.Fault), or ErrNoStream. It takes the stream's lock for as long as it reads some
// hundred events; any goroutine may call it. In a cluster it waits until the hub has the stream, four seconds at most; then the error is
// ErrBroker.
func (h *Hub) History(topic string, since event.Position, limit int) (History, error) {
	typ, id, err := event.SplitTopic(topic)
	if err != nil {
		return History{}, fmt.Errorf("history of %q: %w", topic, err)
	}
	if p := h.streams.policies.ForString(typ); p == nil || p.History.IsZero() {
		return History{}, fmt.Errorf("history of %q: %w", topic, ErrNoStream)
	}
	release, err := h.needs("history of", []string{topic})
	if err != nil {
		return History{}, err
	}
	defer release()
	past := History{Topic: topic}
	var page stream.Page
	for {
		after := max(since.Offset, past.Next.Offset)
		if err := h.streams.store.Read(typ, stream.Query{After: after, Events: historyPage}, &page); err != nil {
			return History{}, fmt.Errorf("history of %q: %w", topic, err)
		}
		isOver := false
		if past.Position.Epoch == "" {
			isOver = past.begin(since, &page)
		}
		if page.Epoch != past.Position.Epoch {
			page.Release()
			past.Next = past.Position
			return past, nil
		}
		isOver = isOver || page.To > past.To || past.take(&page, id, limit)
		page.Release()
		if isOver {
			return past, nil
		}
	}
}

// begin says how the events go on from a position by the first page behind it, and whether that is all.
func (past *History) begin(since event.Position, page *stream.Page) (isOver bool) {
	past.Position = event.Position{Epoch: page.Epoch, Offset: page.Top}
	past.Next = event.Position{Epoch: page.Epoch, Offset: since.Offset}
	isAnywhere := since == event.Position{}
	switch {
	case !isAnywhere && (since.Epoch != page.Epoch || since.Offset > page.Top):
		past.Result, past.Next = event.Fresh, past.Position
		return true
	case !isAnywhere && page.Missing != 0:
		past.Result, past.Missed = event.Gapped, page.Missing
	default:
		past.Result = event.Resumed
	}
	past.From, past.To = page.From, page.To
	return false
}

// take adds the events of a page up to Position, those of one id unless it is empty, and says whether that was the last page.
func (past *History) take(page *stream.Page, id string, limit int) (isOver bool) {
	for i := range page.Entries {
		entry := &page.Entries[i]
		if entry.Offset > past.Position.Offset {
			past.Next = past.Position
			return true
		}
		if len(past.Events) >= limit {
			return true
		}
		past.Next.Offset = entry.Offset
		if r := entry.Frame.(*keptFrame); id == "" || id == string(r.ID()) {
			e, _ := event.Parse(r.envelope())
			past.Events = append(past.Events, e)
		}
	}
	if len(page.Entries) == 0 {
		past.Next = past.Position
	}
	return past.Next == past.Position
}
