package redis

import (
	"sync"

	"github.com/spokehub/spokehub/broker"
)

// table has the channels that are wanted, and those that are in force. Everybody changes what is wanted; the manager alone brings what is in force
// in line with it.
//
//	I1  A channel is in changed if it is wanted and not in force, or in force and not wanted.
//	I2  A channel that is neither wanted nor in force is in channels only while it is in changed.
type table struct {
	mu       sync.Mutex
	channels map[string]*subscription
	changed  map[string]*subscription
	wake     chan struct{}
}

// subscription is what the table knows of a channel.
type subscription struct {
	wanted bool
	// link is where it is in force, nil if it is not.
	link    *link
	waiting []*ticket
}

// ticket is for one who waits for subscriptions. done is closed when none is left, or err is set.
type ticket struct {
	left int
	err  error
	done chan struct{}
}

func (t *ticket) finish(err error) {
	if t.err == nil && t.left > 0 {
		if t.left--; err != nil || t.left == 0 {
			t.err, t.left = err, 0
			close(t.done)
		}
	}
}

func (t *table) init() {
	t.channels = map[string]*subscription{}
	t.changed = map[string]*subscription{}
	t.wake = make(chan struct{}, 1)
}

// want adds keys. The ticket is nil if all are in force.
func (t *table) want(n names, keys []broker.Key) *ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	var waiting *ticket
	for _, key := range keys {
		channel := n.channel(key)
		s := t.channels[channel]
		if s == nil {
			s = &subscription{}
			t.channels[channel] = s
		}
		s.wanted = true
		if s.link != nil {
			delete(t.changed, channel)
			continue
		}
		t.changed[channel] = s
		if waiting == nil {
			waiting = &ticket{done: make(chan struct{})}
		}
		waiting.left++
		s.waiting = append(s.waiting, waiting)
	}
	if waiting != nil {
		t.signal()
	}
	return waiting
}

// drop takes keys away. Who waits for them has been served, for it is as if they had been in force for a moment.
func (t *table) drop(n names, keys []broker.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		channel := n.channel(key)
		s := t.channels[channel]
		if s == nil || !s.wanted {
			continue
		}
		s.wanted = false
		s.tell(nil)
		t.changed[channel] = s
	}
	t.signal()
}

func (t *table) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (s *subscription) tell(err error) {
	for _, waiting := range s.waiting {
		waiting.finish(err)
	}
	s.waiting = nil
}

// obsolete returns the channels in force that nobody wants, by link, and counts them as not in force.
func (t *table) obsolete() map[*link][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found map[*link][]string
	for channel, s := range t.changed {
		if s.wanted {
			continue
		}
		if s.link != nil {
			if found == nil {
				found = map[*link][]string{}
			}
			found[s.link] = append(found[s.link], channel)
		}
		s.link = nil
		delete(t.changed, channel)
		delete(t.channels, channel)
	}
	return found
}

// missing returns the channels that are wanted and not in force.
func (t *table) missing() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	channels := make([]string, 0, len(t.changed))
	for channel, s := range t.changed {
		if s.wanted {
			channels = append(channels, channel)
		}
	}
	return channels
}

// enforced notes that channels are in force now.
func (t *table) enforced(l *link, channels []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, channel := range channels {
		s := t.channels[channel]
		if s == nil {
			s = &subscription{}
			t.channels[channel] = s
		}
		s.link = l
		s.tell(nil)
		if s.wanted {
			delete(t.changed, channel)
		} else {
			t.changed[channel] = s
			t.signal()
		}
	}
}

// lost notes that channels are not in force any more on the link, or none if channels is nil. It returns how many were.
func (t *table) lost(l *link, channels []string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	count := 0
	forget := func(channel string, s *subscription) {
		if s == nil || s.link != l {
			return
		}
		count++
		s.link = nil
		t.changed[channel] = s
	}
	if channels == nil {
		for channel, s := range t.channels {
			forget(channel, s)
		}
	}
	for _, channel := range channels {
		forget(channel, t.channels[channel])
	}
	return count
}

// strayed returns the channels in force on another link than the one where they belong, and counts them as not in force.
func (t *table) strayed(owner func(channel string) *link) map[*link][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := map[*link][]string{}
	for channel, s := range t.channels {
		if s.link != nil && s.link != owner(channel) {
			found[s.link] = append(found[s.link], channel)
			s.link = nil
			t.changed[channel] = s
		}
	}
	return found
}

// fail tells all who wait.
func (t *table) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.changed {
		s.tell(err)
	}
}

// size is how many channels are wanted or in force.
func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.channels)
}
