package loadtest

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what came of a run. Its JSON is that of spokehub bench --json; times are in milliseconds.
type Result struct {
	// Load is what was asked for.
	Load
	// Interrupted says that it was ended ahead of its time.
	Interrupted bool `json:"interrupted"`
	// Connecting is how long it took until all clients were connected and subscribed.
	Connecting float64 `json:"connecting_ms"`
	// Connect is how long a handshake took.
	Connect Spread `json:"connect_ms"`
	// LostConnections is how many connections ended.
	LostConnections int64 `json:"lost_connections"`
	// WhyLost is how the first of them ended.
	WhyLost string `json:"why_lost,omitempty"`
	// Deliveries are counts of what subscribers got.
	Deliveries
	// Latency is from when an event was due to its arrival.
	Latency Spread `json:"latency_ms"`
	// Seconds is what came in each second.
	Seconds []Second `json:"seconds"`
	// Percentiles is the latency at many percentiles, for a plot.
	Percentiles []Percentile `json:"percentiles"`
}

// Load is what a run was asked for, as in Config.
type Load struct {
	// URL is where the hub was.
	URL string `json:"url"`
	// Connections is the number of subscribers.
	Connections int `json:"connections"`
	// Topics is the number of topics over which they were spread.
	Topics int `json:"topics"`
	// Publishers is the number of clients that published.
	Publishers int `json:"publishers"`
	// Rate is the number of events a second.
	Rate float64 `json:"rate"`
	// Size is the bytes of a payload.
	Size int `json:"size"`
}

// Deliveries are counts of what subscribers got.
type Deliveries struct {
	// Published are events.
	Published int64 `json:"published"`
	// Expected are the deliveries that these make.
	Expected int64 `json:"expected"`
	// Delivered are those that came, each counted once.
	Delivered int64 `json:"delivered"`
	// Lost are those that did not come.
	Lost int64 `json:"lost"`
	// Doubled are those that came again.
	Doubled int64 `json:"doubled"`
	// Disordered are those that came behind a later one of their topic.
	Disordered int64 `json:"disordered"`
}

// Spread is how times are distributed, in milliseconds.
type Spread struct {
	// P50 is the median.
	P50 float64 `json:"p50"`
	// P90 is the time that 90 % did not exceed.
	P90 float64 `json:"p90"`
	// P99 is the time that 99 % did not exceed.
	P99 float64 `json:"p99"`
	// P999 is the time that 99.9 % did not exceed.
	P999 float64 `json:"p999"`
	// Max is the longest.
	Max float64 `json:"max"`
}

// Second is what came in a second of the run, with latencies in milliseconds.
type Second struct {
	// Delivered is the number of deliveries, those that came again included.
	Delivered int64 `json:"delivered"`
	// P50 is their median latency.
	P50 float64 `json:"p50"`
	// P99 is the latency that 99 % of them did not exceed.
	P99 float64 `json:"p99"`
	// Max is the longest.
	Max float64 `json:"max"`
}

// Percentile is a point of the distribution of latencies.
type Percentile struct {
	// Percent of the deliveries were no slower.
	Percent float64 `json:"percent"`
	// Latency is how slow, in milliseconds.
	Latency float64 `json:"latency_ms"`
}

// IsClean says that every subscriber got each event once, in order.
func (r *Result) IsClean() bool { return r.Lost == 0 && r.Doubled == 0 && r.Disordered == 0 }

// result sums up. Events may still come, since an interrupted run does not wait for them.
func (r *run) result(connecting time.Duration, interrupted bool) *Result {
	r.latencies.mu.Lock()
	defer r.latencies.mu.Unlock()
	sum := &Result{
		Load:        Load{r.cfg.URL, r.cfg.Connections, r.cfg.Topics, r.cfg.Publishers, r.cfg.Rate, r.cfg.Size},
		Interrupted: interrupted, Connecting: float64(connecting.Microseconds()) / 1000,
		Connect: spreadOf(r.connecting.all), Latency: spreadOf(r.latencies.all), Seconds: r.latencies.seconds,
		Deliveries: Deliveries{Published: r.allPublished(), Expected: r.expected()}, LostConnections: r.trouble.lost.Load(),
	}
	if why := r.trouble.whyLost.Load(); why != nil {
		sum.WhyLost = *why
	}
	for _, s := range r.subscribers {
		s.tally.mu.Lock()
		sum.Delivered += s.tally.got
		sum.Doubled += s.tally.doubled
		sum.Disordered += s.tally.disordered
		s.tally.mu.Unlock()
	}
	sum.Lost = max(0, sum.Expected-sum.Delivered)
	for _, percent := range []float64{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 100} {
		sum.Percentiles = append(sum.Percentiles, Percentile{percent, ms(r.latencies.all, percent)})
	}
	return sum
}

func spreadOf(h *hdrhistogram.Histogram) Spread {
	return Spread{P50: ms(h, 50), P90: ms(h, 90), P99: ms(h, 99), P999: ms(h, 99.9), Max: ms(h, 100)}
}
