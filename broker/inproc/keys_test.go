package inproc

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestAKeyIsForgottenFiveMinutesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keys
		k.add("first", 1)
		time.Sleep(time.Minute)
		k.add("second", 2)
		time.Sleep(keyWindow - time.Minute - 1)
		if got := k.used("first"); got != 1 {
			t.Errorf("got offset %d of a key that was used less than five minutes ago, want 1", got)
		}
		time.Sleep(time.Nanosecond)
		if first, second := k.used("first"), k.used("second"); first != 0 || second != 2 {
			t.Errorf("got the offsets %d and %d, want none of the key that was used five minutes ago, and 2", first, second)
		}
		time.Sleep(time.Minute)
		if got := k.used("another"); got != 0 || len(k.offsets) != 0 || len(k.order) != 0 {
			t.Errorf("got offset %d, and %d keys, want none kept", got, len(k.offsets))
		}
	})
}

func TestTheOldestKeysMakeRoomForOthers(t *testing.T) {
	var k keys
	for i := range uint64(maxKeys + 10) {
		k.add(strconv.FormatUint(i, 10), i+1)
	}
	if len(k.offsets) != maxKeys || len(k.order) != maxKeys {
		t.Errorf("got %d keys in the order of %d, want %d", len(k.offsets), len(k.order), maxKeys)
	}
	for key, want := range map[string]uint64{"9": 0, "10": 11, fmt.Sprint(maxKeys + 9): maxKeys + 10} {
		if got := k.used(key); got != want {
			t.Errorf("key %s: got offset %d, want %d", key, got, want)
		}
	}
}

func TestARegressForgetsTheKeysOfWhatItTakes(t *testing.T) {
	var k keys
	k.add("a", 3)
	k.add("b", 7)
	k.add("c", 8)
	k.regress(7)
	k.add("c", 8)
	k.regress(6)
	for key, want := range map[string]uint64{"a": 3, "b": 0, "c": 0} {
		if got := k.used(key); got != want {
			t.Errorf("key %s: got offset %d, want %d", key, got, want)
		}
	}
	if len(k.offsets) != 1 || len(k.order) != 1 {
		t.Errorf("got %d keys in the order of %d, want 1", len(k.offsets), len(k.order))
	}
}
