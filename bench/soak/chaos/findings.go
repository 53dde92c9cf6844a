//go:build linux

package main

import (
	"fmt"
	"time"
)

// mostProblems is how many are kept; the rest is counted.
const mostProblems = 200

// problem is something that must not happen.
type problem struct {
	What   string        `json:"what"`
	Client int           `json:"client"`
	Kind   string        `json:"kind,omitempty"`
	Topic  string        `json:"topic,omitempty"`
	Number int           `json:"number,omitempty"`
	Line   int           `json:"line,omitempty"`
	Fault  string        `json:"fault,omitempty"`
	After  time.Duration `json:"after_ns"`
}

// nobody stands for the client of a problem that concerns no single one.
const nobody = -1

// String is the line that a report has.
func (p problem) String() string {
	text := fmt.Sprintf("after %v: %s", p.After.Round(time.Millisecond), p.What)
	if p.Client != nobody {
		text += fmt.Sprintf("; client %d (%s)", p.Client, p.Kind)
	}
	if p.Topic != "" {
		text += "; topic " + p.Topic
	}
	if p.Number > 0 {
		text += fmt.Sprintf("; number %d", p.Number)
	}
	if p.Line > 0 {
		text += fmt.Sprintf("; line %d (%s)", p.Line, p.Fault)
	}
	return text
}

// tallies count what happened.
type tallies struct {
	lineTallies
	streamTallies
	// Published were dispatched by the hub, Uncertain is how many of them a dying hub may not have dispatched.
	Published int `json:"published"`
	Uncertain int `json:"uncertain"`
	// Passed went down a line, without those of other clients, Heard of them reached a listener.
	Passed int `json:"passed"`
	Heard  int `json:"heard"`
	// LostInFlight went down a line and never reached the listener, for the line was given up or cut.
	LostInFlight int `json:"lost_in_flight"`
	// LostAway is how many a client missed while it was not subscribed.
	LostAway int `json:"lost_away"`
	// Said were published by clients, SaidLost of them never arrived, Refused were told so at once.
	Said     int `json:"said"`
	SaidLost int `json:"said_lost"`
	Refused  int `json:"refused"`
}

// lineTallies are those of lines.
type lineTallies struct {
	// Lines were accepted, Back is how often all subscriptions of a client came into force.
	Lines int `json:"lines"`
	Back  int `json:"back"`
	// GivenUp is how many lines clients ended although nothing was wrong with them, GivenUpNode those in Node of them.
	GivenUp     int `json:"given_up"`
	GivenUpNode int `json:"given_up_node"`
}

// findings are what a run has found. The lock of the ledger guards them.
type findings struct {
	tallies  tallies
	problems []problem
	further  int
	// outages are how long clients were without all their subscriptions, in milliseconds.
	outages []float32
	// controls are how many messages it took to subscribe to everything.
	controls map[int]int
	// planned are how many lines were to have each fault, befallen on how many it came to pass before the line ended.
	planned, befallen map[fault]int
}

func (f *findings) add(p problem) {
	if len(f.problems) == mostProblems {
		f.further++
		return
	}
	f.problems = append(f.problems, p)
}

// judge notes a problem of the run as a whole, after its end.
func (l *ledger) judge(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problemLocked(what, nobody, number{}, nil)
}
