package main

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// newIdleBoard is the board of a hub without clients, with all samples.
func newIdleBoard(b *testing.B) *statusBoard {
	b.Helper()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { hub.Shutdown(b.Context()) })
	gate := newStatsGate(hub.Stats)
	gate.interval = 0
	board := newStatusBoard(&service{hub: hub, gate: gate})
	for range keptSamples {
		board.samples.add(sample{At: time.Now()})
	}
	return board
}

// BenchmarkStatus answers GET /status as an open dashboard asks for it, with one sample, and with all.
func BenchmarkStatus(b *testing.B) {
	for _, since := range []int{0, keptSamples - 1} {
		b.Run(fmt.Sprintf("samples=%d", keptSamples-since), func(b *testing.B) {
			board := newIdleBoard(b)
			request := httptest.NewRequest("GET", fmt.Sprintf("/status?since=%d", since), nil)
			b.ReportAllocs()
			for b.Loop() {
				board.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}

// BenchmarkSample is what the hub does every two seconds.
func BenchmarkSample(b *testing.B) {
	board := newIdleBoard(b)
	before := board.service.gate.stats()
	b.ReportAllocs()
	for b.Loop() {
		now := board.service.gate.stats()
		board.samples.add(newSample(before, now, sampleInterval, time.Now()))
		before = now
	}
}
