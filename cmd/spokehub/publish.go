package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const (
	// maxPublishErrors is the number of errors that a response lists.
	maxPublishErrors = 100
	// maxPublishes is how many requests are read at a time.
	maxPublishes = 64
	// publishRetry is the Retry-After of a 503, in seconds.
	publishRetry = 2
)

// publishPatience is how long a publisher waits, and for what. It never changes.
type publishPatience struct {
	// turn is how long a request waits until fewer than maxPublishes are read.
	turn time.Duration
	// read bounds the time of each read of a body, body that of all its reads together.
	read time.Duration
	body time.Duration
	// room is how long an event waits for room in the hub.
	room time.Duration
}

var defaultPatience = publishPatience{turn: 10 * time.Second, read: 30 * time.Second, body: 5 * time.Minute, room: 30 * time.Second}

// publishTarget is what a publisher needs of a hub.
type publishTarget interface {
	// PublishWith dispatches an event and waits until there is room for it, or ctx ends.
	PublishWith(ctx context.Context, e event.Event, options fanout.PublishOptions) (fanout.Receipt, error)
	// Reserve counts bytes against the memory budget, or reports false if they don't fit. Unreserve gives them back.
	Reserve(bytes int64) bool
	Unreserve(bytes int64)
}

// publisher answers POST /publish. The body holds one event per line or, with Content-Type application/json, one event
// that may span lines, or an array of them. Every valid event is dispatched as soon as it is read, so a body of any length
// costs the memory of its longest event. Any goroutine may use it: running is a semaphore, the rest never changes.
type publisher struct {
	hub      publishTarget
	maxLine  int
	maxBody  int64
	patience publishPatience
	running  chan struct{}
}

func newPublisher(hub publishTarget, maxLine int, maxBody int64) *publisher {
	return &publisher{hub: hub, maxLine: maxLine, maxBody: maxBody, patience: defaultPatience, running: make(chan struct{}, maxPublishes)}
}

// publishReport is the response.
type publishReport struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// Matched is how many subscribers the accepted events had, all together.
	Matched int `json:"matched"`
	// Repeated is how many of the accepted events were not sent, because their stream had one with the same key already.
	Repeated int `json:"repeated,omitempty"`
	// Position is that of the last accepted event that has one, because its type has a stream.
	Position *event.Position `json:"position,omitempty"`
	// Error says what is wrong with the request as a whole, or why reading it ended early.
	Error         string         `json:"error,omitempty"`
	Errors        []publishError `json:"errors,omitempty"`
	ErrorsOmitted int            `json:"errors_omitted,omitempty"`
}

// publishError says what is wrong with a line or with an element of an array. Both count from 1; the one that is 0 isn't meant.
type publishError struct {
	Line    int    `json:"line,omitempty"`
	Element int    `json:"element,omitempty"`
	Error   string `json:"error"`
}

func (r *publishReport) accept(receipt fanout.Receipt) {
	r.Accepted++
	r.Matched += receipt.Matched
	if receipt.Repeated {
		r.Repeated++
	}
	if receipt.Position != (event.Position{}) {
		r.Position = &receipt.Position
	}
}

func (r *publishReport) reject(at publishError, err error) {
	r.Rejected++
	if len(r.Errors) == maxPublishErrors {
		r.ErrorsOmitted++
		return
	}
	at.Error = err.Error()
	r.Errors = append(r.Errors, at)
}

// ServeHTTP answers 200 if an event was accepted, 400 if none was or the body broke off, 408 if it came too slowly, 413 if it is
// too long, 415 if it is of a kind that isn't read, and 503 if the hub had no room or a stream took no event. Events read before such an end stay
// published; a body whose Content-Length is too long is rejected unread, and so is one of another kind. The response
// always has the counts.
func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > p.maxBody {
		var report publishReport
		report.reject(publishError{Line: 1}, fmt.Errorf("the body has %d bytes, more than %s: nothing was published, see --publish-limit", r.ContentLength, byteSize(p.maxBody)))
		writeReport(w, http.StatusRequestEntityTooLarge, report)
		return
	}
	kind, encoded, err := bodyKindOf(r.Header)
	if err != nil {
		w.Header().Set("Accept", acceptedTypes)
		w.Header().Set("Accept-Encoding", "gzip, identity")
		writeReport(w, http.StatusUnsupportedMediaType, publishReport{Error: err.Error()})
		return
	}
	key, err := publishKey(r.Header)
	if err != nil {
		writeReport(w, http.StatusBadRequest, publishReport{Error: err.Error() + "; nothing was published"})
		return
	}
	if err := p.begin(r.Context()); err != nil {
		p.answer(w, publishReport{}, err)
		return
	}
	defer func() { <-p.running }()
	body, err := p.open(w, r, encoded)
	if err != nil {
		p.answer(w, publishReport{}, err)
		return
	}
	defer body.close()
	run := publishRun{publisher: p, ctx: r.Context(), body: body, isForm: kind == kindForm, key: key}
	if kind == kindJSON {
		err = run.publishJSON()
	} else {
		err = run.publishLines()
	}
	p.answer(w, run.report, err)
}

// begin waits for one of the places for requests that are read.
func (p *publisher) begin(ctx context.Context) error {
	select {
	case p.running <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(p.patience.turn)
	defer late.Stop()
	select {
	case p.running <- struct{}{}:
		return nil
	case <-late.C:
		return fmt.Errorf("%d other requests publish at the moment: %w", maxPublishes, errNoRoom)
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	// errNoRoom is the end of a request for which the hub has no room.
	errNoRoom = errors.New("try again later")
	// errEmptyBody is the end of a request without an event.
	errEmptyBody = errors.New(`the body is empty: send an event, such as {"type":"t","payload":1}`)
)

// answer writes the response to a request whose reading has ended with err, or nil.
func (p *publisher) answer(w http.ResponseWriter, report publishReport, err error) {
	status := http.StatusOK
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
		err = fmt.Errorf("the body has more than %s, see --publish-limit: what follows was not read", byteSize(p.maxBody))
	case errors.Is(err, os.ErrDeadlineExceeded):
		status = http.StatusRequestTimeout
		err = errors.New("the body came too slowly: what follows was not read")
	case errors.Is(err, errNoRoom), errors.Is(err, fanout.ErrClosed):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", strconv.Itoa(publishRetry))
	case err != nil || report.Accepted == 0:
		status = http.StatusBadRequest
	}
	if err != nil {
		report.Error = err.Error()
	}
	if err == nil && report.Accepted+report.Rejected == 0 {
		report.Error = errEmptyBody.Error()
	}
	writeReport(w, status, report)
}

func writeReport(w http.ResponseWriter, status int, report publishReport) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(report)
}

// publishRun is one request. It belongs to its handler.
type publishRun struct {
	publisher *publisher
	ctx       context.Context
	body      *publishBody
	// isForm says that the body has the content type of a form, which is what curl says by itself.
	isForm bool
	// key is the Idempotency-Key of the request, "" for none.
	key    string
	report publishReport
}

// publish dispatches an event, or rejects it. An error ends the request.
func (run *publishRun) publish(at publishError, envelope []byte) error {
	e, err := event.Parse(envelope)
	if err != nil {
		run.report.reject(at, run.hint(at, envelope, err))
		return nil
	}
	key, err := run.keyOf(at)
	if err != nil {
		run.report.reject(at, err)
		return nil
	}
	ctx, cancel := context.WithTimeout(run.ctx, run.publisher.patience.room)
	defer cancel()
	receipt, err := run.publisher.hub.PublishWith(ctx, e, fanout.PublishOptions{IdempotencyKey: key})
	switch {
	case err == nil:
		run.report.accept(receipt)
		return nil
	case errors.Is(err, fanout.ErrClosed):
		return fmt.Errorf("this event and what follows was not published: %w", err)
	case errors.Is(err, fanout.ErrBroker):
		return fmt.Errorf("the broker does not take events of the type %q at the moment (%v): this one may have been published all the same, and what follows was not; with an Idempotency-Key the request may be repeated: %w", e.Type, err, errNoRoom)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the queues of the subscribers had no room for %v, so this event and what follows was not published: %w", run.publisher.patience.room, errNoRoom)
	case run.ctx.Err() != nil:
		return run.ctx.Err()
	case errors.Is(err, fanout.ErrNoStream):
		err = fmt.Errorf("Idempotency-Key: the type %q has no stream, which would remember the key: give it a policy with history, or leave out the field", e.Type)
	case !errors.Is(err, fanout.ErrInvalid) && !errors.Is(err, fanout.ErrTooLong):
		return fmt.Errorf("the stream of the type %q does not take events at the moment (%v), so this event and what follows was not published: %w", e.Type, err, errNoRoom)
	}
	run.report.reject(at, err)
	return nil
}

// hint adds to an error what the sender has most likely done.
func (run *publishRun) hint(at publishError, envelope []byte, err error) error {
	switch {
	case at.Line == 0 || len(envelope) == 0:
		return err
	case envelope[0] == '[':
		return errors.New("an array: one event per line is expected, or Content-Type: application/json")
	case envelope[0] == '{' && envelope[len(envelope)-1] != '}':
		return fmt.Errorf("%w (an event over several lines needs Content-Type: application/json)", err)
	case envelope[0] == '{' && run.isForm && at.Line == 1 && errors.Is(err, event.FaultSyntax):
		return fmt.Errorf("%w (curl -d removes line ends: use --data-binary)", err)
	}
	return err
}
