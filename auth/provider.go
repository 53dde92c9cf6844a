package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	// unknownBurst and unknownInterval are how often tokens with unknown keys, which anybody can send, may have the keys fetched.
	unknownBurst    = 5
	unknownInterval = 10 * time.Second
	// waitForKeys is how long a token waits for a fetch, and maxWaiting how many tokens do at a time: each occupies a worker.
	waitForKeys = 2 * time.Second
	maxWaiting  = 32
	// firstRetry and lastRetry are how long the first and the longest wait after a failure is.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// provider has the keys of a URL. A goroutine of its own fetches; close ends it. mu guards the rounds and failing, all else never
// changes but by itself.
//
// P1: a fetch that fails changes no key.
// P2: an unknown key is called unknown only after a fetch that began behind the question.
type provider struct {
	source   fetchSource
	current  atomic.Pointer[keySet]
	unknown  *rate.Limiter
	waiting  atomic.Int32
	wake     chan struct{}
	cancel   context.CancelFunc
	finished chan struct{}

	mu sync.Mutex
	// next is the round that tokens wait for and that has not begun, running the one that has.
	next, running *fetchRound
	failing       bool
	// told is the failure that the log has last.
	told string
}

// fetchSource is where and how keys are fetched. It never changes.
type fetchSource struct {
	url      string
	interval time.Duration
	timeout  time.Duration
	client   *http.Client
	// patience is how long a token waits for a fetch.
	patience time.Duration
	logger   *slog.Logger
}

// fetchRound is one fetch. err may be read once done is closed.
type fetchRound struct {
	done chan struct{}
	err  error
}

// parseSource says what is wrong with a URL from which nothing can be fetched. It repeats nothing of it, for that may hold a password.
func parseSource(text string) (*url.URL, error) {
	where, err := url.Parse(text)
	if err != nil || where.Hostname() == "" || strings.ContainsFunc(text, unicode.IsSpace) {
		return nil, errors.New("not a URL")
	}
	if port := where.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > math.MaxUint16 {
			return nil, errors.New("the port of the URL is no number from 1 to 65535")
		}
	}
	return where, nil
}

func newProvider(c Config) (*provider, error) {
	where, err := parseSource(c.JWKS)
	if err != nil {
		return nil, fmt.Errorf("auth: Config.JWKS: %w", err)
	}
	p := &provider{
		source:   fetchSource{url: c.JWKS, interval: c.RefreshInterval, timeout: c.FetchTimeout, client: newFetchClient(c.FetchTimeout), patience: waitForKeys, logger: c.Logger.With("jwks", where.Scheme+"://"+where.Host+where.Path)},
		unknown:  rate.NewLimiter(rate.Every(unknownInterval), unknownBurst),
		wake:     make(chan struct{}, 1),
		cancel:   func() {},
		finished: make(chan struct{}),
		next:     &fetchRound{done: make(chan struct{})},
	}
	p.begin()
	return p, nil
}

// start begins to fetch. It is called once, ahead of close.
func (p *provider) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go p.run(ctx)
}

// newFetchClient has connections of its own, and does not leave https for http.
func newFetchClient(timeout time.Duration) *http.Client {
	transport, isPlain := http.DefaultTransport.(*http.Transport)
	if !isPlain {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport = transport.Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{
		Transport: transport,
		Timeout:   timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 5 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("redirected too often, or from https to http")
			}
			return nil
		},
	}
}

// isFor says whether the provider is as a configuration asks for it.
func (p *provider) isFor(c Config) bool {
	return p.source.url == c.JWKS && p.source.interval == c.RefreshInterval && p.source.timeout == c.FetchTimeout
}

// close ends the fetching and waits for that.
func (p *provider) close() {
	p.cancel()
	<-p.finished
}

// find is keySet.find for the last good keys.
func (p *provider) find(ctx context.Context, algorithm string, t *jwt.Token) []jwt.VerificationKey {
	if set := p.current.Load(); set != nil {
		return set.find(ctx, algorithm, t)
	}
	return nil
}

// refetch waits for a fetch because a token's key is unknown. Nil says that the keys are new; ErrUnavailable that
// nobody can tell whether the key exists.
func (p *provider) refetch(ctx context.Context) error {
	round := p.join()
	if round == nil || p.waiting.Load() >= maxWaiting {
		return ErrUnavailable
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	late := time.NewTimer(p.source.patience)
	defer late.Stop()
	select {
	case <-round.done:
		if round.err != nil {
			return ErrUnavailable
		}
		return nil
	case <-late.C:
	case <-ctx.Done():
	case <-p.finished:
	}
	return ErrUnavailable
}

// join returns the round to wait for, or nil if there is none to be had. While there are no keys at all the running one will do.
func (p *provider) join() *fetchRound {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.running != nil && p.current.Load() == nil:
		return p.running
	case p.next != nil:
		return p.next
	case p.failing || !p.unknown.Allow():
		return nil
	}
	p.next = &fetchRound{done: make(chan struct{})}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return p.next
}

// run fetches until ctx ends.
func (p *provider) run(ctx context.Context) {
	defer close(p.finished)
	defer p.source.client.CloseIdleConnections()
	retry := min(firstRetry, p.source.interval)
	for {
		wait := p.source.interval
		if err := p.fetch(ctx); err != nil {
			wait = retry
			retry = min(retry*2, lastRetry, p.source.interval)
		} else {
			retry = min(firstRetry, p.source.interval)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.wake:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		p.begin()
	}
}

// begin makes the next round the running one.
func (p *provider) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.next = p.next, nil
	if p.running == nil {
		p.running = &fetchRound{done: make(chan struct{})}
	}
}

// fetch runs a round and logs where the provider begins to fail or recovers. A failure that close did not cause is logged even if close comes
// before that.
func (p *provider) fetch(ctx context.Context) error {
	set, count, err := p.source.fetch(ctx)
	isEnding := ctx.Err() != nil
	p.mu.Lock()
	round, failed := p.running, p.failing
	isNews := err != nil && (!failed || err.Error() != p.told)
	if isNews {
		p.told = err.Error()
	}
	p.running, p.failing = nil, err != nil
	isFirst := p.current.Load() == nil
	if err == nil {
		p.current.Store(&set)
	}
	p.mu.Unlock()
	round.err = err
	close(round.done)
	switch {
	case isEnding:
	case isNews && isFirst:
		p.source.logger.Warn("no keys for tokens: clients that show one are refused with 503 until they can be fetched", "error", err)
	case isNews:
		p.source.logger.Warn("the keys for tokens can't be fetched: the last good ones stay", "error", err)
	case err != nil:
		p.source.logger.Debug("the keys for tokens still can't be fetched", "error", err)
	case failed || isFirst:
		p.source.logger.Info("keys for tokens fetched", "keys", count)
	}
	return err
}

// fetch gets the key set. Its errors don't have the URL, which may have a password in it.
func (s *fetchSource) fetch(ctx context.Context) (keySet, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, 0, errors.New("the URL is malformed")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return nil, 0, wrapped.Err
	}
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read the answer: %w", err)
	}
	keys, err := parseKeySet(text, false)
	if err != nil {
		return nil, 0, err
	}
	set, err := newKeySet(keys)
	return set, len(keys), err
}
