package fanout

import (
	"fmt"
	"log/slog"
	"strings"
)

var _ slog.LogValuer = (*Slowness)(nil)

// LogValue is how a log line tells of it: what the queue had, and what the kernel knew.
func (w *Slowness) LogValue() slog.Value {
	attributes := []slog.Attr{slog.Int("frames", w.Frames), slog.Int("largest", w.Largest)}
	if len(w.Topics) > 0 {
		var topics strings.Builder
		for i, load := range w.Topics {
			if i > 0 {
				topics.WriteString(", ")
			}
			fmt.Fprintf(&topics, "%s %d in %d", load.Topic, load.Bytes, load.Frames)
		}
		attributes = append(attributes, slog.String("topics", topics.String()))
	}
	if len(w.Samples) > 0 {
		var samples strings.Builder
		for i, sample := range w.Samples {
			if i > 0 {
				samples.WriteString(", ")
			}
			fmt.Fprintf(&samples, "%d %v ago", sample.Bytes, sample.Ago)
		}
		attributes = append(attributes, slog.String("samples", samples.String()))
	}
	if p := w.Path; p != nil {
		attributes = append(attributes, slog.Duration("rtt", p.RTT), slog.Duration("min_rtt", p.MinRTT), slog.Int("cwnd", p.CongestionWindow), slog.Int("unacked", p.Unacked),
			slog.Int("retransmits", p.Retransmits), slog.Int("in_flight", p.InFlight), slog.Int("not_sent", p.NotSent), slog.Int("peer_window", p.PeerWindow),
			slog.Duration("busy", p.Times.Busy), slog.Duration("reader_limited", p.Times.ReaderLimited), slog.Duration("buffer_limited", p.Times.BufferLimited))
	}
	return slog.GroupValue(attributes...)
}
