//go:build linux

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	// writerGroup is the group of the connections that publish; those below are the spokes of a node each.
	writerGroup = swarm.MaxGroups - 1
	// publishedGroup is the group whose topics are published to; all nodes have the same.
	publishedGroup = 0
	// arrival is how long the last deliveries may take.
	arrival = 30 * time.Second
	// quiet is how long no delivery has to come until what is missing is taken for lost.
	quiet = 3 * time.Second
)

// load is a measurement of deliveries: events at a rate over topics.
type load struct {
	work        work
	cluster     *cluster
	fleet       *swarm.Fleet
	publication swarm.Publication
}

// reading is the state of everything at one moment.
type reading struct {
	at            time.Time
	nodes, broker time.Duration
	delivered     uint64
}

// measureLoad runs one load against a fresh cluster.
func (s settings) measureLoad(t turn) (r result, err error) {
	c, err := s.startCluster(t.Server, t.Engine, t.work.byID)
	if err != nil {
		return r, err
	}
	defer c.stop()
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		return r, err
	}
	fleet, err := swarm.StartFleet(limit.Processes(s.spokes+s.nodes*s.writers, max(len(s.clientCores), 1)), s.clientCores, os.Stderr)
	if err != nil {
		return r, err
	}
	defer fleet.Close()
	l := &load{work: t.work, cluster: c, fleet: fleet}
	if err := l.connect(s, t); err != nil {
		return r, err
	}
	return l.run(s)
}

// connect opens the spokes of every node, and the connections that publish.
func (l *load) connect(s settings, t turn) error {
	topics := t.work.topics(s)
	var dialect swarm.Dialect
	if t.Server == serverCentrifuge {
		dialect = swarm.DialectCentrifuge
	}
	for number, node := range l.cluster.nodes {
		from, to := s.spokes*number/s.nodes, s.spokes*(number+1)/s.nodes
		at := swarm.Server{Address: node.Address, Path: node.Path, Dialect: dialect}
		spokes := swarm.Plan{Server: at, Group: number, Count: to - from, First: from, FirstTopic: t.work.firstTopic, Topics: topics, Size: s.payload,
			Subscription: swarm.Subscription{Subscribe: true, Ack: true, Clustered: true}}
		if _, err := l.fleet.Connect(spokes, l.fleet.All()); err != nil {
			return fmt.Errorf("node %d: %w", number, err)
		}
		if number > 0 && t.From == fromOne {
			continue
		}
		writers := swarm.Plan{Server: at, Group: writerGroup, Count: s.writers, First: s.spokes + number*s.writers, Size: s.payload}
		if _, err := l.fleet.Connect(writers, []int{0}); err != nil {
			return fmt.Errorf("node %d: %w", number, err)
		}
	}
	l.publication = swarm.Publication{Kind: swarm.PublishRate, Group: publishedGroup, Writers: writerGroup, FirstTopic: t.work.firstTopic, Topics: topics,
		Spokes: s.spokes, Size: s.payload, Rate: t.work.rate(s), Spread: true}
	return nil
}

// run publishes, ahead of the measurement and during it, and waits for the last delivery.
func (l *load) run(s settings) (r result, err error) {
	if err = l.fleet.Publish(l.publication, []int{0}); err != nil {
		return r, err
	}
	time.Sleep(s.warmup)
	if err = l.fleet.Mark(); err != nil {
		return r, err
	}
	before, err := l.read()
	if err != nil {
		return r, err
	}
	time.Sleep(s.duration)
	after, err := l.read()
	if err != nil {
		return r, err
	}
	node, broker, err := l.cluster.memory()
	if err != nil {
		return r, err
	}
	sent, err := l.fleet.Pause()
	if err != nil {
		return r, err
	}
	l.await(sent[publishedGroup], uint64(s.spokes))
	for number := range l.cluster.nodes {
		sent[number] = sent[publishedGroup]
	}
	reports, err := l.fleet.Report(sent)
	if err != nil {
		return r, err
	}
	r.judge(l.work, before, after, reports[:len(l.cluster.nodes)])
	r.set(metricNodeMemory, float64(node)/1e6)
	r.set(metricBrokerMemory, float64(broker)/1e6)
	return r, l.cluster.alive()
}

func (l *load) read() (now reading, err error) {
	now.nodes, now.broker, err = l.cluster.cpu()
	now.at, now.delivered = time.Now(), l.delivered()
	return now, err
}

func (l *load) delivered() (total uint64) {
	for number := range l.cluster.nodes {
		total += l.fleet.Counters().Delivered(number)
	}
	return total
}

// await waits until the events have reached all their subscribers, or nothing comes any more.
func (l *load) await(events, spokes uint64) {
	topics := uint64(l.publication.Topics)
	var want uint64
	for topic := range topics {
		want += share(events, topics, topic) * share(spokes, topics, topic)
	}
	last, since := l.delivered(), time.Now()
	for deadline := time.Now().Add(arrival); last < want && time.Now().Before(deadline) && time.Since(since) < quiet; time.Sleep(10 * time.Millisecond) {
		if now := l.delivered(); now != last {
			last, since = now, time.Now()
		}
	}
}

// share is how many of a number of things, dealt in turn, go to one of several.
func share(things, several, one uint64) uint64 {
	if one < things%several {
		return things/several + 1
	}
	return things / several
}

// judge turns readings into metrics.
func (r *result) judge(w work, before, after reading, reports []swarm.Report) {
	total := swarm.Total(reports)
	deliveries := max(float64(after.delivered-before.delivered), 1)
	events := deliveries / w.deliveries
	micro := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	r.set(metricDeliveries, deliveries/after.at.Sub(before.at).Seconds())
	r.set(metricEvents, events/after.at.Sub(before.at).Seconds())
	r.set(metricNodePerEvent, micro(after.nodes-before.nodes)/events)
	r.set(metricNodePerDelivery, micro(after.nodes-before.nodes)/deliveries)
	r.set(metricBrokerPerEvent, micro(after.broker-before.broker)/events)
	r.set(metricBrokerPerDelivery, micro(after.broker-before.broker)/deliveries)
	r.set(metricMedian, milliseconds(total.Latency.Quantile(0.5)))
	r.set(metricP99, milliseconds(total.Latency.Quantile(0.99)))
	var lastMedian, last99 time.Duration
	for _, report := range reports {
		lastMedian, last99 = max(lastMedian, report.Latency.Quantile(0.5)), max(last99, report.Latency.Quantile(0.99))
	}
	r.set(metricLastMedian, milliseconds(lastMedian))
	r.set(metricLast99, milliseconds(last99))
	r.set(metricMissing, float64(total.Faults.Lost))
	r.set(metricFaults, float64(total.Faults.Sum()-total.Faults.Lost))
	r.set(metricGaps, float64(total.BrokerGaps))
	r.Note = total.Example
	if f := total.Faults; f.Sum() > 0 && r.Note == "" {
		r.Note = fmt.Sprintf("%d lost, %d twice, %d out of order, %d of other topics, %d malformed", f.Lost, f.Duplicated, f.Reordered, f.Foreign, f.Malformed)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
