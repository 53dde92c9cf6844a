//go:build linux

package main

import "slices"

// passage is what the ledger knows of one line. Its lock guards it.
//
// P1: events pass in the order in which they were published, each once.
// P2: once the hub has acked all topics, every event that is published from then on passes, up to the last that passes.
type passage struct {
	line  int
	owner *account
	fault fault
	// unasked and unacked are the topics that are still to be subscribed to, and to be in force.
	unasked, unacked map[string]bool
	// due has for each of the owner's strands the next number that must pass; nil until all is in force.
	due []int
	// last is the place of the last event that passed.
	last uint64
	// sent has passed and has not been heard yet.
	sent []number
	// controls counts the messages that subscribe.
	controls int
	// kept is what concerns streams.
	kept keptLine
	fate
}

// fate is how the line ended, or is about to.
type fate struct {
	// ended is set when nothing more will pass, orderly if all that has passed must be heard all the same.
	ended, orderly bool
	// afflicted is set once the fault has begun, or the hub has closed the line, left once the client has closed it.
	afflicted, left bool
}

func newPassage(line int, owner *account, fault fault) *passage {
	p := &passage{line: line, owner: owner, fault: fault, unasked: map[string]bool{}, unacked: map[string]bool{}}
	for _, topic := range owner.topics {
		p.unasked[topic], p.unacked[topic] = true, true
	}
	return p
}

// isBack tells whether the client has all its subscriptions on this line.
func (p *passage) isBack() bool { return !p.ended && p.due != nil }

// acked notes topics that are in force. It returns true when they are the last.
func (p *passage) acked(topics []string, j *journal) bool {
	for _, topic := range topics {
		delete(p.unacked, topic)
	}
	if p.due != nil || len(p.unacked) > 0 {
		return false
	}
	p.due = make([]int, len(p.owner.strands))
	for i, strand := range p.owner.strands {
		p.due[i] = j.next(strand)
	}
	return true
}

// passed notes an event that is about to reach the client.
func (p *passage) passed(e number, j *journal, report func(what string, e number)) {
	p.sent = append(p.sent, e)
	if e.all == 0 {
		return
	}
	place := slices.Index(p.owner.strands, e.strand)
	switch {
	case place < 0:
		report("the hub sent an event that the client has not subscribed to", e)
		return
	case e.all <= p.last:
		report("the hub sent an event twice or out of order on one line", e)
		return
	}
	p.last = e.all
	if p.due == nil {
		return
	}
	for i, strand := range p.owner.strands {
		p.due[i] = j.lost(strand, p.due[i], e.all, func(lost number) {
			report("the hub left out an event after all subscriptions were in force", lost)
		})
	}
	p.due[place] = max(p.due[place], e.n+1)
}
