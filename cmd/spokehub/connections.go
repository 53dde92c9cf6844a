package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// connectionsAnswer is what GET /connections answers.
type connectionsAnswer struct {
	Node        string             `json:"node"`
	Connections []connectionAnswer `json:"connections"`
	// Next is what "after" takes to go on, empty at the end.
	Next string `json:"next,omitempty"`
	// ClosedSlow are those that were closed last because they did not keep up, in an answer that begins at the first connection.
	ClosedSlow []closedAnswer `json:"closed_slow,omitempty"`
}

type connectionAnswer struct {
	ID             uint64      `json:"id"`
	Address        string      `json:"address"`
	User           string      `json:"user,omitempty"`
	IsUnidentified bool        `json:"unidentified,omitempty"`
	Since          time.Time   `json:"since"`
	Subprotocol    string      `json:"subprotocol,omitempty"`
	Queue          queueAnswer `json:"queue"`
	// BytesIn and BytesOut are null where the kernel does not tell.
	BytesIn  *uint64     `json:"bytes_in"`
	BytesOut *uint64     `json:"bytes_out"`
	Topics   topicsOf    `json:"topics"`
	Lagging  []string    `json:"lagging,omitempty"`
	Slow     *slowAnswer `json:"slow,omitempty"`
}

type queueAnswer struct {
	Bytes   int     `json:"bytes"`
	Frames  int     `json:"frames"`
	Blocked float64 `json:"blocked_ms"`
}

type topicsOf struct {
	Count int      `json:"count"`
	Some  []string `json:"some,omitempty"`
}

type closedAnswer struct {
	ID      uint64      `json:"id"`
	Address string      `json:"address"`
	User    string      `json:"user,omitempty"`
	Slow    *slowAnswer `json:"slow"`
}

// connections answers GET /connections.
func (i *inspector) connections(r *http.Request) (any, error) {
	query, err := connectionQueryOf(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	bytes := int64(query.Limit+1) * inspectedBytes
	if !i.hub.Reserve(bytes) {
		return nil, errInspectMemory
	}
	defer i.hub.Unreserve(bytes)
	page, next, err := i.hub.Connections(query)
	if err != nil {
		return nil, err
	}
	answer := connectionsAnswer{Node: i.node, Connections: make([]connectionAnswer, 0, len(page)), Next: next}
	for n := range page {
		answer.Connections = append(answer.Connections, newConnectionAnswer(&page[n]))
	}
	if query.After == "" {
		for _, s := range i.hub.ClosedSlow() {
			answer.ClosedSlow = append(answer.ClosedSlow, closedAnswer{ID: s.ID, Address: s.Address, User: s.User, Slow: newSlowAnswer(s.Why)})
		}
	}
	return answer, nil
}

func connectionQueryOf(text string) (q fanout.ConnectionQuery, err error) {
	values, err := inspectQuery(text, "sort", "id", "user", "topic", "address", "limit", "after")
	if err != nil {
		return q, err
	}
	if values.Has("sort") {
		if q.Sort, err = fanout.ParseConnectionSort(values.Get("sort")); err != nil {
			return q, fmt.Errorf("sort: %w", err)
		}
	}
	if values.Has("id") {
		if q.ID, err = strconv.ParseUint(values.Get("id"), 10, 64); err != nil || q.ID == 0 {
			return q, fmt.Errorf("id: want the number of a connection, and got %q", values.Get("id"))
		}
	}
	q.User, q.Topic, q.Address, q.After = values.Get("user"), values.Get("topic"), values.Get("address"), values.Get("after")
	q.Limit, err = inspectLimit(values)
	return q, err
}

func newConnectionAnswer(info *fanout.ConnectionInfo) connectionAnswer {
	answer := connectionAnswer{
		ID: info.ID, Address: info.Address, User: info.User, IsUnidentified: info.IsUnidentified, Since: info.Since, Subprotocol: info.Subprotocol,
		Queue:  queueAnswer{Bytes: info.Queue.Bytes, Frames: info.Queue.Frames, Blocked: inMs(info.Queue.Blocked)},
		Topics: topicsOf{Count: info.Topics, Some: info.SomeTopics}, Lagging: info.Lagging, Slow: newSlowAnswer(info.Slow),
	}
	if info.Traffic != nil {
		answer.BytesIn, answer.BytesOut = &info.Traffic.BytesIn, &info.Traffic.BytesOut
	}
	return answer
}

// inMs is a time in milliseconds, to the microsecond.
func inMs(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
