package spoke

import (
	"encoding/json"
	"strconv"

	"github.com/spokehub/spokehub/event"
)

// request is a control event that the hub has yet to answer.
type request struct {
	kind string
	// topics are those that it names, and open how many of them are not answered.
	topics []*topic
	open   int
	// origin is the number of the first control event that these topics were in, before it was divided.
	origin uint64
	// reached is the number of events that were written ahead of it.
	reached uint64
	// presence is what it asks for in place of topics; nil for none.
	presence *presence
}

// probe is the kind of a request that asks for nothing but an answer.
const probe = "probe"

// requests are the control events of a connection that the hub has yet to answer, and the number of the last. The client's
// lock guards them. Numbers go on over connections.
type requests struct {
	last uint64
	open map[uint64]*request
}

// add notes a request and returns its number.
func (r *requests) add(q *request) uint64 {
	if r.open == nil {
		r.open = map[uint64]*request{}
	}
	r.last++
	if q.origin == 0 {
		q.origin = r.last
	}
	r.open[r.last] = q
	return r.last
}

// find returns the request that an answer's id names.
func (r *requests) find(id string) (*request, uint64) {
	number, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil, 0
	}
	return r.open[number], number
}

// answered counts topics of the request that are answered; it is done with the last.
func (r *requests) answered(number uint64, topics int) {
	q := r.open[number]
	q.open -= topics
	if q.open <= 0 {
		delete(r.open, number)
	}
}

// openUpTo says whether a request of topics up to the number is open, or one that a request up to it was divided into.
func (r *requests) openUpTo(number uint64) bool {
	for _, q := range r.open {
		if q.origin <= number && q.kind != probe && q.presence == nil {
			return true
		}
	}
	return false
}

// appendControl appends a control event.
func appendControl(dst []byte, kind string, number uint64, payload any) []byte {
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return event.Append(dst, event.Event{Type: kind, ID: strconv.FormatUint(number, 10), Payload: text})
}

// topicsPayload names topics. With them go the positions that they have, if withSince.
func topicsPayload(topics []*topic, withSince bool) any {
	payload := struct {
		Topics []string                  `json:"topics"`
		Since  map[string]event.Position `json:"since,omitempty"`
	}{Topics: make([]string, len(topics))}
	for i, of := range topics {
		payload.Topics[i] = of.name
		if !withSince || of.place == nil {
			continue
		}
		if payload.Since == nil {
			payload.Since = map[string]event.Position{}
		}
		of.place.since = of.position()
		payload.Since[of.name] = of.place.since
	}
	return payload
}
