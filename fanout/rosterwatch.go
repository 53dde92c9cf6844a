package fanout

// watchedTopic is a topic that this hub watches at others. It belongs to the goroutine of the roster.
type watchedTopic struct {
	// hasWatchers says that spokes of this hub watch it. waits are those that wait for lists, and idle for how many steps nobody has needed it.
	hasWatchers bool
	waits       map[*memberWait]struct{}
	idle        int
	// asked is how long ago others were asked, in steps.
	asked int
}

// rosterWatching is what the hub watches: all of topics, of which unsettled have lists to come, and idle may be ended.
type rosterWatching struct {
	topics, unsettled map[string]*watchedTopic
}

func (w *rosterWatching) init() {
	w.topics, w.unsettled = map[string]*watchedTopic{}, map[string]*watchedTopic{}
}

// unsettle notes that all topics have lists to come.
func (w *rosterWatching) unsettle() {
	for topic, watched := range w.topics {
		w.unsettled[topic] = watched
	}
}

// watch returns a topic, which all others are told of if it is new.
func (r *roster) watch(topic string) *watchedTopic {
	w := r.watching.topics[topic]
	if w == nil {
		w = &watchedTopic{}
		r.watching.topics[topic] = w
		r.presence.counts.held.Add(int64(len(topic)) + partMemberBytes)
		r.toAll.watch(topic)
		if len(r.peers) > 0 {
			r.watching.unsettled[topic] = w
		}
	}
	w.idle = 0
	return w
}

// endIdle has topics not be watched any more that nobody has needed for a while.
func (r *roster) endIdle() {
	for topic, w := range r.watching.topics {
		if w.hasWatchers || len(w.waits) > 0 {
			continue
		}
		if w.idle++; w.idle < idleSteps {
			continue
		}
		delete(r.watching.topics, topic)
		delete(r.watching.unsettled, topic)
		r.presence.counts.held.Add(-int64(len(topic)) - partMemberBytes)
		r.toAll.unwatch(topic)
		for _, p := range r.peers {
			if t := p.parts[topic]; t != nil {
				r.dropPart(p, topic, t)
			}
		}
	}
}

// isSettled says whether all others have told who is there.
func (r *roster) isSettled(topic string) bool {
	for _, p := range r.peers {
		if t := p.parts[topic]; t == nil || !t.isListed {
			return false
		}
	}
	return true
}

// settle ends the waits for a topic, if all others have told who is there.
func (r *roster) settle(topic string) {
	w := r.watching.topics[topic]
	if w == nil || !r.isSettled(topic) {
		return
	}
	delete(r.watching.unsettled, topic)
	for wait := range w.waits {
		wait.end()
	}
}

func (r *roster) settleAll() {
	for topic := range r.watching.unsettled {
		r.settle(topic)
	}
}

// askAgain asks those who have not told who is in a room for all, if they have had time for it.
func (r *roster) askAgain() {
	for topic, w := range r.watching.unsettled {
		if w.asked++; w.asked < answerSteps {
			continue
		}
		w.asked = 0
		for _, p := range r.peers {
			if t := p.parts[topic]; !p.isInDoubt() && (t == nil || !t.isListed) {
				r.doubt(p)
			}
		}
	}
}

// beginWait has a wait be told when all others have told who is there.
func (r *roster) beginWait(wait *memberWait) {
	w := r.watch(wait.topic)
	if w.waits == nil {
		w.waits = make(map[*memberWait]struct{})
	}
	w.waits[wait] = struct{}{}
	if r.isSettled(wait.topic) {
		wait.end()
	}
}

func (r *roster) endWait(wait *memberWait) {
	w := r.watch(wait.topic)
	delete(w.waits, wait)
}
