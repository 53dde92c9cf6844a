package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

const (
	// maxInspected is how many connections or topics an answer has at most, and defaultInspected how many without a limit in the query.
	maxInspected     = 1000
	defaultInspected = 100
	// inspectedBytes is about what one of them takes while an answer is made.
	inspectedBytes = 4 << 10
	// maxOrder is how long the body of POST /disconnect or /unsubscribe may be.
	maxOrder = 256 << 10
	// orderPatience is how long it may take.
	orderPatience = 30 * time.Second
)

// inspector answers what operators ask about the connections and topics of this hub, and ends those that they name. One request is carried out
// at a time, so that however many ask, a reactor works on one slice for them in a turn. Any goroutine may use it: turn is a semaphore, the rest never changes.
type inspector struct {
	hub    *fanout.Hub
	node   string
	logger *slog.Logger
	turn   chan struct{}
}

// newInspector takes the name of the hub, if it has one.
func newInspector(hub *fanout.Hub, node string, logger *slog.Logger) *inspector {
	if node == "" {
		node, _ = os.Hostname()
	}
	for _, n := range hub.Nodes() {
		if n.IsSelf {
			node = n.Name
		}
	}
	return &inspector{hub: hub, node: node, logger: logger, turn: make(chan struct{}, 1)}
}

func (i *inspector) handle(mux *http.ServeMux) {
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"GET /connections":  i.connections,
		"GET /topics":       i.topics,
		"POST /disconnect":  i.disconnect,
		"POST /unsubscribe": i.unsubscribe,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { i.serve(w, r, answer) })
	}
}

var (
	// errInspectMemory is the end of a request for whose answer there is no memory.
	errInspectMemory = errors.New("the hub's memory budget is used up: try again later, or with a lower limit")
	// errInspectTurn is the end of a request that has given up.
	errInspectTurn = errors.New("another request was carried out")
)

// serve answers 200, 400 for a request that is wrong, of which nothing has been carried out, and 503 if the hub has no memory for the answer, or the
// client has not waited.
func (i *inspector) serve(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	found, err := any(nil), takeOrder(w, r)
	if err == nil {
		found, err = i.inTurn(r, answer)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case errors.Is(err, errInspectMemory), errors.Is(err, errInspectTurn):
		w.Header().Set("Retry-After", strconv.Itoa(publishRetry))
		w.WriteHeader(http.StatusServiceUnavailable)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	}
	if err != nil {
		found = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(found)
}

// inTurn carries a request out once it is its turn.
func (i *inspector) inTurn(r *http.Request, answer func(*http.Request) (any, error)) (any, error) {
	select {
	case i.turn <- struct{}{}:
	case <-r.Context().Done():
		return nil, errInspectTurn
	}
	defer func() { <-i.turn }()
	return answer(r)
}

// inspectQuery reads a query in which each name stands once at most, and is one of those known.
func inspectQuery(text string, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, fmt.Errorf("the query can't be read: %w", err)
	}
	for name, all := range values {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("the query has %q, which is unknown: there are %s", name, strings.Join(known, ", "))
		}
		if len(all) > 1 {
			return nil, fmt.Errorf("the query has %s %d times: give it once", name, len(all))
		}
		if all[0] == "" {
			return nil, fmt.Errorf("%s is empty: give it a value, or leave it out", name)
		}
	}
	return values, nil
}

// inspectLimit reads how many are wanted.
func inspectLimit(values url.Values) (int, error) {
	if !values.Has("limit") {
		return defaultInspected, nil
	}
	limit, err := strconv.Atoi(values.Get("limit"))
	if err != nil || limit < 1 || limit > maxInspected {
		return 0, fmt.Errorf("limit: want a whole number from 1 to %d, and got %q", maxInspected, values.Get("limit"))
	}
	return limit, nil
}

// takeOrder reads the body of a request to its end, so that nobody waits for a slow one.
func takeOrder(w http.ResponseWriter, r *http.Request) error {
	deadline := http.NewResponseController(w)
	defer deadline.SetReadDeadline(time.Time{})
	_ = deadline.SetReadDeadline(time.Now().Add(orderPatience))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxOrder+1))
	if err != nil {
		return fmt.Errorf("the body broke off, or took more than %v: %w", orderPatience, err)
	}
	if len(body) > maxOrder {
		return fmt.Errorf("the body has more than %s: name fewer in one request", byteSize(maxOrder))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
