//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// ledger holds what was published against what passed on each line and what each client heard of it. Its methods may be called from any
// goroutine. The proxy tells it of an event before it passes it on, and so before the client can have heard of it.
type ledger struct {
	mu       sync.Mutex
	began    time.Time
	journal  journal
	accounts []*account
	// streams are those of all hubs.
	streams streams
	// nodes is the first client that runs in Node; those before it are in Go.
	nodes int
	// closed is set at the end: what comes after it doesn't count.
	closed bool
	findings
}

func newLedger(clients, nodes int) *ledger {
	l := &ledger{began: time.Now(), journal: newJournal(), nodes: nodes}
	l.streams = streams{archives: map[streamKey]*archive{}, now: map[string]string{}}
	l.controls, l.planned, l.befallen = map[int]int{}, map[fault]int{}, map[fault]int{}
	for client := range clients {
		l.accounts = append(l.accounts, newAccount(client))
	}
	return l
}

func (l *ledger) elapsed() time.Duration { return time.Since(l.began) }

// lock returns false where nothing counts any more; the lock is held all the same.
func (l *ledger) lock() bool {
	l.mu.Lock()
	return !l.closed
}

// close ends the judgement: what happens from now on, because everything is taken down, is not held against anybody.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, a := range l.accounts {
		l.tallies.Heard += a.heard
		a.heard = 0
	}
	l.tallies.LostAway = l.missedLocked()
}

// missedLocked counts what was published to clients and never passed on a line of theirs.
func (l *ledger) missedLocked() int {
	due := 0
	for _, a := range l.accounts {
		for _, strand := range a.strands {
			due += l.journal.next(strand) - 1
		}
	}
	return due - l.tallies.Passed
}

func (l *ledger) problemLocked(what string, client int, e number, p *passage) {
	found := problem{What: what, Client: client, After: l.elapsed(), Kind: l.kindOf(client), Number: e.n}
	if e.n > 0 {
		found.Topic = e.name()
	}
	if p != nil {
		found.Line, found.Fault = p.line, p.fault.String()
	}
	l.add(found)
}

// kindOf is what a client runs in.
func (l *ledger) kindOf(client int) string {
	if client < l.nodes {
		return "Go"
	}
	return "Node"
}

// problem notes one that concerns a client, or nobody.
func (l *ledger) problem(client int, format string, arguments ...any) {
	defer l.mu.Unlock()
	if l.lock() {
		l.problemLocked(fmt.Sprintf(format, arguments...), client, number{}, nil)
	}
}

// begin gives the next numbers to a batch of events, which are about to be published.
func (l *ledger) begin(batch []int) []number {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies.Published += len(batch)
	return l.journal.begin(batch)
}

// doubt notes that the hub may not have dispatched these.
func (l *ledger) doubt(numbers []number) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies.Uncertain += len(numbers)
	l.journal.doubt(numbers)
}

// accepted counts a line that is planned to have this fault.
func (l *ledger) accepted(fault fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies.Lines++
	l.planned[fault]++
}

// befell counts a fault that came to pass.
func (l *ledger) befell(fault fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.befallen[fault]++
}

// opened notes a line on which a client's handshake has succeeded.
func (l *ledger) opened(client, line int, fault fault) *passage {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[client]
	a.prune()
	p := newPassage(line, a, fault)
	a.lines = append(a.lines, p)
	return p
}

// ended notes that nothing more will pass on a line, whether it ended with FIN, and whether the client ended it.
func (l *ledger) ended(p *passage, orderly, byClient bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.isBack() {
		p.owner.away = l.elapsed()
	}
	if byClient && !p.afflicted && !l.closed {
		l.tallies.GivenUp++
		if p.owner.client >= l.nodes {
			l.tallies.GivenUpNode++
		}
	}
	p.ended, p.orderly = true, orderly && !byClient && !p.fault.kind().obscure
}

// left notes that the client closes a line: it need not hear what still passes.
func (l *ledger) left(p *passage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.left = true
}

// leaves notes that a client takes its line for dead. Its word comes late: all lines that are known count.
func (l *ledger) leaves(client int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.accounts[client].lines {
		p.left = true
	}
}

// afflict notes that the fault of a line begins, or that the hub closes it.
func (l *ledger) afflict(p *passage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.afflicted = true
}

// asked notes a message of the client that subscribes.
func (l *ledger) asked(p *passage, topics []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p.unasked) > 0 {
		p.controls++
	}
	for _, topic := range topics {
		delete(p.unasked, topic)
	}
}

// acked notes topics of which the hub says that they are in force.
func (l *ledger) acked(p *passage, topics []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.acked(topics, &l.journal) {
		l.tallies.Back++
		l.controls[p.controls]++
		l.outages = append(l.outages, float32((l.elapsed()-p.owner.away).Seconds()*1e3))
	}
}

// passed notes an event that is about to reach a client.
func (l *ledger) passed(p *passage, e number) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	if e.all > 0 {
		l.tallies.Passed++
	}
	p.passed(e, &l.journal, func(what string, e number) { l.problemLocked(what, p.owner.client, e, p) })
}

// said notes an event that the client has sent.
func (l *ledger) said(p *passage, e number) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	l.tallies.Said++
	if len(p.unasked) > 0 {
		l.problemLocked("the client published before it had subscribed again", p.owner.client, e, p)
		clear(p.unasked)
	}
	if !p.owner.voice.said(e.n) {
		l.problemLocked("the client published an event twice or out of order", p.owner.client, e, p)
	}
}

// heard notes an event that a listener of a client got.
func (l *ledger) heard(client int, e number) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	a := l.accounts[client]
	if a.isLate(e) {
		l.problemLocked("the client heard an event twice or out of order", client, e, a.line())
		return
	}
	abandoned, gap, found := a.listened(e)
	if !found {
		l.problemLocked("the client heard an event that never passed", client, e, a.line())
		return
	}
	l.reachedLocked(a, a.lines[0], e)
	for _, lost := range gap {
		l.problemLocked("the client's listener missed an event between others of one line", client, lost, a.lines[0])
	}
	for _, p := range abandoned {
		l.abandonLocked(p)
	}
}

// abandonLocked counts what passed on a line that the client has left and was not heard.
func (l *ledger) abandonLocked(p *passage) {
	l.tallies.LostInFlight += len(p.sent)
	if len(p.sent) > 0 && p.orderly && !p.left {
		l.problemLocked("the client's listener missed an event that passed before an orderly end of the line", p.owner.client, p.sent[0], p)
	}
}

// lost notes that a client knows of the end of its line: what it publishes from now on has to arrive.
func (l *ledger) lost(client int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &l.accounts[client].voice
	v.sure = v.begun + 1
}

// speaks notes that a client is about to publish an event, refuses that it was told that it can't.
func (l *ledger) speaks(client, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[client].voice.begun = n
}

func (l *ledger) refuses(client, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies.Refused++
	l.accounts[client].voice.refused[n] = true
}

// result returns a copy of what was found.
func (l *ledger) result() findings {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.findings
	f.problems, f.outages = slices.Clone(f.problems), slices.Clone(f.outages)
	f.controls, f.planned, f.befallen = maps.Clone(f.controls), maps.Clone(f.planned), maps.Clone(f.befallen)
	return f
}
