package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/netpoll"
)

// TestConformsInCase restates the Autobahn TestSuite's sections 1 to 7, 9 and 10: its numbers, what it sends, and, of the
// behaviours that it lets pass, the strict one. Its other sections are about compression, which isn't negotiated here, or
// empty. What it finds out by waiting is found out by order here: an answer that arrives before the rest is sent can't
// have been an answer to the rest.
func TestConformsInCase(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.String(), func(t *testing.T) { playAll(t, engine, suite()) })
	}
}

func TestJudgesTextAlikeInCase(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.String(), func(t *testing.T) { playAll(t, engine, slicedSequenceCases()) })
	}
}

func TestCasesAreNumberedLikeTheSuite(t *testing.T) {
	want := map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1}
	got := map[string]int{}
	seen := map[string]bool{}
	for _, s := range suite() {
		section, _, _ := strings.Cut(s.number, ".")
		got[section]++
		if seen[s.number] {
			t.Errorf("got case %s twice, want it once", s.number)
		}
		seen[s.number] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("cases by section: got %v, want %v", got, want)
	}
}

func suite() []scene {
	return slices.Concat(framingCases(), fragmentationCases(), utf8Cases(), closeCases(), limitCases(), autoFragmentationCases())
}

func playAll(t *testing.T, engine netpoll.Engine, cases []scene) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address, done := startEcho(ctx, t, engine, longest)
	for _, s := range cases {
		t.Run(s.number, func(t *testing.T) {
			if err := newPlayer(t, address).play(s, false); err != nil {
				t.Errorf("%v", err)
			}
			if len(s.after) == 0 {
				return
			}
			if err := newPlayer(t, address).play(s, true); err != nil {
				t.Errorf("with what follows held back: %v", err)
			}
		})
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: got %v, want none", err)
	}
}
