package stream

import "hash/maphash"

// newestBytes is the size of a bucket.
const newestBytes = 16

// newest is a hash table from ids to the offsets of their newest events. It has no ids: the frames have them. The zero value is
// empty.
//
// A bucket is found from the place of its hash on without an empty bucket between, as in every table with linear probing.
type newest struct {
	buckets []newestBucket
	used    int
}

// newestBucket is an id by its hash. One whose offset is 0 is empty.
type newestBucket struct {
	offset uint64
	hash   uint32
}

var seed = maphash.MakeSeed()

func hashOf(id []byte) uint32 { return uint32(maphash.Bytes(seed, id)) }

// next returns the first bucket from place on that has the hash, or an empty one.
func (n *newest) next(place int, hash uint32) int {
	for n.buckets[place].offset != 0 && n.buckets[place].hash != hash {
		place = (place + 1) & (len(n.buckets) - 1)
	}
	return place
}

func (n *newest) begin(hash uint32) int { return int(hash) & (len(n.buckets) - 1) }

// reserve makes room for one more.
func (n *newest) reserve() {
	if 4*(n.used+1) > 3*len(n.buckets) {
		n.resize(max(4, 2*len(n.buckets)))
	}
}

// put fills the empty bucket at place.
func (n *newest) put(place int, hash uint32, offset uint64) {
	n.buckets[place] = newestBucket{offset, hash}
	n.used++
}

// drop empties the bucket that has the hash and the offset, if there is one.
func (n *newest) drop(hash uint32, offset uint64) {
	if n.used == 0 {
		return
	}
	place := n.next(n.begin(hash), hash)
	for n.buckets[place].offset != 0 && n.buckets[place].offset != offset {
		place = n.next((place+1)&(len(n.buckets)-1), hash)
	}
	if n.buckets[place].offset != 0 {
		n.empty(place)
	}
}

// empty empties a bucket, and moves those behind it that would be lost.
func (n *newest) empty(place int) {
	mask := len(n.buckets) - 1
	for at := (place + 1) & mask; n.buckets[at].offset != 0; at = (at + 1) & mask {
		if home := n.begin(n.buckets[at].hash); (at-home)&mask >= (at-place)&mask {
			n.buckets[place] = n.buckets[at]
			place = at
		}
	}
	n.buckets[place] = newestBucket{}
	n.used--
	switch {
	case n.used == 0 && len(n.buckets) > smallRing:
		n.buckets = nil
	case len(n.buckets) > smallRing && 8*n.used < len(n.buckets):
		n.resize(len(n.buckets) / 2)
	}
}

func (n *newest) resize(capacity int) {
	old := n.buckets
	n.buckets = make([]newestBucket, capacity)
	for _, bucket := range old {
		if bucket.offset == 0 {
			continue
		}
		place := n.begin(bucket.hash)
		for n.buckets[place].offset != 0 {
			place = (place + 1) & (capacity - 1)
		}
		n.buckets[place] = bucket
	}
}

func (n *newest) memory() int64 { return int64(len(n.buckets)) * newestBytes }
