package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// inspection is a run of spokehub check.
type inspection struct {
	flags  *probeCommand
	config spoke.Config
	// tell is called with each step as it is done.
	tell  func(step)
	steps []step
}

func (c *inspection) add(s step) {
	s.Ms = float64(s.Took.Microseconds()) / 1000
	c.steps = append(c.steps, s)
	c.tell(s)
}

func (c *inspection) hasFailed() bool {
	for _, s := range c.steps {
		if s.Verdict == failed {
			return true
		}
	}
	return false
}

// run goes through the steps. The error is a mistake in the arguments; what is wrong with the hub is in the steps.
func (c *inspection) run(ctx context.Context) error {
	client, err := c.connect(ctx)
	if client == nil {
		return err
	}
	defer client.Close()
	c.asPage(ctx)
	c.thereAndBack(ctx, client)
	c.roundTrip(ctx, client)
	return nil
}

// trace is when what happened in an attempt to connect.
type trace struct {
	name, dial, dialed, secured, began time.Time
	resolved                           string
	address                            string
	state                              tls.ConnectionState
	hasTLS                             bool
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { t.name = time.Now() },
		DNSDone: func(info httptrace.DNSDoneInfo) {
			if info.Err == nil && len(info.Addrs) > 0 {
				var addresses []string
				for _, a := range info.Addrs {
					addresses = append(addresses, a.String())
				}
				t.resolved = strings.Join(addresses, ", ")
			}
			t.dial = time.Now()
		},
		ConnectStart: func(_, address string) {
			if t.address == "" {
				t.dial = time.Now()
			}
			t.address = address
		},
		ConnectDone: func(_, address string, err error) {
			if err == nil {
				t.dialed, t.address = time.Now(), address
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil {
				t.secured, t.state, t.hasTLS = time.Now(), state, true
			}
		},
	}
}

// connect connects as programs do and tells the steps up to the handshake. Without a client, a step has failed.
func (c *inspection) connect(ctx context.Context) (*spoke.Client, error) {
	t := &trace{began: time.Now()}
	client, err := spoke.Dial(httptrace.WithClientTrace(ctx, t.hooks()), c.flags.URL, c.config)
	ended := time.Now()
	if err != nil {
		if _, isFailure := errors.AsType[*spoke.ConnectError](err); !isFailure {
			return nil, usageError{fmt.Errorf("--url: %w", err)}
		}
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
	}
	fault := step{Verdict: failed}
	if err != nil {
		fault.What, fault.Cure = splitCure(err)
	}
	if !t.name.IsZero() {
		if t.resolved == "" {
			fault.Name = "name"
			c.add(fault)
			return nil, nil
		}
		c.add(step{Name: "name", Verdict: passed, Took: t.dial.Sub(t.name), What: t.resolved})
	}
	if t.dialed.IsZero() {
		fault.Name = "connection"
		c.add(fault)
		return nil, nil
	}
	c.add(step{Name: "connection", Verdict: passed, Took: t.dialed.Sub(t.dial), What: t.address})
	last := t.dialed
	if wantsTLS(c.flags.URL) {
		if !t.hasTLS {
			fault.Name = "TLS"
			c.add(fault)
			return nil, nil
		}
		c.add(step{Name: "TLS", Verdict: passed, Took: t.secured.Sub(t.dialed), What: fmt.Sprintf("%s, %s", tls.VersionName(t.state.Version), tls.CipherSuiteName(t.state.CipherSuite))})
		c.certificate(t.state)
		last = t.secured
	}
	if err != nil {
		fault.Name = "handshake"
		c.add(fault)
		return nil, nil
	}
	c.add(step{Name: "handshake", Verdict: passed, Took: ended.Sub(last), What: "101 Switching Protocols"})
	return client, nil
}

func wantsTLS(text string) bool {
	return strings.HasPrefix(text, "wss") || strings.HasPrefix(text, "https")
}

// certificate says for whom the certificate is and how long.
func (c *inspection) certificate(state tls.ConnectionState) {
	if len(state.PeerCertificates) == 0 {
		return
	}
	leaf := state.PeerCertificates[0]
	days := int(time.Until(leaf.NotAfter).Hours() / 24)
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	s := step{Name: "certificate", Verdict: passed, What: fmt.Sprintf("%s, by %s, good for %s", strings.Join(names, " "), leaf.Issuer.CommonName, count(days, "day", "days"))}
	switch {
	case c.flags.Insecure:
		s.Verdict, s.Cure = warned, "nobody has checked it, because of --insecure"
	case days < 14:
		s.Verdict, s.Cure = warned, "renew it; the hub takes the new file over by itself"
	}
	c.add(s)
}

// asPage makes the handshake of a page in a browser: with an Origin, and the token in a subprotocol.
func (c *inspection) asPage(ctx context.Context) {
	u, err := url.Parse(c.flags.URL)
	if err != nil || strings.Contains(u.Scheme, "unix") {
		c.add(step{Name: "as a page", Verdict: skipped, What: "pages do not reach Unix sockets"})
		return
	}
	origin := c.flags.Origin
	if origin == "" {
		origin = map[bool]string{true: "https://", false: "http://"}[wantsTLS(c.flags.URL)] + u.Host
	}
	header := c.config.Header.Clone()
	header.Set("Origin", origin)
	protocols := []string{"spokehub.v1"}
	token := c.config.Token
	if c.config.GetToken != nil {
		token, _ = c.config.GetToken(ctx)
	}
	if token != "" {
		protocols = append(protocols, "bearer."+token)
	}
	ctx, cancel := c.flags.within(ctx)
	defer cancel()
	began := time.Now()
	ws, response, err := websocket.Dial(ctx, c.flags.URL, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: c.config.TLS, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}},
		HTTPHeader: header, Subprotocols: protocols,
	})
	s := step{Name: "as a page", Verdict: passed, Took: time.Since(began), What: "Origin " + origin}
	switch {
	case err != nil && response != nil && response.StatusCode == http.StatusForbidden:
		s.Verdict, s.What = failed, fmt.Sprintf("Origin %s: 403 Forbidden", origin)
		s.Cure = fmt.Sprintf("let its pages in with --origin %s at the hub; a proxy in between has to pass on Host", origin)
	case err != nil && response != nil:
		s.Verdict, s.What = failed, fmt.Sprintf("Origin %s: %s", origin, response.Status)
	case err != nil:
		s.Verdict, s.What = failed, fmt.Sprintf("Origin %s: %v", origin, withoutURL(err))
	case ws.Subprotocol() != "spokehub.v1":
		s.Verdict, s.What = failed, "the subprotocol spokehub.v1 is not answered: browsers that show a token that way give up"
		s.Cure = "a proxy in between has to pass on Sec-WebSocket-Protocol; or the server is no Spokehub"
	}
	c.add(s)
	if err == nil {
		ws.Close(websocket.StatusNormalClosure, "")
	}
}

// thereAndBack has a second client publish an event that the first has subscribed to.
func (c *inspection) thereAndBack(ctx context.Context, client *spoke.Client) {
	ctx, cancel := c.flags.within(ctx)
	defer cancel()
	s := step{Name: "event"}
	topic := "spokehub.check:" + rand.Text()
	typ, id, _ := strings.Cut(topic, ":")
	if err := client.Subscribe(ctx, topic); err != nil {
		s.Verdict = warned
		s.What, s.Cure = splitCure(err)
		if refusal, refused := errors.AsType[*spoke.RejectError](err); !refused || refusal.Reason == "unauthenticated" {
			s.Verdict = failed
		}
		c.add(s)
		return
	}
	arrived, refused := make(chan time.Time, 1), make(chan error, 1)
	defer client.AddEventListener(topic, func(event.Event) { arrived <- time.Now() })()
	config := c.config
	config.OnReject = func(e *spoke.RejectError) { refused <- e }
	publisher, err := spoke.Dial(ctx, c.flags.URL, config)
	if err != nil {
		s.Verdict = failed
		s.What, s.Cure = splitCure(err)
		c.add(s)
		return
	}
	defer publisher.Close()
	began := time.Now()
	if err := errors.Join(publisher.Publish(ctx, event.Event{Type: typ, ID: id, Payload: []byte(`"check"`)}), publisher.Flush(ctx)); err != nil {
		s.Verdict = failed
		s.What, s.Cure = splitCure(err)
		c.add(s)
		return
	}
	wait, stop := context.WithTimeout(ctx, min(c.flags.Timeout, 2*time.Second))
	defer stop()
	select {
	case at := <-arrived:
		s.Verdict, s.Took, s.What = passed, at.Sub(began), "there and back, from one client to another"
	case err := <-refused:
		s.Verdict = warned
		s.What, s.Cure = splitCure(err)
	case <-wait.Done():
		s.Verdict, s.What = warned, "the hub took the event and did not pass it on"
		s.Cure = "fine for a hub that does not relay (--no-relay): publish with POST /publish"
	}
	c.add(s)
}

// roundTrip measures how long a probe and its ack take.
func (c *inspection) roundTrip(ctx context.Context, client *spoke.Client) {
	ctx, cancel := c.flags.within(ctx)
	defer cancel()
	began := time.Now()
	if err := client.Flush(ctx); err != nil {
		s := step{Name: "round trip", Verdict: failed}
		s.What, s.Cure = splitCure(err)
		c.add(s)
		return
	}
	c.add(step{Name: "round trip", Verdict: passed, Took: time.Since(began), What: "a control event and its ack on an open connection"})
}
