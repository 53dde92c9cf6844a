//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// tape publishes numbered events to nodes of a cluster at a rate. Its lock guards events and repeats.
type tape struct {
	began time.Time
	run   string
	mu    sync.Mutex
	// events is how many it has begun to publish, repeats how many requests failed and were made again.
	events  uint64
	repeats int
}

// tapeClient keeps its connections: each node has a few.
var tapeClient = &http.Client{Timeout: 10 * time.Second}

// play publishes until ctx ends. node gives one that is up, nil if there is none. An event whose request fails is published again at another node with
// the same key, so that it is in the stream once, and the next one only behind it.
func (t *tape) play(ctx context.Context, rate float64, node func() *server.Server) {
	for number := uint64(1); ; number++ {
		due := time.Duration(float64(number) / rate * float64(time.Second))
		select {
		case <-ctx.Done():
			return
		case <-time.After(due - time.Since(t.began)):
		}
		t.mu.Lock()
		t.events = number
		t.mu.Unlock()
		for t.publish(number, node()) != nil {
			t.mu.Lock()
			t.repeats++
			t.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// publish posts one event.
func (t *tape) publish(number uint64, node *server.Server) error {
	if node == nil {
		return errors.New("no node is up")
	}
	request, err := http.NewRequest(http.MethodPost, node.Admin+"/publish", strings.NewReader(fmt.Sprintf(`{"type":%q,"payload":%d}`, keptType, number)))
	if err != nil {
		return err
	}
	request.Header.Set("Idempotency-Key", fmt.Sprintf("%s-%d", t.run, number))
	response, err := tapeClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return err
}

// count is how many events there are, and how many requests failed.
func (t *tape) count() (events uint64, repeats int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.events, t.repeats
}
