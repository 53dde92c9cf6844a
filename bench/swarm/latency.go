package swarm

import (
	"encoding/json"
	"fmt"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

const (
	latencyLowest  = 1
	latencyHighest = int64(2 * time.Minute)
	latencyDigits  = 3
)

// Latency is a distribution of times from the scheduled sending to the arrival, so a stalled server can't hide the messages that
// it kept from being sent (coordinated omission).
type Latency struct {
	histogram *hdr.Histogram
}

// NewLatency gives an empty one that holds 1 ns to two minutes with three digits.
func NewLatency() *Latency {
	return &Latency{histogram: hdr.New(latencyLowest, latencyHighest, latencyDigits)}
}

// Record adds one reading in nanoseconds; what is out of range goes to the nearest end.
func (l *Latency) Record(nanoseconds int64) {
	l.histogram.RecordValue(min(max(nanoseconds, latencyLowest), latencyHighest))
}

// Reset empties it.
func (l *Latency) Reset() { l.histogram.Reset() }

// Merge adds the readings of another one.
func (l *Latency) Merge(other *Latency) { l.histogram.Merge(other.histogram) }

// Count is the number of readings.
func (l *Latency) Count() int64 { return l.histogram.TotalCount() }

// Quantile gives the reading below which a share of them lies: 0.99 for p99.
func (l *Latency) Quantile(share float64) time.Duration {
	return time.Duration(l.histogram.ValueAtPercentile(share * 100))
}

// Max is the largest reading.
func (l *Latency) Max() time.Duration { return time.Duration(l.histogram.Max()) }

// MarshalJSON implements json.Marshaler: a string in HdrHistogram's compressed form.
func (l *Latency) MarshalJSON() ([]byte, error) {
	encoded, err := l.histogram.Encode(hdr.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode latency: %w", err)
	}
	return json.Marshal(encoded)
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Latency) UnmarshalJSON(view []byte) error {
	var encoded []byte
	err := json.Unmarshal(view, &encoded)
	if err == nil {
		l.histogram, err = hdr.Decode(encoded)
	}
	if err != nil {
		return fmt.Errorf("decode latency: %w", err)
	}
	return nil
}
