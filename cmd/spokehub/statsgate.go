package main

import (
	"sync"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// statsInterval is how often anybody can make the hub ask all its reactors.
const statsInterval = 100 * time.Millisecond

// statsGate lets many askers share one count: however many ask, the hub counts once per interval. An asker waits for a count
// that begins after the question, so the answer is never out of date. Any goroutine may use it: mu guards next, turn guards last
// and is held while a round waits and counts.
type statsGate struct {
	// count and interval never change.
	count    func() fanout.Stats
	interval time.Duration

	mu   sync.Mutex
	next *statsRound
	turn sync.Mutex
	last time.Time
}

// statsRound is one count. stats may be read once done is closed.
type statsRound struct {
	done  chan struct{}
	stats fanout.Stats
}

func newStatsGate(count func() fanout.Stats) *statsGate {
	return &statsGate{count: count, interval: statsInterval}
}

// stats joins the round that waits, or begins one. It blocks for the interval and one count, or the rest of another count.
func (g *statsGate) stats() fanout.Stats {
	g.mu.Lock()
	round := g.next
	if round == nil {
		round = &statsRound{done: make(chan struct{})}
		g.next = round
		g.mu.Unlock()
		g.run(round)
		return round.stats
	}
	g.mu.Unlock()
	<-round.done
	return round.stats
}

func (g *statsGate) run(round *statsRound) {
	g.turn.Lock()
	defer g.turn.Unlock()
	defer close(round.done)
	if wait := g.interval - time.Since(g.last); wait > 0 {
		<-time.After(wait)
	}
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	round.stats = g.count()
	g.last = time.Now()
}
