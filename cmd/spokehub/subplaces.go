package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// places are where topics are in their streams. Any goroutine may use them.
type places struct {
	mu sync.Mutex
	// unprinted are the positions ahead of the first event of a topic that was not printed: the run had ended.
	unprinted map[string]event.Position
}

// leaveOut notes that an event of a topic, which is being handled, was not printed.
func (p *places) leaveOut(client *spoke.Client, topic string, e event.Event) {
	at, isKnown := client.Position(topic)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, isThere := p.unprinted[topic]; isThere || !isKnown || e.Offset == 0 {
		return
	}
	if p.unprinted == nil {
		p.unprinted = map[string]event.Position{}
	}
	p.unprinted[topic] = event.Position{Epoch: at.Epoch, Offset: e.Offset - 1}
}

// tell says how a command goes on behind what was printed, if a topic has a stream. The client has ended.
func (p *places) tell(stderr io.Writer, client *spoke.Client, topics []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := map[string]event.Position{}
	for _, topic := range topics {
		if position, isKnown := client.Position(topic); isKnown {
			at[topic] = position
		}
		if position, isThere := p.unprinted[topic]; isThere {
			at[topic] = position
		}
	}
	if len(at) > 0 {
		fmt.Fprintf(stderr, "spokehub: to go on from here: %s\n", sinceFlags(topics, at))
	}
}
