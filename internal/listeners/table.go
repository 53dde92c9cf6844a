package listeners

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync/atomic"
)

// perBucket is how many topics a bucket has when the table grows, on average.
const perBucket = 8

// seed is that of the hash by which topics are spread over buckets.
var seed = maphash.MakeSeed()

// byTopic are listeners by topic. They never change.
type byTopic[F any] map[string][]*Listener[F]

// table is listeners by topic, spread over buckets: a change copies one of them, so that it costs the same however many topics
// there are. Any goroutine may read it. The lock of its Set guards changes.
//
// I1: the number of buckets is a power of two.
// I2: an empty bucket is nil.
type table[F any] struct {
	buckets []atomic.Pointer[byTopic[F]]
	// topics is how many there are. Readers leave it alone.
	topics int
}

func newTable[F any](buckets int) *table[F] {
	return &table[F]{buckets: make([]atomic.Pointer[byTopic[F]], buckets)}
}

// of returns the listeners of a topic.
func (t *table[F]) of(topic []byte) []*Listener[F] {
	place := uint64(0)
	if len(t.buckets) > 1 {
		place = maphash.Bytes(seed, topic) & uint64(len(t.buckets)-1)
	}
	if bucket := t.buckets[place].Load(); bucket != nil {
		return (*bucket)[string(topic)]
	}
	return nil
}

// bucket returns the place of a topic's bucket.
func (t *table[F]) bucket(topic string) *atomic.Pointer[byTopic[F]] {
	return &t.buckets[maphash.String(seed, topic)&uint64(len(t.buckets)-1)]
}

func (t *table[F]) isFull() bool { return t.topics >= perBucket*len(t.buckets) }

// doubled returns a copy with twice the buckets. Those who read the table meanwhile see what it is now.
func (t *table[F]) doubled() *table[F] {
	next := newTable[F](2 * len(t.buckets))
	parts := make([]byTopic[F], len(next.buckets))
	for i := range t.buckets {
		old := t.buckets[i].Load()
		if old == nil {
			continue
		}
		for topic, found := range *old {
			place := maphash.String(seed, topic) & uint64(len(parts)-1)
			if parts[place] == nil {
				parts[place] = byTopic[F]{}
			}
			parts[place][topic] = found
		}
	}
	for i := range parts {
		if parts[i] != nil {
			next.buckets[i].Store(&parts[i])
		}
	}
	next.topics = t.topics
	return next
}

// change replaces the listeners of a topic by what edit makes of a copy of them.
func (t *table[F]) change(topic string, edit func([]*Listener[F]) []*Listener[F]) {
	bucket := t.bucket(topic)
	next := make(byTopic[F])
	if old := bucket.Load(); old != nil {
		maps.Copy(next, *old)
	}
	before := len(next)
	next[topic] = edit(slices.Clone(next[topic]))
	if len(next[topic]) == 0 {
		delete(next, topic)
	}
	t.topics += len(next) - before
	if len(next) == 0 {
		bucket.Store(nil)
		return
	}
	bucket.Store(&next)
}
