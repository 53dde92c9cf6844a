package stream

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
)

const (
	// minBytes is the least that History.Bytes may be, but for 0.
	minBytes = 1 << 10
	// maxAge is the greatest History.Age.
	maxAge = 365 * 24 * time.Hour
)

// Policies are policies in an order, compiled. They never change, and any goroutine may use them. A nil *Policies has none.
type Policies struct {
	list []Policy
	// exact has the places in the list of those whose match is a type.
	exact map[string]int
	// prefixes are those whose match ends with an asterisk, in the order of the list.
	prefixes []prefix
}

// prefix is how the types of a policy begin.
type prefix struct {
	text  string
	place int
}

// PolicyError says which policy of a list is wrong.
type PolicyError struct {
	// Index is the place of the policy in the list.
	Index int
	// Earlier is the place of the policy that it can't stand behind, -1 if it is wrong by itself.
	Earlier int
	// Err says what is wrong, and what to do.
	Err error
}

// Error returns the places, counted from 1, and what is wrong.
func (e *PolicyError) Error() string {
	if e.Earlier >= 0 {
		return fmt.Sprintf("policy %d, behind policy %d: %v", e.Index+1, e.Earlier+1, e.Err)
	}
	return fmt.Sprintf("policy %d: %v", e.Index+1, e.Err)
}

// Unwrap returns Err.
func (e *PolicyError) Unwrap() error { return e.Err }

// NewPolicies compiles a copy of list. The error is a *PolicyError: for a policy that Check refuses, for one that can never hold because
// an earlier one covers all of its types, and for one that says nothing, unless it excepts its types from a later one.
func NewPolicies(list []Policy) (*Policies, error) {
	p := &Policies{list: append([]Policy(nil), list...), exact: map[string]int{}}
	for i := range p.list {
		policy := &p.list[i]
		if err := policy.Check(); err != nil {
			return nil, &PolicyError{Index: i, Earlier: -1, Err: err}
		}
		if earlier := covering(p.list[:i], policy.Match); earlier >= 0 {
			return nil, &PolicyError{Index: i, Earlier: earlier, Err: policy.neverHolds(&p.list[earlier])}
		}
		if policy.saysNothing() && covering(p.list[i+1:], policy.Match) < 0 {
			return nil, &PolicyError{Index: i, Earlier: -1, Err: fmt.Errorf(
				"match %q has nothing but defaults: give it history, behind, presence or interest, or take it away", policy.Match)}
		}
		if text, open := strings.CutSuffix(policy.Match, "*"); open {
			p.prefixes = append(p.prefixes, prefix{text, i})
		} else {
			p.exact[text] = i
		}
	}
	return p, nil
}

// For returns the first policy that covers the type, nil if none does. It doesn't allocate, block or keep typ. Nobody may change
// the policy.
func (p *Policies) For(typ []byte) *Policy {
	if p == nil {
		return nil
	}
	place, isThere := p.exact[string(typ)]
	if !isThere {
		place = math.MaxInt
	}
	for i := range p.prefixes {
		candidate := &p.prefixes[i]
		if candidate.place > place {
			break
		}
		if len(candidate.text) <= len(typ) && candidate.text == string(typ[:len(candidate.text)]) {
			place = candidate.place
			break
		}
	}
	return p.at(place)
}

// ForString is For.
func (p *Policies) ForString(typ string) *Policy {
	if p == nil {
		return nil
	}
	place, isThere := p.exact[typ]
	if !isThere {
		place = math.MaxInt
	}
	for i := range p.prefixes {
		candidate := &p.prefixes[i]
		if candidate.place > place {
			break
		}
		if strings.HasPrefix(typ, candidate.text) {
			place = candidate.place
			break
		}
	}
	return p.at(place)
}

func (p *Policies) at(place int) *Policy {
	if place >= len(p.list) {
		return nil
	}
	return &p.list[place]
}

// Check says what is wrong with a policy by itself, and what to do.
func (p *Policy) Check() error {
	if err := checkMatch(p.Match); err != nil {
		return fmt.Errorf("match %q: %w", p.Match, err)
	}
	if err := p.checkKinds(); err != nil {
		return fmt.Errorf("match %q: %w", p.Match, err)
	}
	if err := p.History.check(); err != nil {
		return fmt.Errorf("match %q: %w", p.Match, err)
	}
	return nil
}

func checkMatch(match string) error {
	rest, open := strings.CutSuffix(match, "*")
	if match == "" {
		return errors.New("it is empty: write a type, how types begin with * behind it, or * alone for all types")
	}
	if strings.Contains(rest, "*") {
		return errors.New("an asterisk may stand only at the end: write one policy for each beginning")
	}
	if strings.Contains(rest, ":") {
		return errors.New("it has a colon, but a policy is for all ids of a type: write the type alone")
	}
	if rest == "" && open {
		return nil
	}
	if _, _, err := event.SplitTopic(rest); err != nil {
		return fmt.Errorf("it can match no type, because the %w: write a type of events", err)
	}
	return nil
}

func (p *Policy) checkKinds() error {
	if err := checkName(behindNames[:], "behind", uint8(p.Behind)); err != nil {
		return err
	}
	if err := checkName(interestNames[:], "interest", uint8(p.Interest)); err != nil {
		return err
	}
	switch isKept := !p.History.IsZero(); {
	case p.Behind == Skip && isKept:
		return errors.New("behind is skip, which is for types without history: use catch-up or latest, or take the history away")
	case (p.Behind == CatchUp || p.Behind == Latest) && !isKept:
		return fmt.Errorf("behind is %v, but there is no history to send from: give it history, or use close or skip", p.Behind)
	}
	return nil
}

func (h *History) check() error {
	switch {
	case h.Events < 0:
		return fmt.Errorf("events of the history are %d: use a positive number, or 0 for no such bound", h.Events)
	case h.Bytes < 0:
		return fmt.Errorf("bytes of the history are %d: use a positive number, or 0 for %d", h.Bytes, DefaultBytes)
	case h.Bytes > 0 && h.Bytes < minBytes:
		return fmt.Errorf("bytes of the history are %d, too few for events: use %d or more, or 0 for %d", h.Bytes, minBytes, DefaultBytes)
	case h.Age < 0:
		return fmt.Errorf("age of the history is %v: use a positive duration, or 0 for no such bound", h.Age)
	case h.Age > maxAge:
		return fmt.Errorf("age of the history is %v: use %v or less, or 0 for no such bound", h.Age, maxAge)
	}
	return nil
}

// saysNothing says whether types without a policy have all that this one says.
func (p *Policy) saysNothing() bool { return *p == Policy{Match: p.Match} }

// neverHolds says that an earlier policy covers all types of p, and what to do.
func (p *Policy) neverHolds(earlier *Policy) error {
	if p.Match == earlier.Match {
		return fmt.Errorf("match %q stands twice, and the first that matches holds: put all that is to hold for it into one", p.Match)
	}
	return fmt.Errorf("match %q can never hold, because %q covers it and the first that matches holds: put it ahead, or take it away",
		p.Match, earlier.Match)
}

// covering returns the place of the first policy of the list that covers all types of match, -1 if none does.
func covering(list []Policy, match string) int {
	for i := range list {
		text, open := strings.CutSuffix(list[i].Match, "*")
		if list[i].Match == match || open && strings.HasPrefix(strings.TrimSuffix(match, "*"), text) {
			return i
		}
	}
	return -1
}
