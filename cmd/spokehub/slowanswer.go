package main

import (
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// slowAnswer is a fanout.Slowness in an answer.
type slowAnswer struct {
	Cause  string    `json:"cause"`
	At     time.Time `json:"at"`
	Closed bool      `json:"closed"`
	Queued int       `json:"queued"`
	Limit  int       `json:"limit"`
	queueLook
	Samples []sampleAnswer `json:"samples,omitempty"`
	Topics  []loadAnswer   `json:"topics,omitempty"`
	// Path is left out where the kernel tells nothing.
	Path *pathAnswer `json:"path,omitempty"`
}

// queueLook is what was seen of the queue.
type queueLook struct {
	Blocked float64 `json:"blocked_ms"`
	Frames  int     `json:"frames"`
	Looked  int     `json:"frames_looked_at"`
	Largest int     `json:"largest"`
}

type sampleAnswer struct {
	Ago   float64 `json:"ago_ms"`
	Bytes int     `json:"bytes"`
}

type loadAnswer struct {
	Topic  string `json:"topic"`
	Frames int    `json:"frames"`
	Bytes  int    `json:"bytes"`
}

type pathAnswer struct {
	RTT         float64 `json:"rtt_ms"`
	RTTVar      float64 `json:"rttvar_ms"`
	MinRTT      float64 `json:"min_rtt_ms"`
	Window      int     `json:"cwnd"`
	SegmentSize int     `json:"segment_size"`
	Unacked     int     `json:"unacked"`
	Retransmits int     `json:"retransmits"`
	NotSent     int     `json:"not_sent"`
	InFlight    int     `json:"in_flight"`
	PeerWindow  int     `json:"peer_window"`
	pathTimesAnswer
}

type pathTimesAnswer struct {
	Busy          float64 `json:"busy_ms"`
	ReaderLimited float64 `json:"reader_limited_ms"`
	BufferLimited float64 `json:"buffer_limited_ms"`
}

// newSlowAnswer is nil for nil.
func newSlowAnswer(w *fanout.Slowness) *slowAnswer {
	if w == nil {
		return nil
	}
	answer := &slowAnswer{
		Cause: w.Cause.String(), At: w.At.Truncate(time.Millisecond), Closed: w.IsClosed, Queued: w.Queued, Limit: w.Limit,
		queueLook: queueLook{Blocked: inMs(w.Blocked), Frames: w.Frames, Looked: w.Looked, Largest: w.Largest},
	}
	for _, sample := range w.Samples {
		answer.Samples = append(answer.Samples, sampleAnswer{Ago: inMs(sample.Ago), Bytes: sample.Bytes})
	}
	for _, load := range w.Topics {
		answer.Topics = append(answer.Topics, loadAnswer(load))
	}
	if p := w.Path; p != nil {
		answer.Path = &pathAnswer{
			RTT: inMs(p.RTT), RTTVar: inMs(p.RTTVar), MinRTT: inMs(p.MinRTT), Window: p.CongestionWindow, SegmentSize: p.SegmentSize,
			Unacked: p.Unacked, Retransmits: p.Retransmits, NotSent: p.NotSent, InFlight: p.InFlight, PeerWindow: p.PeerWindow,
			pathTimesAnswer: pathTimesAnswer{Busy: inMs(p.Times.Busy), ReaderLimited: inMs(p.Times.ReaderLimited), BufferLimited: inMs(p.Times.BufferLimited)},
		}
	}
	return answer
}
