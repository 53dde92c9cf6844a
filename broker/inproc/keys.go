package inproc

import (
	"strings"
	"time"
)

const (
	// keyWindow is how long an idempotency key is remembered.
	keyWindow = 5 * time.Minute
	// maxKeys is how many of them a stream remembers, as many as stream.Memory does.
	maxKeys = 16384
)

// keys are the idempotency keys of a stream, those that were used in the last five minutes. The zero value has none. The network's lock guards it.
type keys struct {
	offsets map[string]uint64
	// order has them in the order of their offsets, which is that of time.
	order []keyUse
}

// keyUse is where the event with a key is, and since when.
type keyUse struct {
	key    string
	offset uint64
	at     time.Time
}

// used returns the offset of the event with a key, 0 if there is none.
func (k *keys) used(key string) uint64 {
	for len(k.order) > 0 && time.Since(k.order[0].at) >= keyWindow {
		k.dropOldest()
	}
	return k.offsets[key]
}

// add remembers a key that is not there, and is not empty. It does not keep the string.
func (k *keys) add(key string, offset uint64) {
	if len(k.order) == maxKeys {
		k.dropOldest()
	}
	if k.offsets == nil {
		k.offsets = make(map[string]uint64)
	}
	key = strings.Clone(key)
	k.offsets[key] = offset
	k.order = append(k.order, keyUse{key, offset, time.Now()})
}

// dropOldest forgets the oldest one. There is one.
func (k *keys) dropOldest() {
	delete(k.offsets, k.order[0].key)
	k.order[0] = keyUse{}
	k.order = k.order[1:]
}

// regress forgets those of events behind an offset.
func (k *keys) regress(top uint64) {
	for n := len(k.order); n > 0 && k.order[n-1].offset > top; n-- {
		delete(k.offsets, k.order[n-1].key)
		k.order = k.order[:n-1]
	}
}
