package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// errBeganAnew is a load that has to be made once more.
var errBeganAnew = errors.New("the stream began anew while it was read")

// fill reads what is missing from the broker until the follower is live, or over.
func (f *follower) fill(ctx context.Context) {
	pause, vain := followPause, 0
	for ctx.Err() == nil {
		read, err := f.fillInTurn(ctx, vain >= emptyReads)
		switch {
		case read == fillOver:
			return
		case read == fillLive:
			f.cluster.interest.settle(f.want, f)
			return
		case err != nil:
			f.cluster.unread(f.typ, err)
		case read == fillMore:
			pause, vain = followPause, 0
			continue
		default:
			vain++
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestFollowPause)
	}
}

// fillInTurn is fillOnce, as long as not too many followers do so at once, and waits for those whom the events are for.
func (f *follower) fillInTurn(ctx context.Context, givesUp bool) (fillResult, error) {
	select {
	case f.cluster.interest.fills <- struct{}{}:
	case <-ctx.Done():
		return fillOver, nil
	}
	defer func() { <-f.cluster.interest.fills }()
	read, err := f.fillOnce(ctx, givesUp)
	f.mu.Lock()
	sent := f.takeSent()
	f.mu.Unlock()
	f.cluster.hub.awaitReceivers(ctx, sent)
	return read, err
}

// unread logs why a stream can't be read, unless the broker is known to be away.
func (c *cluster) unread(typ string, err error) {
	if c.link.isUp.Load() && c.running.ctx.Err() == nil {
		c.hub.log.unreadBroker(typ, err)
	}
}

// fillResult is what came of reading the broker once.
type fillResult uint8

const (
	// fillNothing: the broker has no more, though it has announced some.
	fillNothing fillResult = iota
	// fillMore: there may be more.
	fillMore
	// fillLive: the follower has all, and is live.
	fillLive
	// fillOver: nobody needs it any more.
	fillOver
)

// fillOnce reads a page. If givesUp, what was announced and is not there counts as lost, and so does what the stream says to have and does not give.
func (f *follower) fillOnce(ctx context.Context, givesUp bool) (fillResult, error) {
	next, epoch, isOver := f.place()
	if isOver {
		return fillOver, nil
	}
	if epoch == "" {
		return f.load(ctx)
	}
	page, err := f.read(ctx, broker.Query{After: next - 1})
	if err != nil {
		return fillNothing, err
	}
	if page.Epoch != epoch {
		return f.load(ctx)
	}
	var survivors []broker.Entry
	if page.First > next {
		if survivors, err = f.readSurvivors(ctx, &page); err != nil {
			return fillNothing, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isOver {
		return fillOver, nil
	}
	before := f.next
	f.skipTo(page.First)
	f.insertSurvivors(survivors)
	f.insertPage(&page)
	if givesUp && len(page.Entries) == 0 {
		f.skipTo(page.Top + 1)
	}
	f.insertAhead()
	if givesUp && page.Top < f.next {
		f.ahead = aheadEvents{}
	}
	return f.resultLocked(&page, f.next > before), nil
}

// resultLocked says how the follower stands when a page has been inserted. It is live if neither the page nor what was announced says that there is more.
func (f *follower) resultLocked(page *broker.Page, isNews bool) fillResult {
	isOther := f.ahead.epoch != "" && f.ahead.epoch != f.epoch
	switch {
	case isOther:
		f.ahead = aheadEvents{}
		return fillMore
	case f.ahead.announced < f.next && page.Top < f.next:
		if f.isReplaying {
			f.endReplay(f.next)
		}
		f.isLive, f.ahead = true, aheadEvents{}
		return fillLive
	case isNews:
		return fillMore
	default:
		return fillNothing
	}
}

func (f *follower) place() (next uint64, epoch string, isOver bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next, f.epoch, f.isOver
}

// read reads a page of the stream.
func (f *follower) read(ctx context.Context, q broker.Query) (broker.Page, error) {
	q.Policy, q.Type, q.Events = f.policy, f.typ, followPage
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	return f.cluster.broker.Read(bounded, q)
}

// load begins the replica, or begins it anew because the stream has another epoch: with all that the broker has. The spokes get what is behind that which
// they have, and are told of what is gone.
func (f *follower) load(ctx context.Context) (fillResult, error) {
	page, err := f.read(ctx, broker.Query{})
	if err != nil {
		return fillNothing, err
	}
	survivors, err := f.readSurvivors(ctx, &page)
	if err != nil {
		return fillNothing, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isOver {
		return fillOver, nil
	}
	if f.epoch == page.Epoch {
		return fillMore, nil
	}
	h := f.cluster.hub
	h.streams.memory.Begin(f.policy, f.typ, event.Position{Epoch: page.Epoch, Offset: page.First - 1}, nil)
	if f.epoch != "" {
		f.isReplaying = true
		h.log.beganAnew(f.typ, event.Position{Epoch: f.epoch, Offset: f.next - 1}, event.Position{Epoch: page.Epoch, Offset: page.Top})
	}
	f.epoch, f.next, f.fresh = page.Epoch, page.First, page.First
	f.insertSurvivors(survivors)
	f.insertPage(&page)
	f.insertAhead()
	return f.resultLocked(&page, true), nil
}

// readSurvivors reads what is kept ahead of a page because each is the newest of its id.
func (f *follower) readSurvivors(ctx context.Context, page *broker.Page) (survivors []broker.Entry, err error) {
	if !f.policy.History.LatestPerID || page.First <= 1 {
		return nil, nil
	}
	after := uint64(0)
	for {
		part, err := f.read(ctx, broker.Query{After: after, Survivors: true})
		switch {
		case err != nil:
			return nil, err
		case part.Epoch != page.Epoch:
			return nil, errBeganAnew
		case len(part.Entries) == 0:
			return survivors, nil
		}
		survivors = append(survivors, part.Entries...)
		after = part.Entries[len(part.Entries)-1].Offset
	}
}

func (f *follower) insertSurvivors(survivors []broker.Entry) {
	for i := range survivors {
		if e := &survivors[i]; e.Offset < f.next {
			f.insertMessage(e.Offset, e.Data, true)
		}
	}
}

// insertPage adds the events of a page that the replica does not have. Where one lies further ahead than the next one, those in between are gone.
func (f *follower) insertPage(page *broker.Page) {
	for i := range page.Entries {
		if e := &page.Entries[i]; e.Offset >= f.next {
			f.skipTo(e.Offset)
			f.insertMessage(e.Offset, e.Data, false)
		}
	}
}

// insertAhead adds the events that have come meanwhile, if they are next.
func (f *follower) insertAhead() {
	if f.ahead.epoch != "" && f.ahead.epoch != f.epoch {
		return
	}
	for i, message := range f.ahead.messages {
		if offset := f.ahead.from + uint64(i); offset == f.next {
			f.insertMessage(offset, message, false)
		}
	}
}

// insertMessage adds an event that was read, or came ahead of its turn. One that no hub has written becomes an event that nobody gets: it has an
// offset, which is not there any more.
func (f *follower) insertMessage(offset uint64, message []byte, isSurvivor bool) {
	var view event.View
	header, body, err := broker.ParseMessage(message)
	if err == nil {
		err = view.Parse(body)
	}
	c := f.cluster
	switch {
	case err != nil:
		c.refuse(err)
		if !isSurvivor {
			f.skipTo(offset + 1)
		}
	case isSurvivor:
		c.counts.refilled.Add(1)
		f.insertSurvivor(offset, &view)
	default:
		c.counts.refilled.Add(1)
		f.insert(offset, &view, header)
	}
}

// ageOf is how old a message is, by the clocks of its origin and of this hub.
func ageOf(h broker.Header) time.Duration { return max(time.Since(h.At), 0) }
