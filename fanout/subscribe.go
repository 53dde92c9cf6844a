package fanout

import (
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// Subscribe subscribes the spoke to topics, as the hub's own decision: neither its identity nor Config.OnSubscribe is asked, and the spoke
// gets no ack. Every event that is dispatched after Subscribe has returned reaches the spoke. To be subscribed already is no error.
// A new identity takes away only topics that the one before covered.
//
// It asks the reactor and waits for it, usually tens of microseconds; any goroutine may call it, callbacks included. An error
// names the topic. For one that is not valid, nothing has been done. For one that Config.MaxTopics does not allow, it is
// ErrTopicLimit, and the topics ahead of it are in force. For a spoke that has ended it is ErrNotConnected.
func (s *Spoke) Subscribe(topics ...string) error {
	return s.changeTopics("subscribe", topics, func(topic []byte) error {
		if !s.loop.subscribe(s, topic) {
			return ErrTopicLimit
		}
		return nil
	})
}

// Unsubscribe removes the spoke from topics, like Subscribe: no event that is dispatched after it has returned reaches the spoke by way of
// them. Not to be subscribed is no error.
func (s *Spoke) Unsubscribe(topics ...string) error {
	return s.changeTopics("unsubscribe", topics, func(topic []byte) error {
		s.loop.part.Unsubscribe(s.conn.Slot, topic)
		return nil
	})
}

// changeTopics has the loop change the spoke's subscriptions, a slice at a time, so that other spokes have their turn.
func (s *Spoke) changeTopics(what string, topics []string, change func(topic []byte) error) error {
	for _, topic := range topics {
		if _, _, err := event.SplitTopic(topic); err != nil {
			return fmt.Errorf("%s %q: %w", what, topic, err)
		}
	}
	for begun := false; !begun || len(topics) > 0; begun = true {
		slice := topics[:min(len(topics), sliceTopics)]
		topics = topics[len(slice):]
		err := fmt.Errorf("%s: %w", what, ErrNotConnected)
		s.loop.ask(func(r *netpoll.Reactor) {
			if r.Holds(s.conn) && s.phase == open {
				err = changeSlice(what, slice, change)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func changeSlice(what string, slice []string, change func(topic []byte) error) error {
	for _, topic := range slice {
		if err := change([]byte(topic)); err != nil {
			return fmt.Errorf("%s %q: %w", what, topic, err)
		}
	}
	return nil
}
