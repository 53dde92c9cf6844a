package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/internal/certs"
)

// certificates are those of the public addresses that speak TLS. mu guards the stores and what of the terminators changes; the list of terminators
// does not change.
//
// C1: a certificate that is wrong changes nothing: what was in force stays.
type certificates struct {
	logger *slog.Logger
	// plain are the addresses that speak no TLS.
	plain       []listenAddress
	terminators []*terminator
	mu          sync.Mutex
	stores      map[string]*store
	good, bad   atomic.Uint64
}

// terminator is one address that speaks TLS. It belongs to its certificates, whose lock guards settings and clients; current is its own.
type terminator struct {
	asked listenAddress
	// text is the address that was opened.
	text    string
	current certs.Current
	// settings are those in force, clients is what is asked of clients.
	settings tlsSettings
	clients  tls.ClientAuthType
}

// store is what stood in the files that some addresses share. The lock of its certificates guards it.
type store struct {
	settings tlsSettings
	asked    listenAddress
	contents certs.Contents
	set      *certs.Set
	watch    certs.Watch
}

// key is the same for the same files.
func (s tlsSettings) key() string { return fmt.Sprintf("%q", s.files) }

// newCertificates reads the files for the addresses that speak TLS and has them do so.
func newCertificates(flags serveFlags, public []publicListener, logger *slog.Logger) (*certificates, error) {
	c := &certificates{logger: logger, stores: map[string]*store{}}
	for i := range public {
		l := &public[i]
		settings, speaks := flags.tlsOf(l.asked)
		if !speaks {
			c.plain = append(c.plain, l.asked)
			continue
		}
		l.secure = &terminator{asked: l.asked, text: l.text(), settings: settings, clients: flags.clientAuth()}
		c.terminators = append(c.terminators, l.secure)
		if err := addStore(c.stores, l.asked, settings); err != nil {
			return nil, err
		}
	}
	for _, t := range c.terminators {
		t.use(c.stores[t.settings.key()].set)
	}
	return c, nil
}

// addStore reads files, unless they have been.
func addStore(stores map[string]*store, asked listenAddress, settings tlsSettings) error {
	if stores[settings.key()] != nil {
		return nil
	}
	contents, set, err := loadCertificates(asked, settings)
	if err != nil {
		return err
	}
	stores[settings.key()] = &store{settings: settings, asked: asked, contents: contents, set: set, watch: certs.NewWatch(contents)}
	return nil
}

// use puts certificates into force for new connections. Whoever calls it holds the lock, or is the only one who knows of t.
func (t *terminator) use(set *certs.Set) {
	t.current.Replace(set.Config(t.settings.minVersion, t.clients))
}

// isOn says whether any address speaks TLS.
func (c *certificates) isOn() bool { return len(c.terminators) > 0 }

// prepare is a reloader: it reads the files again. Whether an address speaks TLS can't change while it is open.
func (c *certificates) prepare(next serveFlags) (commit func(), changed []string, err error) {
	for _, asked := range c.plain {
		if _, speaks := next.tlsOf(next.likeIn(asked)); speaks {
			return nil, nil, fmt.Errorf("--tls-cert: %s was opened without TLS, and speaks it only when the hub is started again: until then, give it the option plain", asked.address)
		}
	}
	stores := map[string]*store{}
	settings := make([]tlsSettings, len(c.terminators))
	for i, t := range c.terminators {
		asked := next.likeIn(t.asked)
		speaks := false
		if settings[i], speaks = next.tlsOf(asked); !speaks {
			return nil, nil, fmt.Errorf("--tls-cert: %s was opened with TLS, and speaks it until the hub is started again without", t.asked.address)
		}
		if err := addStore(stores, asked, settings[i]); err != nil {
			return nil, nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, t := range c.terminators {
		last, fresh := c.stores[t.settings.key()], stores[settings[i].key()]
		changed = append(changed, fresh.contents.Differs(settings[i].files, last.contents, t.settings.files)...)
	}
	clients := next.clientAuth()
	return func() { c.replace(stores, settings, clients, len(changed) > 0) }, changed, nil
}

// replace puts what a reload has read into force.
func (c *certificates) replace(stores map[string]*store, settings []tlsSettings, clients tls.ClientAuthType, isOther bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stores = stores
	for i, t := range c.terminators {
		t.settings, t.clients = settings[i], clients
		t.use(stores[settings[i].key()].set)
	}
	if isOther {
		c.good.Add(1)
		for _, s := range c.sortedLocked() {
			c.logLocked(s)
		}
	}
}

// likeIn is an address as the flags have it now, or as it was where they don't have it any more.
func (f *serveFlags) likeIn(opened listenAddress) listenAddress {
	for _, text := range f.Listen {
		address, err := parseListen(text)
		if err == nil && address.network == opened.network && address.address == opened.address {
			return address
		}
	}
	return opened
}

const (
	// lookInterval is how often the files are looked at. A change is taken over at the second look that finds the same.
	lookInterval = 2 * time.Second
	// remindInterval is how often one is reminded of a certificate that is about to expire.
	remindInterval = 24 * time.Hour
)

// watch looks at the files again and again, until stop is closed.
func (c *certificates) watch(stop <-chan struct{}) {
	ticks := time.NewTicker(lookInterval)
	defer ticks.Stop()
	for reminded := time.Now(); ; {
		select {
		case <-stop:
			return
		case <-ticks.C:
		}
		c.look()
		if time.Since(reminded) >= remindInterval {
			reminded = time.Now()
			c.remind()
		}
	}
}

// look reads the files once, and takes over what has changed.
func (c *certificates) look() {
	c.mu.Lock()
	stores := c.sortedLocked()
	c.mu.Unlock()
	for _, s := range stores {
		c.compare(s, certs.Read(s.settings.files, readKeyFile))
	}
}

// compare does with contents what compareLocked does, unless a reload has read the files meanwhile.
func (c *certificates) compare(s *store, contents certs.Contents) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stores[s.settings.key()] == s {
		c.compareLocked(s, contents)
	}
}

// compareLocked takes over contents that are other than those in force, or says once what is wrong with them.
func (c *certificates) compareLocked(s *store, contents certs.Contents) {
	switch s.watch.Look(contents) {
	case certs.Restored:
		c.logger.Info("the files of the TLS certificates are as before, and good again", "listen", c.addressesLocked(s))
	case certs.Changed:
		set, err := certs.Load(s.settings.files, contents)
		if err != nil {
			c.bad.Add(1)
			s.watch.Failed(contents)
			for _, line := range linesOf(s.settings.explain(s.asked, err)) {
				c.logger.Error("the TLS certificates were not reloaded, and the old ones stay in force", "listen", c.addressesLocked(s), "error", line)
			}
			return
		}
		c.good.Add(1)
		wasBad := s.watch.Took(contents)
		s.contents, s.set = contents, set
		for _, t := range c.terminators {
			if t.settings.key() == s.settings.key() {
				t.use(set)
			}
		}
		c.logger.Info("TLS certificates reloaded", "listen", c.addressesLocked(s), "after_errors", wasBad)
		c.logLocked(s)
	}
}

// addressesLocked are the addresses with the certificates of a store.
func (c *certificates) addressesLocked(s *store) (addresses []string) {
	for _, t := range c.terminators {
		if t.settings.key() == s.settings.key() {
			addresses = append(addresses, t.text)
		}
	}
	return addresses
}

// sortedLocked are the stores in the order of the addresses.
func (c *certificates) sortedLocked() (stores []*store) {
	for _, t := range c.terminators {
		if s := c.stores[t.settings.key()]; !slices.Contains(stores, s) {
			stores = append(stores, s)
		}
	}
	return stores
}
