//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// paddingBytes make the events of streams so long that a client whose line is stalled falls behind.
const paddingBytes = 2 << 10

// publisher sends numbered events to the strands, beside the proxy, by the hub's /publish. One batch follows another, so they have an order.
type publisher struct {
	hubs   *hubs
	ledger *ledger
	every  time.Duration
	// mu is held while a batch is on its way. It guards the rest.
	mu sync.Mutex
	// turn is the number of the batch. Hushed publishes sweeps alone.
	turn   int
	hushed bool
}

// run publishes a batch each time, until ctx ends.
func (p *publisher) run(ctx context.Context) {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.publish()
		}
	}
}

// hush stops all but sweeps, or lets the rest go on.
func (p *publisher) hush(hushed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hushed = hushed
}

// publish sends an event to each strand whose turn it is. What a dying hub doesn't take is in doubt.
func (p *publisher) publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.hushed {
		p.sendLocked(p.next())
	}
}

// sweep sends an event to every strand. It fails if the hub doesn't take them.
func (p *publisher) sweep() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]int, len(strands))
	for strand := range all {
		all[strand] = strand
	}
	return p.sendLocked(all)
}

func (p *publisher) sendLocked(batch []int) error {
	hub := p.hubs.current()
	numbers := p.ledger.begin(batch)
	err := hub.Publish(encode(numbers))
	if err != nil {
		p.ledger.doubt(numbers)
	}
	return err
}

// next is a tick, and some of the other strands in turn.
func (p *publisher) next() []int {
	turn := p.turn
	p.turn++
	room, price, newsAt := 1, 1+rooms, 1+rooms+prices
	batch := []int{0}
	for i := range 3 {
		batch = append(batch, room+(3*turn+i)%rooms)
	}
	for i := range 5 {
		batch = append(batch, price+(5*turn+i)%prices)
	}
	return append(batch, newsAt+turn%news, newsAt+news+turn%rares, keptStrands+turn%orders, keptStrands+orders+turn%quotes)
}

// encode makes a line of each event.
func encode(numbers []number) []byte {
	var lines bytes.Buffer
	for _, e := range numbers {
		kind, id, _ := strings.Cut(e.name(), ":")
		padding := ""
		if isKept(kind) {
			padding = fmt.Sprintf(`,"padding":"%0*d"`, paddingBytes, 0)
		}
		fmt.Fprintf(&lines, "{\"type\":%q,\"id\":%q,\"payload\":{\"n\":%d,\"all\":%d%s}}\n", kind, id, e.n, e.all, padding)
	}
	return lines.Bytes()
}
