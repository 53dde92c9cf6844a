package fanout

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
)

const (
	// beatStep is how long a step of the time is by which hubs are given up that are not heard of any more.
	beatStep = time.Second
	// beatSteps is how many steps lie between two heartbeats, and leaseSteps after how many a hub is given up.
	beatSteps  = 5
	leaseSteps = 15
	// beatPause is how long it is at least between two heartbeats that others ask for by being new.
	beatPause = 100 * time.Millisecond
	// newsBeats is how many heartbeats tell the policies once somebody may not know them.
	newsBeats = 2
	// mostNodes is how many hubs are known at a time: what publishes more heartbeats is no cluster.
	mostNodes = 4096
)

// nodes are the hubs of the cluster, as far as they have been heard of.
//
// The time by which others are given up goes on in steps, and only while the broker is there: neither a hub that is cut off, nor one that was stopped
// for a while, gives up all others at once.
//
// Owners: cluster, self, began and wake never change. mu guards all else, also against the end.
type nodes struct {
	cluster *cluster
	self    nodeIdentity
	began   time.Time
	wake    chan struct{}
	mu      sync.Mutex
	others  map[uint64]*otherNode
	name    nodeClaim
	// steps is how many there have been since the last heartbeat that was due.
	steps int
	// news is how many heartbeats are yet to tell the policies, so that one may be lost.
	news int
	// isOver says that bye has been said: nothing follows.
	isOver bool
	told   toldNodes
	// lines are what is to be logged once mu is free.
	lines []func(*hubLog)
}

// otherNode is another hub.
type otherNode struct {
	heartbeat
	since, heard time.Time
	// silent is how many steps there have been since it was heard of, and beats how many heartbeats have come.
	silent, beats int
}

// lock takes mu, and unlock frees it and logs what there is to.
func (n *nodes) lock() { n.mu.Lock() }

func (n *nodes) unlock() {
	lines := n.lines
	n.lines = nil
	n.mu.Unlock()
	for _, line := range lines {
		line(&n.cluster.hub.log)
	}
}

// logLocked has something be logged.
func (n *nodes) logLocked(line func(*hubLog)) { n.lines = append(n.lines, line) }

// toldNodes is what the log has been told: which digest of policies of a name, and which version.
type toldNodes struct{ digests, versions map[string]string }

func (n *nodes) init(c *cluster) {
	n.cluster, n.self, n.began = c, newNodeIdentity(c), time.Now()
	n.wake, n.others = make(chan struct{}, 1), map[uint64]*otherNode{}
	n.told = toldNodes{map[string]string{}, map[string]string{}}
	n.news = newsBeats
}

// notify has a heartbeat be sent soon.
func (n *nodes) notify() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// introduce has the hub tell all of itself, since others may not know it.
func (n *nodes) introduce() {
	n.lock()
	n.news = newsBeats
	n.unlock()
	n.notify()
}

// run sends heartbeats and gives up who is not heard of, until ctx ends.
func (n *nodes) run(ctx context.Context) {
	ticker := time.NewTicker(beatStep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			n.step()
		case <-n.wake:
			n.beat(false)
			select {
			case <-ctx.Done():
				return
			case <-time.After(beatPause):
			}
		}
	}
}

// step goes one step on in time.
func (n *nodes) step() {
	if !n.cluster.link.isUp.Load() {
		return
	}
	if n.age() {
		n.beat(false)
	}
}

// age gives up who has not been heard of for too long, and says whether a heartbeat is due.
func (n *nodes) age() (isDue bool) {
	n.lock()
	defer n.unlock()
	for origin, o := range n.others {
		if o.silent++; o.silent >= leaseSteps {
			n.removeLocked(origin, o, "it has not been heard of for 15 seconds")
		}
	}
	isDue = n.ageClaimLocked()
	if n.steps++; n.steps >= beatSteps {
		n.steps, isDue = 0, true
	}
	return isDue
}

// removeLocked forgets a hub.
func (n *nodes) removeLocked(origin uint64, o *otherNode, why string) {
	delete(n.others, origin)
	n.cluster.roster.post(rosterTask{kind: nodeGone, origin: origin})
	n.logLocked(func(g *hubLog) { g.nodeGone(o.Node, why) })
	n.claimFreeLocked(origin)
}

// beat sends a heartbeat.
func (n *nodes) beat(isBye bool) {
	if !n.cluster.link.isUp.Load() {
		return
	}
	n.lock()
	if n.isOver {
		n.unlock()
		return
	}
	n.isOver = isBye
	b := heartbeat{
		Node: n.self.name, Version: n.self.version, Digest: n.self.digest, Claim: n.name.claim, IsBye: isBye,
		Connections: int(max(n.cluster.hub.admission.spokes.Load(), 0)), Presence: n.cluster.roster.progress(),
	}
	if n.news > 0 {
		b.Policies = n.self.policies
		n.news--
	}
	n.unlock()
	body, _ := json.Marshal(&b)
	n.cluster.outbox.tell(nodesChannel, broker.Header{}, body)
}

// take acts on the heartbeat of another hub.
func (n *nodes) take(h broker.Header, body []byte) {
	b, err := parseHeartbeat(body)
	if err != nil {
		n.cluster.refuse(err)
		return
	}
	if n.note(h.Origin, b) {
		n.introduce()
	}
}

// note remembers a heartbeat, and says whether the hub is new.
func (n *nodes) note(origin uint64, b heartbeat) (isNew bool) {
	n.lock()
	defer n.unlock()
	o := n.others[origin]
	switch {
	case b.IsBye:
		if o != nil {
			n.removeLocked(origin, o, "it ends")
		}
		return false
	case o == nil && len(n.others) >= mostNodes:
		n.cluster.counts.garbage.Add(1)
		n.logLocked(func(g *hubLog) { g.garbage(errManyNodes) })
		return false
	case o == nil:
		o, isNew = &otherNode{since: time.Now()}, true
		n.others[origin] = o
		n.logLocked(func(g *hubLog) { g.nodeHeard(b.Node, b.Version) })
	}
	o.heartbeat, o.heard, o.silent = b, time.Now(), 0
	o.beats++
	n.compareLocked(o)
	n.claimHeardLocked(origin, &b)
	n.cluster.roster.post(rosterTask{kind: nodeHeard, origin: origin, sequence: b.Presence})
	return isNew
}

// patienceForPolicies is after how many heartbeats a hub is compared that does not tell its policies, because they are very many.
const patienceForPolicies = 3

// compareLocked has it be logged, once, if another hub has other policies, or another version.
func (n *nodes) compareLocked(o *otherNode) {
	if len(n.told.digests) > mostNodes || len(n.told.versions) > mostNodes {
		clear(n.told.digests)
		clear(n.told.versions)
	}
	name, here, there := o.Node, n.self, o.heartbeat
	isKnown := len(there.Policies) > 0 || there.Digest == noPolicies || o.beats >= patienceForPolicies
	if there.Digest != here.digest && n.told.digests[name] != there.Digest && isKnown {
		n.told.digests[name] = there.Digest
		ours, theirs := "", "not told, since they are very many"
		if len(there.Policies) > 0 || there.Digest == noPolicies {
			ours, theirs = differingPolicies(here.policies, there.Policies)
		}
		n.logLocked(func(g *hubLog) { g.policiesDiffer(here.name, name, ours, theirs) })
	}
	if there.Version != here.version && n.told.versions[name] != there.Version {
		n.told.versions[name] = there.Version
		n.logLocked(func(g *hubLog) { g.versionsDiffer(here.name, here.version, name, there.Version) })
	}
	o.Policies = nil
}

// count is how many hubs are known, this one included.
func (n *nodes) count() int {
	n.lock()
	defer n.unlock()
	return len(n.others) + 1
}

func (n *nodes) list() []Node {
	n.lock()
	defer n.unlock()
	all := []Node{{
		Name: n.self.name, Version: n.self.version, IsSelf: true, Since: n.began, Heard: time.Now(), HasSamePolicies: true,
		Connections: int(max(n.cluster.hub.admission.spokes.Load(), 0)), IsDuplicate: n.name.claim == nameYielded,
	}}
	for _, o := range n.others {
		all = append(all, Node{
			Name: o.Node, Version: o.Version, Since: o.since, Heard: o.heard, Connections: o.Connections,
			HasSamePolicies: o.Digest == n.self.digest, IsDuplicate: o.Claim == nameYielded,
		})
	}
	return all
}
