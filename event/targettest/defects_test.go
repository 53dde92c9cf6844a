package targettest_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/event/targettest"
)

// planted names the environment variable that says which defect TestPlantedDefect runs with.
const planted = "TARGETTEST_PLANTED"

// defective is a target with a defect in one of its methods. A nil function is the method of an event.Local.
type defective struct {
	*event.Local
	dispatch func(*event.Local, event.Event) bool
	add      func(*event.Local, string, func(event.Event)) func()
	close    func(*event.Local)
}

func (d *defective) DispatchEvent(e event.Event) bool {
	if d.dispatch == nil {
		return d.Local.DispatchEvent(e)
	}
	return d.dispatch(d.Local, e)
}

func (d *defective) AddEventListener(topic string, f func(event.Event)) func() {
	if d.add == nil {
		return d.Local.AddEventListener(topic, f)
	}
	return d.add(d.Local, topic, f)
}

// defects are targets that break a promise, by the test that has to find it.
var defects = map[string]func() *defective{
	"AnEventArrivesWhole": func() *defective {
		return &defective{dispatch: func(l *event.Local, e event.Event) bool {
			e.Payload = bytes.ReplaceAll(e.Payload, []byte(`": 1`), []byte(`":1`))
			return l.DispatchEvent(e)
		}}
	},
	"NoPayloadIsNull": func() *defective {
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			return l.AddEventListener(topic, func(e event.Event) {
				if string(e.Payload) == "null" {
					e.Payload = nil
				}
				f(e)
			})
		}}
	},
	"ThePayloadIsNotKept": func() *defective {
		var kept []event.Event
		return &defective{dispatch: func(l *event.Local, e event.Event) bool {
			if kept = append(kept, e); len(kept) == 20 {
				for _, e := range kept {
					l.DispatchEvent(e)
				}
			}
			return true
		}}
	},
	"TopicsMatchByTypeAndByID": func() *defective {
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			typ, _, _ := strings.Cut(topic, ":")
			return l.AddEventListener(typ, f)
		}}
	},
	"AFunctionAddedTwiceIsTwoListeners": func() *defective {
		added := map[string]func(){}
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			if remove, ok := added[topic]; ok {
				return remove
			}
			added[topic] = l.AddEventListener(topic, f)
			return added[topic]
		}}
	},
	"EventsOfOneDispatcherKeepTheirOrder":  func() *defective { return &defective{dispatch: swapped()} },
	"EventsOfEachDispatcherKeepTheirOrder": func() *defective { return &defective{dispatch: swapped()} },
	"ARemovedListenerHearsNothing": func() *defective {
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			l.AddEventListener(topic, f)
			return func() {}
		}}
	},
	"AListenerRemovesItself": func() *defective {
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			remove := l.AddEventListener(topic, f)
			return func() { l.AddEventListener("end", func(event.Event) { remove() }) }
		}}
	},
	"AListenerDispatches": func() *defective {
		var mu sync.Mutex
		return &defective{dispatch: func(l *event.Local, e event.Event) bool {
			if !mu.TryLock() {
				return false
			}
			defer mu.Unlock()
			return l.DispatchEvent(e)
		}}
	},
	"APanicHarmsNobodyElse": func() *defective {
		broken := false
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			return l.AddEventListener(topic, func(e event.Event) {
				if broken {
					return
				}
				broken = true
				f(e)
				broken = false
			})
		}}
	},
	"AnInvalidEventReachesNobody": func() *defective {
		return &defective{dispatch: func(l *event.Local, e event.Event) bool {
			if len(e.Payload) > 0 && e.Validate() != nil {
				e.Payload = nil
			}
			return l.DispatchEvent(e)
		}}
	},
	"AnInvalidTopicPanics": func() *defective {
		return &defective{add: func(l *event.Local, topic string, f func(event.Event)) func() {
			if f == nil || !event.ValidTopic([]byte(topic)) {
				return func() {}
			}
			return l.AddEventListener(topic, f)
		}}
	},
	"NothingIsHeardAfterTheEnd": func() *defective { return &defective{close: func(*event.Local) {}} },
	"AListenerEndsTheTarget":    func() *defective { return &defective{close: func(*event.Local) {}} },
}

// swapped dispatches each event of an even number behind the one that follows it.
func swapped() func(*event.Local, event.Event) bool {
	var mu sync.Mutex
	held := map[string][]event.Event{}
	return func(l *event.Local, e event.Event) bool {
		mu.Lock()
		defer mu.Unlock()
		waiting := append(held[e.ID], e.Clone())
		if len(waiting) < 8 {
			held[e.ID] = waiting
			return true
		}
		held[e.ID] = nil
		slices.Reverse(waiting)
		for _, e := range waiting {
			l.DispatchEvent(e)
		}
		return true
	}
}

// TestEachPlantedDefectIsFound runs this test binary again for each defect and wants the test of its promise to fail.
func TestEachPlantedDefectIsFound(t *testing.T) {
	for name := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.Command(os.Args[0], "-test.run", "^TestPlantedDefect$/^"+name+"$", "-test.v", "-test.timeout", "50s")
			run.Env = append(os.Environ(), planted+"="+name)
			out, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestPlantedDefect/"+name) {
				t.Errorf("the defect was not found (%v):\n%s", err, out)
			}
		})
	}
}

// TestPlantedDefect is what TestEachPlantedDefectIsFound runs.
func TestPlantedDefect(t *testing.T) {
	defect := defects[os.Getenv(planted)]
	if defect == nil {
		t.Skip("run by TestEachPlantedDefectIsFound, with " + planted)
	}
	targettest.SetPatience(5 * time.Second)
	targettest.Run(t, func(*testing.T) targettest.Pair {
		target := defect()
		target.Local = &event.Local{OnPanic: func(any, []byte) {}}
		closeIt := target.Local.Close
		if target.close != nil {
			closeIt = func() { target.close(target.Local) }
		}
		return targettest.Pair{Dispatch: target, Listen: target, Close: closeIt}
	})
}
