package fanout

import (
	"strings"
	"testing"
)

// filledBox puts in what the box can't refuse, until it is full.
func filledBox(b *rosterBox) {
	for topic := strings.Repeat("x", 500); b.held.Load() <= rosterBoxLimit; {
		b.put(rosterTask{kind: watchBegins, topic: topic})
	}
}

func TestTheRostersBoxCountsAllThatItHolds(t *testing.T) {
	var b rosterBox
	b.init()
	tasks := []rosterTask{
		{kind: nodeHeard}, {kind: watchBegins, topic: "room:7"}, {kind: watchEnds, topic: "room:7"}, {kind: toldAll, body: []byte("abc")},
		{kind: waitBegins, wait: &memberWait{topic: "room:7"}}, {kind: waitEnds, wait: &memberWait{topic: "room:7"}},
	}
	for _, task := range tasks {
		before := b.held.Load()
		if !b.put(task) || b.held.Load() <= before+int64(len(task.topic)+len(task.body)) {
			t.Errorf("got %d bytes behind %d with a task of kind %d, want them counted", b.held.Load(), before, task.kind)
		}
	}
	if taken, wasOver := b.take(nil); len(taken) != len(tasks) || wasOver || b.held.Load() != 0 {
		t.Errorf("took %d tasks, %v, and %d bytes are left, want all %d", len(taken), wasOver, b.held.Load(), len(tasks))
	}
}

func TestAFullBoxOfTheRosterRefusesMessagesAndWaitsAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		task             rosterTask
		hasRoom, wasOver bool
	}{
		"a message":             {rosterTask{kind: toldAll, body: []byte("abc")}, false, true},
		"a message to this hub": {rosterTask{kind: toldOne, body: []byte("abc")}, false, true},
		"a wait":                {rosterTask{kind: waitBegins, wait: &memberWait{}}, false, false},
		"the end of a wait":     {rosterTask{kind: waitEnds, wait: &memberWait{}}, true, false},
		"a topic to watch":      {rosterTask{kind: watchBegins, topic: "a"}, true, false},
		"one to watch no more":  {rosterTask{kind: watchEnds, topic: "a"}, true, false},
		"a hub that is gone":    {rosterTask{kind: nodeGone}, true, false},
		"a loss":                {rosterTask{kind: brokerLost}, true, false},
	} {
		var b rosterBox
		b.init()
		filledBox(&b)
		if hasRoom := b.put(c.task); hasRoom != c.hasRoom {
			t.Errorf("%s: got room %v in a full box, want %v", name, hasRoom, c.hasRoom)
		}
		if _, wasOver := b.take(nil); wasOver != c.wasOver {
			t.Errorf("%s: got %v for messages dropped, want %v", name, wasOver, c.wasOver)
		}
		if hasRoom := b.put(c.task); !hasRoom {
			t.Errorf("%s: got no room in a box that has been emptied", name)
		}
	}
}

func TestNobodyWaitsForARosterThatHasTooMuchToDo(t *testing.T) {
	c := &cluster{}
	c.link.isUp.Store(true)
	c.running.ctx = t.Context()
	r := &roster{cluster: c, presence: &presence{}}
	r.box.init()
	r.others.Store(1)
	await := func() *memberWait {
		return r.await(&memberWait{boundedWait: boundedWait{done: make(chan struct{})}, topic: "room:7"})
	}
	if w := await(); w == nil {
		t.Error("got no wait with an empty box")
	} else {
		w.drop()
	}
	filledBox(&r.box)
	if w := await(); w != nil {
		t.Error("got a wait with a full box, want none")
	}
}
