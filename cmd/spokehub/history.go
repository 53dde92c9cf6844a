package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const (
	// defaultHistory and maxHistory are how many events an answer has at most, without a limit in the query and with the highest one.
	defaultHistory = 100
	maxHistory     = 1000
	// historyMemory is how much the events may take that an answer has in memory, unless a single one takes more.
	historyMemory = 1 << 20
	// historyPatience is how long the client may take for the events that an answer has in memory.
	historyPatience = 30 * time.Second
	// eventOverhead is more than an event takes besides its envelope.
	eventOverhead = 256
)

// historySource is what the answers need of a hub.
type historySource interface {
	// History is that of fanout.Hub.
	History(topic string, since event.Position, limit int) (fanout.History, error)
	// Reserve counts bytes against the memory budget, or reports false if they don't fit. Unreserve gives them back.
	Reserve(bytes int64) bool
	Unreserve(bytes int64)
}

// historian answers GET /history. It reads some events, writes them, and reads on, so that an answer of any length takes little memory.
// Any goroutine may use it: it never changes.
type historian struct {
	hub historySource
	// page is how many events it reads at a time, and memory what those take at the most.
	page   int
	memory int64
}

func newHistorian(hub historySource, maxEvent int) *historian {
	each := int64(maxEvent) + eventOverhead
	page := min(max(historyMemory/each, 1), maxHistory)
	return &historian{hub: hub, page: int(page), memory: (page + 1) * each}
}

// historyQuery is what is asked for.
type historyQuery struct {
	topic string
	since event.Position
	limit int
}

// historyHead is what an answer says ahead of the events.
type historyHead struct {
	Topic  string       `json:"topic"`
	Epoch  string       `json:"epoch"`
	Offset uint64       `json:"offset"`
	Result event.Result `json:"result"`
	// Missed is null where nobody can know.
	Missed *int64 `json:"missed"`
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"`
}

// ServeHTTP answers 200, 400 for a query that is wrong, 404 for a topic without a stream, and 503 if the hub has no memory for the
// answer, or does not know the stream while the broker is away.
func (h *historian) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := historyQueryOf(r.URL.RawQuery)
	if err != nil {
		writeHistoryError(w, http.StatusBadRequest, err)
		return
	}
	if !h.hub.Reserve(h.memory) {
		writeHistoryError(w, http.StatusServiceUnavailable, errors.New("the hub's memory budget is used up: try again later"))
		return
	}
	defer h.hub.Unreserve(h.memory)
	past, err := h.hub.History(query.topic, query.since, min(query.limit, h.page))
	var fault event.Fault
	switch {
	case errors.As(err, &fault):
		writeHistoryError(w, http.StatusBadRequest, fmt.Errorf("topic %q: %w", query.topic, fault))
	case errors.Is(err, fanout.ErrNoStream):
		typ, _, _ := strings.Cut(query.topic, ":")
		writeHistoryError(w, http.StatusNotFound, fmt.Errorf("the type %q has no stream: it needs an entry of topics with history, or --history %s=1000", typ, typ))
	case err != nil:
		writeHistoryError(w, http.StatusServiceUnavailable, err)
	default:
		w.Header().Set("Content-Type", "application/json")
		h.write(w, r, query, past)
	}
}

func writeHistoryError(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(publishRetry))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// historyQueryOf reads a query. The error says what is wrong with it.
func historyQueryOf(text string) (historyQuery, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return historyQuery{}, fmt.Errorf("the query can't be read: %w", err)
	}
	known := []string{"topic", "since", "limit"}
	for name, all := range values {
		if !slices.Contains(known, name) {
			return historyQuery{}, fmt.Errorf("the query has %q, which is unknown: there are topic, since and limit", name)
		}
		if len(all) > 1 {
			return historyQuery{}, fmt.Errorf("the query has %s %d times: give it once", name, len(all))
		}
	}
	query := historyQuery{topic: values.Get("topic"), limit: defaultHistory}
	if query.topic == "" {
		return historyQuery{}, errors.New("the query has no topic: ask for /history?topic=price, or for /history?topic=price:EURUSD")
	}
	if values.Has("since") {
		if query.since, err = event.ParsePosition(values.Get("since")); err != nil {
			return historyQuery{}, fmt.Errorf("since: %w", err)
		}
	}
	if values.Has("limit") {
		query.limit, err = strconv.Atoi(values.Get("limit"))
		if err != nil || query.limit < 1 || query.limit > maxHistory {
			return historyQuery{}, fmt.Errorf("limit: want a whole number from 1 to %d, and got %q", maxHistory, values.Get("limit"))
		}
	}
	return query, nil
}

// write writes an answer whose first events have been read. It ends early where events are trimmed faster than it comes to them: the
// answer that goes on from its next tells which.
func (h *historian) write(w http.ResponseWriter, r *http.Request, query historyQuery, past fanout.History) {
	deadline := http.NewResponseController(w)
	defer deadline.SetWriteDeadline(time.Time{})
	first, next, count, separator := past, past.Next, 0, ""
	_ = deadline.SetWriteDeadline(time.Now().Add(historyPatience))
	if _, err := w.Write(headOf(past)); err != nil {
		return
	}
	var line []byte
	for {
		for _, e := range past.Events {
			line = event.AppendOffset(event.Append(append(line[:0], separator...), e), e.Offset)
			separator = ","
			if _, err := w.Write(line); err != nil {
				return
			}
		}
		next = past.Next
		if count += len(past.Events); count == query.limit || next.Offset >= first.Position.Offset || r.Context().Err() != nil {
			break
		}
		_ = deadline.SetWriteDeadline(time.Now().Add(historyPatience))
		more, err := h.hub.History(query.topic, next, min(query.limit-count, h.page))
		if err != nil || more.Result == event.Fresh || more.To > first.To || more.Next == next {
			break
		}
		past = more
	}
	fmt.Fprintf(w, "],\"next\":%q}\n", next)
	_ = deadline.Flush()
}

// headOf is the beginning of an answer, up to its first event.
func headOf(past fanout.History) []byte {
	head := historyHead{
		Topic: past.Topic, Epoch: past.Position.Epoch, Offset: past.Position.Offset, Result: past.Result,
	}
	if past.Result == event.Gapped {
		head.From, head.To = past.From, past.To
	}
	if past.Missed >= 0 {
		head.Missed = &past.Missed
	}
	text, _ := json.Marshal(head)
	return append(text[:len(text)-1], `,"events":[`...)
}
