package main

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"time"
)

const (
	// topTopics is how many topics the dashboard shows.
	topTopics = 10
	// maxCountedTopics is how many there may be, for all are looked at.
	maxCountedTopics = 50_000
	// topTopicsAge is how long a count of them is good.
	topTopicsAge = 5 * time.Second
)

// topTopic is a topic in the answer of GET /status.
type topTopic struct {
	Topic       string `json:"topic"`
	Subscribers int    `json:"subscribers"`
}

// topicBoard knows the topics with the most subscribers, and looks again after a while only. Any goroutine may use it: mu guards all of it.
type topicBoard struct {
	mu      sync.Mutex
	counted time.Time
	found   []topTopic
}

// top returns the topics with the most subscribers, or nil if there are too many topics to look at.
func (b *topicBoard) top(count uint64, topics func() iter.Seq2[string, int]) []topTopic {
	b.mu.Lock()
	defer b.mu.Unlock()
	if count > maxCountedTopics {
		return nil
	}
	if b.counted.IsZero() || time.Since(b.counted) > topTopicsAge {
		b.found, b.counted = largestTopics(topics()), time.Now()
	}
	return b.found
}

// largestTopics are topTopics at most, those with the most subscribers first and equal ones by name.
func largestTopics(topics iter.Seq2[string, int]) []topTopic {
	var found []topTopic
	order := func(a, b topTopic) int {
		return cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), cmp.Compare(a.Topic, b.Topic))
	}
	for topic, subscribers := range topics {
		candidate := topTopic{topic, subscribers}
		at, _ := slices.BinarySearchFunc(found, candidate, order)
		if at < topTopics {
			found = slices.Insert(found, at, candidate)
			found = found[:min(len(found), topTopics)]
		}
	}
	return found
}
