package fanout

import (
	"errors"
	"fmt"
)

// errManyNodes is a heartbeat of one hub more than a cluster may have.
var errManyNodes = errors.New("more hubs than a cluster may have")

// nameClaim is how far a hub has got with its name.
type nameClaim uint8

const (
	// nameAsked: it has begun with it, and listens whether anybody has it.
	nameAsked nameClaim = iota
	// nameHeld: nobody had it.
	nameHeld
	// nameYielded: somebody has it, so this hub has given way.
	nameYielded
)

// claimSteps is for how many steps a hub listens before it has its name.
const claimSteps = 3

// nodeClaim is what a hub does about its name. Of two hubs of one name the one gives way that has begun later; of two that have begun together, or
// in parts of a cluster that could not hear each other, the one with the larger origin. It goes on with events, under the name too; but it is not
// ready, so that no clients are sent to it and an operator looks.
type nodeClaim struct {
	claim nameClaim
	// listened is for how many steps it has.
	listened int
	// holder is who has it instead.
	holder uint64
	// hasToldHolder says that the log has been told of another that asks for it.
	hasToldHolder bool
}

// ageClaimLocked goes one step on, and says whether others are to be told.
func (n *nodes) ageClaimLocked() (isNews bool) {
	if n.name.claim != nameAsked {
		return false
	}
	if n.name.listened++; n.name.listened < claimSteps {
		return false
	}
	n.name.claim = nameHeld
	return true
}

// claimHeardLocked compares the name of another hub with that of this one.
func (n *nodes) claimHeardLocked(origin uint64, b *heartbeat) {
	if b.Node != n.self.name {
		n.claimFreeLocked(origin)
		return
	}
	switch {
	case n.name.claim == nameYielded && n.name.holder == origin:
		if b.Claim == nameYielded {
			n.claimFreeLocked(origin)
		}
		return
	case n.name.claim == nameYielded || b.Claim == nameYielded:
		return
	case b.Claim > n.name.claim || b.Claim == n.name.claim && origin < n.cluster.origin:
		n.name = nodeClaim{claim: nameYielded, holder: origin}
		n.logLocked(func(g *hubLog) { g.nameTaken(n.self.name) })
	case !n.name.hasToldHolder:
		n.name.hasToldHolder = true
		n.logLocked(func(g *hubLog) { g.nameAsked(n.self.name) })
	}
	n.notify()
}

// claimFreeLocked has the hub ask for its name again, if that was the one who had it.
func (n *nodes) claimFreeLocked(origin uint64) {
	if n.name.claim == nameYielded && n.name.holder == origin {
		n.name = nodeClaim{}
		n.logLocked(func(g *hubLog) { g.nameFree(n.self.name) })
	}
}

// claimErr is ErrDuplicateNode while another hub has this one's name.
func (n *nodes) claimErr() error {
	n.lock()
	defer n.unlock()
	if n.name.claim != nameYielded {
		return nil
	}
	return fmt.Errorf("%w: %q", ErrDuplicateNode, n.self.name)
}
