package fanout

import (
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// Subscribe subscribes the spoke to topics, as the hub's own decision: neither its identity nor Config.OnSubscribe is asked, and the spoke
// gets no ack. Config.OnSubscribed is called for topics that are new. Every event that is dispatched after Subscribe has returned
// reaches the spoke. To be subscribed already is no error. A new identity takes away only topics that the one before covered.
//
// It asks the reactor and waits for it, usually tens of microseconds; any goroutine may call it, callbacks included. An error
// names the topic. For one that is not valid, nothing has been done. For one that Config.MaxTopics does not allow, it is
// ErrTopicLimit, and the topics ahead of it are in force. For a spoke that has ended or has no identity yet it is ErrNotConnected. In a
// cluster it waits until the broker has been asked for the events, four seconds at most; for a topic of a stream that is not known here by then it is
// ErrBroker, and the topics ahead of a slice of some hundreds are in force. Of a topic without a stream the spoke gets what this hub publishes from then on, and a gap
// once it gets that of other hubs, too.
func (s *Spoke) Subscribe(topics ...string) error {
	return s.changeTopics("subscribe", topics, s.loop.subscribeSlice)
}

// Unsubscribe removes the spoke from topics, like Subscribe: no event that is dispatched after it has returned reaches the spoke by way of
// them. Not to be subscribed is no error.
func (s *Spoke) Unsubscribe(topics ...string) error {
	return s.changeTopics(unsubscribing, topics, s.loop.unsubscribeSlice)
}

// unsubscribing is what needs nothing of the broker.
const unsubscribing = "unsubscribe"

// needs waits until the broker has been asked for what topics need, if there is a broker. The caller releases that when it has used it.
func (h *Hub) needs(what string, topics []string) (release func(), err error) {
	if h.cluster == nil || what == unsubscribing {
		return func() {}, nil
	}
	wait, err := h.cluster.interest.await(topics...)
	if err != nil {
		wait.drop()
		return nil, fmt.Errorf("%s %w", what, err)
	}
	return wait.drop, nil
}

// changeTopics has the loop change the spoke's subscriptions, a slice at a time, so that other spokes have their turn.
func (s *Spoke) changeTopics(what string, topics []string, change func(s *Spoke, slice []string) error) error {
	for _, topic := range topics {
		if _, _, err := event.SplitTopic(topic); err != nil {
			return fmt.Errorf("%s %q: %w", what, topic, err)
		}
	}
	for begun := false; !begun || len(topics) > 0; begun = true {
		slice := topics[:min(len(topics), sliceTopics)]
		topics = topics[len(slice):]
		release, err := s.loop.hub.needs(what, slice)
		if err != nil {
			return err
		}
		err = fmt.Errorf("%s: %w", what, ErrNotConnected)
		s.loop.ask(func(r *netpoll.Reactor) {
			if r.Holds(s.conn) && s.phase == open && s.marks&unidentified == 0 {
				err = change(s, slice)
			}
		})
		release()
		if err != nil {
			return err
		}
	}
	return nil
}

// subscribeSlice subscribes the spoke to topics, up to one that is over the limit, and has OnSubscribed called for those that are new.
func (l *loop) subscribeSlice(s *Spoke, slice []string) (err error) {
	var fresh []string
	for _, topic := range slice {
		isNew, ok := l.subscribe(s, []byte(topic))
		if !ok {
			err = fmt.Errorf("subscribe %q: %w", topic, ErrTopicLimit)
			break
		}
		if !isNew {
			continue
		}
		fresh = append(fresh, topic)
		if policy, typ := l.streamOf([]byte(topic)); policy != nil {
			l.enterStream(s, []byte(topic), typ, policy, event.Since{}, true)
		}
	}
	l.subscribed(s, fresh)
	return err
}

func (l *loop) unsubscribeSlice(s *Spoke, slice []string) error {
	for _, topic := range slice {
		l.unsubscribe(s, []byte(topic))
	}
	return nil
}
