package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

const (
	// batch is how many channels one command has at most.
	batch = 512
	// stale is how long the manager believes which server of a cluster has which slots.
	stale = 5 * time.Second
)

// slotsMoved is a reason of Sink.Lost.
const slotsMoved = "slots of the Redis cluster have moved"

// align brings links and subscriptions in line with what is wanted. It returns nil if all are in force.
func (m *manager) align() error {
	for address, l := range m.links {
		if err := l.alive(); err != nil {
			m.drop(address)
			m.asked = time.Time{}
			return err
		}
	}
	if err := m.listen(); err != nil {
		return err
	}
	if err := m.locate(); err != nil {
		return err
	}
	if err := m.subscribe(); err != nil {
		return err
	}
	return m.reach()
}

// reach sees that commands get to the servers as subscriptions do, for the library has a look of its own at a cluster, which is renewed once a
// command has failed.
func (m *manager) reach() error {
	if m.engine.target.mode != clustered || m.engine.status.down.Load() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(m.session.ctx, m.engine.config.Limits.Timeout)
	defer cancel()
	for address, l := range m.links {
		key := m.engine.names.probe(l.ears.bucket, m.engine.epochs.engine)
		if err := m.session.client.Do(ctx, m.session.client.B().Exists().Key(key).Build()).Error(); err != nil {
			return fmt.Errorf("%s: %w", address, explain(err))
		}
	}
	return nil
}

// locate finds out which server has which buckets, and has a link to each.
func (m *manager) locate() error {
	if err := m.lookUp(); err != nil {
		return err
	}
	wanted := map[string]int{}
	for bucket, address := range m.owners {
		if _, found := wanted[address]; !found && address != "" {
			wanted[address] = bucket
		}
	}
	for address, bucket := range wanted {
		l := m.links[address]
		if l != nil && m.owners[l.ears.bucket] == address {
			continue
		}
		if l != nil {
			m.drop(address)
		}
		l, err := m.engine.openLink(m.session, address, bucket)
		if err != nil {
			return err
		}
		m.links[address] = l
	}
	for address := range m.links {
		if _, found := wanted[address]; !found {
			m.drop(address)
		}
	}
	return nil
}

// lookUp fills owners.
func (m *manager) lookUp() error {
	if m.engine.target.mode != clustered {
		return m.lookUpPrimary()
	}
	if !m.asked.IsZero() && time.Since(m.asked) < stale {
		return nil
	}
	ctx, cancel := context.WithTimeout(m.session.ctx, m.engine.config.Limits.Timeout)
	defer cancel()
	ranges, err := m.session.client.Do(ctx, m.session.client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return explain(err)
	}
	var owners [bucketCount]string
	for _, entry := range ranges {
		from, to, address, err := slotRange(entry)
		if err != nil {
			return err
		}
		address = m.known(address)
		for bucket, tag := range tags {
			if slot := int64(slotOf(tag)); slot >= from && slot <= to {
				owners[bucket] = address
			}
		}
	}
	for bucket, address := range owners {
		if address == "" {
			return fmt.Errorf("slot %d of the Redis cluster has no server: see CLUSTER SLOTS", slotOf(tags[bucket]))
		}
	}
	m.isMoved = m.isMoved || m.owners != owners
	m.owners, m.asked = owners, time.Now()
	return nil
}

func (m *manager) lookUpPrimary() error {
	for address := range m.session.client.Nodes() {
		if m.owners[0] != address {
			m.isMoved = true
			for bucket := range m.owners {
				m.owners[bucket] = address
			}
		}
	}
	return nil
}

// known completes an address without a host, which stands for that of the server that was asked.
func (m *manager) known(address string) string {
	if !strings.HasPrefix(address, ":") {
		return address
	}
	for node := range m.session.client.Nodes() {
		if strings.HasSuffix(node, address) {
			return node
		}
	}
	return address
}

// slotRange reads an entry of CLUSTER SLOTS: the first slot, the last one, and the primary's host and port, with more behind.
func slotRange(entry rueidis.RedisMessage) (from, to int64, address string, err error) {
	malformed := errors.New("CLUSTER SLOTS has answered something that no Redis cluster does")
	fields, err := entry.ToArray()
	if err != nil || len(fields) < 3 {
		return 0, 0, "", malformed
	}
	from, errFrom := fields[0].ToInt64()
	to, errTo := fields[1].ToInt64()
	primary, errPrimary := fields[2].ToArray()
	if errFrom != nil || errTo != nil || errPrimary != nil || len(primary) < 2 {
		return 0, 0, "", malformed
	}
	host, errHost := primary[0].ToString()
	port, errPort := primary[1].ToInt64()
	if errHost != nil || errPort != nil {
		return 0, 0, "", malformed
	}
	return from, to, net.JoinHostPort(host, strconv.FormatInt(port, 10)), nil
}

// subscribe subscribes to what is wanted and not in force, and the other way round.
func (m *manager) subscribe() error {
	e := m.engine
	if m.isMoved {
		m.isMoved = false
		if strayed := e.table.strayed(m.owner); len(strayed) > 0 {
			m.loss = slotsMoved
			m.unsubscribe(strayed)
		}
	}
	m.unsubscribe(e.table.obsolete())
	for _, l := range m.links {
		channels := l.moved.take()
		if len(channels) == 0 {
			continue
		}
		deaf := slices.Contains(channels, e.names.probe(l.ears.bucket, e.epochs.engine))
		if lost := e.table.lost(l, channels); lost > 0 || deaf {
			m.loss = slotsMoved
			m.asked = time.Time{}
			if err := m.locate(); err != nil {
				return err
			}
		}
	}
	byLink := map[*link][]string{}
	for _, channel := range e.table.missing() {
		l := m.owner(channel)
		byLink[l] = append(byLink[l], channel)
	}
	for l, channels := range byLink {
		if err := l.subscribe(e.names.batches(channels), func(some []string) { e.table.enforced(l, some) }); err != nil {
			m.asked = time.Time{}
			return err
		}
	}
	return nil
}

// owner is the link on which a channel belongs.
func (m *manager) owner(channel string) *link {
	return m.links[m.owners[m.engine.names.bucket(channel)]]
}

// unsubscribe ends subscriptions. Errors don't matter: if the connection has ended so have they, and what comes that nobody wants is ignored.
func (m *manager) unsubscribe(byLink map[*link][]string) {
	for l, channels := range byLink {
		_ = l.unsubscribe(m.engine.names.batches(channels))
	}
}

// batches sorts channels into commands.
func (n names) batches(channels []string) [][]string {
	byBucket := map[int][]string{}
	for _, channel := range channels {
		bucket := n.bucket(channel)
		byBucket[bucket] = append(byBucket[bucket], channel)
	}
	var found [][]string
	for _, some := range byBucket {
		for len(some) > batch {
			found = append(found, some[:batch])
			some = some[batch:]
		}
		found = append(found, some)
	}
	return found
}
