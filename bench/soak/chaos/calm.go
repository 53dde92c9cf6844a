//go:build linux

package main

import (
	"fmt"
	"strings"
)

// mostNamed is how many clients a message names.
const mostNamed = 5

// absent names the clients that do not have all their subscriptions, empty if there are none, and counts those that have.
func (l *ledger) absent() (named string, back int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for _, a := range l.accounts {
		if a.isBack() {
			back++
			continue
		}
		missing = append(missing, a.describe())
	}
	return few(missing), back
}

// connected lists the clients that have a line.
func (l *ledger) connected() (clients []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		if p := a.line(); p != nil && !p.ended {
			clients = append(clients, a.client)
		}
	}
	return clients
}

// describe tells how far the client has come.
func (a *account) describe() string {
	p := a.line()
	if p == nil || p.ended {
		return fmt.Sprintf("client %d has no line", a.client)
	}
	return fmt.Sprintf("client %d on line %d (%v): %d of %d topics not in force", a.client, p.line, p.fault, len(p.unacked), len(a.topics))
}

// few joins some of them.
func few(all []string) string {
	if len(all) > mostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:mostNamed], ", "), len(all)-mostNamed)
	}
	return strings.Join(all, ", ")
}

// unsettled names what clients still have to hear, in the calm: all that has passed, the last event of each of their strands, and the last
// of the voice that they follow. It is empty if there is nothing.
func (l *ledger) unsettled() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judgeTrailsLocked()
	var missing []string
	if text := l.unobservedLocked(); text != "" {
		missing = append(missing, text)
	}
	for _, a := range l.accounts {
		if text := l.unsettledLocked(a); text != "" {
			missing = append(missing, text)
		}
	}
	return few(missing)
}

func (l *ledger) unsettledLocked(a *account) string {
	p := a.line()
	switch {
	case !a.isBack():
		return a.describe()
	case len(p.sent) > 0:
		return fmt.Sprintf("client %d has not heard %v, which passed on line %d (%v)", a.client, p.sent[0], p.line, p.fault)
	case speechTopic(a.client) != "" && !a.voice.isSilent():
		return fmt.Sprintf("client %d has published number %d and only %d has passed, line %d (%v)", a.client, a.voice.begun, a.voice.seen, p.line, p.fault)
	}
	for i, strand := range a.strands {
		if last := l.journal.lastCertain(strand); p.due[i] <= last {
			return fmt.Sprintf("client %d lacks number %d of %s on line %d (%v)", a.client, p.due[i], strands[strand], p.line, p.fault)
		}
	}
	if followed := a.client - 1; followed >= 0 && isVoice(followed) {
		if v := &l.accounts[followed].voice; a.lastVoice.n < v.begun && !v.refused[v.begun] {
			return fmt.Sprintf("client %d lacks number %d of %s on line %d (%v)", a.client, v.begun, voiceTopic(followed), p.line, p.fault)
		}
	}
	return l.trailingLocked(a)
}

// settle closes the books of a round: what clients missed of lines that they left, and what they published and nobody got.
func (l *ledger) settle() {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	l.forgetLocked()
	for _, a := range l.accounts {
		current := a.line()
		for _, p := range a.lines {
			if p != current {
				l.abandonLocked(p)
			}
		}
		if current != nil {
			a.lines = []*passage{current}
		}
		lost, allowed := a.voice.settle()
		l.tallies.SaidLost += len(lost) + allowed
		for _, n := range lost {
			l.problemLocked("an event that the client published after it knew that its line was dead never arrived",
				a.client, number{len(strands) + a.client, n, 0}, current)
		}
	}
}
