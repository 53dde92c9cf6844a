//go:build linux

package main

import (
	"slices"
	"time"
)

// account is what the ledger knows of one client. Its lock guards it.
//
// A1: what the client hears is what passed on its lines, line after line, without a gap in a line.
// A2: it hears nothing twice and nothing out of order, over all lines.
// A3: what it publishes reaches the proxy in order and each once; nothing that it published after it knew that a line was dead is
// missing, if the next line lived.
type account struct {
	client  int
	topics  []string
	strands []int
	// trails are how far it has come in its topics of streams.
	trails []*trail
	// lines are those of which the client may still hear, oldest first.
	lines []*passage
	// last is the place of the last event heard, lastOf the number of the last that was heard of a voice.
	last, lastVoice number
	voice           speech
	// away is when it lost the line on which it had all its subscriptions; nothing while it has them.
	away time.Duration
	// heard are the events of strands that it has heard, without those of streams.
	heard int
}

// speech is what a client has published.
type speech struct {
	// begun is the last number it was about to publish, refused those of them that it was told it could not.
	begun   int
	refused map[int]bool
	// sure is the first number that it published after it knew of the last end of a line.
	sure int
	// seen is the last number that passed, missing are those before it that have not.
	seen    int
	missing []int
}

func newAccount(client int) *account {
	topics := topicsOf(client)
	return &account{client: client, topics: topics, strands: strandsOf(topics), trails: newTrails(topics), voice: speech{refused: map[int]bool{}, sure: 1}}
}

// line is the latest, or nil.
func (a *account) line() *passage {
	if len(a.lines) == 0 {
		return nil
	}
	return a.lines[len(a.lines)-1]
}

// isBack tells whether it has all its subscriptions.
func (a *account) isBack() bool {
	p := a.line()
	return p != nil && p.isBack()
}

// listened settles an event that the client's listener got. It returns what was lost on the way: on lines that were given up, and, which
// must not be, before it on its own line. Found is false if the event never passed.
func (a *account) listened(e number) (abandoned []*passage, gap []number, found bool) {
	for i, p := range a.lines {
		at := slices.Index(p.sent, e)
		if at < 0 {
			continue
		}
		abandoned, gap = a.lines[:i:i], p.sent[:at:at]
		p.sent = p.sent[at+1:]
		a.lines = a.lines[i:]
		if e.all > 0 {
			a.heard++
		}
		return abandoned, gap, true
	}
	return nil, nil, false
}

// isLate tells whether the client has heard this event before, or one behind it, and notes that it has now.
func (a *account) isLate(e number) bool {
	before := &a.last
	if e.all == 0 {
		before = &a.lastVoice
	}
	late := e.all < before.all || e.all == before.all && e.n <= before.n
	if !late {
		*before = e
	}
	return late
}

// prune forgets lines that have ended and of which nothing is to be heard any more.
func (a *account) prune() {
	a.lines = slices.DeleteFunc(a.lines, func(p *passage) bool { return p.ended && len(p.sent) == 0 })
}

// said notes an event of the client that passed. It returns false if it passed before, or one behind it.
func (v *speech) said(n int) bool {
	if n <= v.seen {
		return false
	}
	for skipped := v.seen + 1; skipped < n; skipped++ {
		v.missing = append(v.missing, skipped)
	}
	v.seen = n
	return true
}

// settle returns the numbers that are missing and must not be, and how many others are; it is called in the calm, when everything has
// had the time to pass.
func (v *speech) settle() (lost []int, allowed int) {
	for n := v.seen + 1; n <= v.begun; n++ {
		v.missing = append(v.missing, n)
	}
	for _, n := range v.missing {
		switch {
		case v.refused[n]:
		case n >= v.sure:
			lost = append(lost, n)
		default:
			allowed++
		}
	}
	v.seen, v.missing, v.refused = max(v.seen, v.begun), nil, map[int]bool{}
	return lost, allowed
}

// last is the number of the last event that was published and not refused.
func (v *speech) last() int {
	last := v.begun
	for v.refused[last] {
		last--
	}
	return last
}

// isSilent tells whether the last event that was published has passed.
func (v *speech) isSilent() bool { return v.seen >= v.last() }
