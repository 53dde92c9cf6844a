//go:build linux

package load

import "time"

const (
	warmConnects   = 10
	connectProfile = 2 * time.Second
)

// connect has spokes come over TLS, each with a full handshake and a subscription, and shows what that takes.
type connect struct {
	spokes int
}

func (c connect) workload(label string) Workload {
	w := workload(label, c.spokes, c.measure, "spokes=%d", c.spokes)
	w.secure = true
	return w
}

func (c connect) measure(s *setup) {
	first := c.spokes / warmConnects
	s.connectIdle(0, first)
	s.awaitIdle()
	var took time.Duration
	profiled := s.startProfile(connectProfile)
	m := s.during(func() { took = s.connectIdle(first, c.spokes-first) })
	check(<-profiled)
	s.result.Add(MetricConnects, float64(c.spokes-first)/took.Seconds())
	s.result.addCPU(m, uint64(c.spokes-first))
	s.probe(c.spokes, 0)
	s.finish()
}
