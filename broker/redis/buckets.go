package redis

import "strconv"

const (
	// slotCount is how many slots a Redis cluster has.
	slotCount = 16384
	// bucketCount is how many hash tags names are spread over: so many commands are needed to subscribe to everything anew.
	bucketCount = 128
	// bucketSlots is the width of the range of slots that has one bucket.
	bucketSlots = slotCount / bucketCount
)

// tags has the hash tag of each bucket. That of bucket b hashes to a slot from b*bucketSlots to (b+1)*bucketSlots-1, so buckets are spread
// evenly over the shards of a cluster, which have ranges of slots.
var tags, bucketOfTag = makeTags()

func makeTags() (tags [bucketCount]string, buckets map[string]int) {
	buckets = make(map[string]int, bucketCount)
	for n := int64(0); len(buckets) < bucketCount; n++ {
		tag := strconv.FormatInt(n, 36)
		if bucket := int(slotOf(tag)) / bucketSlots; tags[bucket] == "" {
			tags[bucket] = tag
			buckets[tag] = bucket
		}
	}
	return tags, buckets
}

// slotOf is the slot of a hash tag: CRC16 with the polynomial 0x1021.
func slotOf(tag string) uint16 {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slotCount
}

// bucketOf spreads texts over buckets: FNV-1a, whose low bits are good enough.
func bucketOf(text string) int {
	hash := uint32(2166136261)
	for i := range len(text) {
		hash = (hash ^ uint32(text[i])) * 16777619
	}
	return int((hash ^ hash>>16) % bucketCount)
}
