//go:build linux

package main

import (
	"testing"
	"time"
)

const testLongest = 15 * time.Second

func TestASeedRepeatsItsPlan(t *testing.T) {
	for number := range 1000 {
		if a, b := seed(7).line(number, testLongest), seed(7).line(number, testLongest); a != b {
			t.Fatalf("got the plans %+v and %+v for line %d, want the same", a, b, number)
		}
	}
	for round := range 30 {
		if a, b := seed(7).upheaval(round), seed(7).upheaval(round); a != b {
			t.Fatalf("got %v and %v for round %d, want the same", a, b, round)
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	same := 0
	for number := range 1000 {
		if seed(7).line(number, testLongest) == seed(8).line(number, testLongest) {
			same++
		}
	}
	if same > 10 {
		t.Errorf("got %d of 1000 plans that two seeds share, want hardly any", same)
	}
}

func TestEveryFaultIsPlanned(t *testing.T) {
	const lines = 10_000
	counts := map[fault]int{}
	forever := 0
	for number := range lines {
		p := seed(1).line(number, testLongest)
		counts[p.fault]++
		if p.after <= 0 || p.after > testLongest {
			t.Fatalf("got a fault after %v, want up to %v", p.after, testLongest)
		}
		if p.lasts == 0 {
			forever++
		}
	}
	for _, k := range kinds {
		if counts[k.fault] < lines/100 {
			t.Errorf("got %d of %d lines that are %v, want at least one in a hundred", counts[k.fault], lines, k.fault)
		}
	}
	if counts[healthy] < lines/50 || counts[healthy] > lines/4 {
		t.Errorf("got %d of %d healthy lines, want some and not many", counts[healthy], lines)
	}
	if forever < lines/3 || forever > 2*lines/3 {
		t.Errorf("got %d of %d stalls for ever, want about half", forever, lines)
	}
}

func TestThreeRoundsHaveEveryUpheaval(t *testing.T) {
	for first := 0; first < 60; first += len(upheavals) {
		seen := map[upheaval]bool{}
		for i := range len(upheavals) {
			seen[seed(3).upheaval(first+i)] = true
		}
		if len(seen) != len(upheavals) {
			t.Errorf("got %d kinds from round %d on, want %d", len(seen), first, len(upheavals))
		}
	}
}
