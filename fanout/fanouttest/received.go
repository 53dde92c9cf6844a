package fanouttest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
)

// received is what has arrived at a client and was not asked for yet. The reader adds, the test takes; mu guards all of it.
type received struct {
	mu sync.Mutex
	// changed is closed and replaced whenever something arrives.
	changed chan struct{}
	events  []event.Event
	answers map[string][]answer
	// pongs is the number of pongs that have arrived.
	pongs int
	// end is how the connection ended, nil while it is open.
	end *ending
}

// answer is an ack, or a rejection of a topic or of all.
type answer struct {
	// ack is nil for a rejection.
	ack    *event.Ack
	reject event.Reject
}

// ending is how a connection ended. err is what was wrong with what the hub sent, if anything was.
type ending struct {
	code   uint16
	reason string
	err    error
}

// String names code and reason.
func (e *ending) String() string {
	text := fmt.Sprintf("close code %d", e.code)
	if e.reason != "" {
		text += ", reason " + e.reason
	}
	if e.err != nil {
		text += ", " + e.err.Error()
	}
	return text
}

func newReceived() *received {
	return &received{changed: make(chan struct{}), answers: make(map[string][]answer)}
}

// await waits until reached is true, which is called with mu locked. It returns false if expired fires first.
func (r *received) await(expired <-chan time.Time, reached func(*received) bool) bool {
	for {
		r.mu.Lock()
		done, changed := reached(r), r.changed
		r.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-expired:
			return false
		}
	}
}

func (r *received) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// message takes in one message of the hub: an event, an answer, or a control event that this client does not know and ignores.
func (r *received) message(text []byte) error {
	var envelope struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return fmt.Errorf("message %q: %w", text, err)
	}
	switch {
	case envelope.Type == event.TypeAck:
		ack, err := event.ParseAck(text)
		if err != nil {
			return fmt.Errorf("message %q: %w", text, err)
		}
		r.addAnswer(ack.ID, answer{ack: &ack})
		return nil
	case envelope.Type == event.TypeReject:
		reject, err := event.ParseReject(text)
		if err != nil {
			return fmt.Errorf("message %q: %w", text, err)
		}
		r.addAnswer(reject.ID, answer{reject: reject})
		return nil
	case strings.HasPrefix(envelope.Type, "__"):
		return nil
	}
	e, err := event.Parse(text)
	if err != nil {
		return fmt.Errorf("message %q: %w", text, err)
	}
	r.update(func() { r.events = append(r.events, e) })
	return nil
}

func (r *received) addAnswer(id string, a answer) {
	r.update(func() { r.answers[id] = append(r.answers[id], a) })
}

func (r *received) pong() { r.update(func() { r.pongs++ }) }

func (r *received) ended(how ending) { r.update(func() { r.end = &how }) }

func (r *received) answersLocked(id string) []answer { return r.answers[id] }

func (r *received) left() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// ending returns how the connection ended.
func (r *received) ending() *ending {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end == nil {
		return &ending{code: codeNoFrame}
	}
	return r.end
}
