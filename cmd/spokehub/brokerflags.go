package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/nats"
	"github.com/spokehub/spokehub/broker/redis"
)

// brokerFlags are the flags of serve about other hubs.
type brokerFlags struct {
	BrokerURL      string `name:"broker" group:"cluster" placeholder:"URL" help:"The broker that connects this hub to others, so that all of them work as one: nats://HOST:PORT, tls://HOST:PORT (NATS with TLS), redis://HOST:PORT, rediss://HOST:PORT (TLS), redis-sentinel://HOST:PORT,HOST:PORT/NAME, or redis-cluster://HOST:PORT,HOST:PORT. USER:PASSWORD@ may stand ahead of the host; rather set the variable then, since other users of the machine see command lines. Several servers have commas between them. (default: none, the hub stands alone)"`
	BrokerPrefix   string `name:"broker-prefix" group:"cluster" default:"spokehub" placeholder:"NAME" help:"What all subjects, channels and keys of this cluster begin with: hubs with different ones have nothing to do with each other. Letters, digits, - and _. (default ${default})"`
	BrokerReplicas int    `name:"broker-replicas" group:"cluster" default:"1" placeholder:"N" help:"How many servers of NATS keep each stream: 1, 3 or 5. Redis has that from its own configuration. (default ${default})"`
	BrokerCA       string `name:"broker-ca" group:"cluster" placeholder:"FILE" help:"File with the certificates, in PEM, of authorities that vouch for the broker's TLS. (default: those of the system)"`
	BrokerCert     string `name:"broker-cert" group:"cluster" placeholder:"FILE" help:"File with a certificate, in PEM, that the hub shows the broker. It needs --broker-key. (default: none)"`
	BrokerKey      string `name:"broker-key" group:"cluster" placeholder:"FILE" help:"File with the private key of --broker-cert, in PEM. (default: none)"`
	Node           string `name:"node" group:"cluster" placeholder:"NAME" help:"The name by which other hubs, operators and the broker know this hub: letters, digits, ., - and _. Each hub of the cluster needs its own; a second one of the same name is not ready. (default: the name of the machine, and some digits)"`
}

// natsSchemes and redisSchemes begin the URL of a broker.
var (
	natsSchemes  = []string{"nats", "tls"}
	redisSchemes = []string{"redis", "rediss", "redis-sentinel", "redis-cluster"}
)

// broker returns the broker that the flags ask for, nil if they ask for none. It has not begun. No error has a password.
func (f brokerFlags) broker(logger *slog.Logger) (broker.Broker, error) {
	if f.BrokerURL == "" {
		return nil, nil
	}
	settings, err := f.brokerTLS()
	if err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(f.BrokerURL, "://")
	var b broker.Broker
	switch {
	case slices.Contains(natsSchemes, scheme):
		b, err = nats.New(nats.Config{URLs: []string{f.BrokerURL}, Prefix: f.BrokerPrefix, Node: f.Node, Replicas: f.BrokerReplicas, TLS: settings, Logger: logger})
	case slices.Contains(redisSchemes, scheme):
		b, err = redis.New(redis.Config{URL: f.BrokerURL, Prefix: f.BrokerPrefix, Node: f.Node, TLS: settings, Logger: logger})
	default:
		return nil, fmt.Errorf("--broker: %q is no URL of a broker: want nats://HOST:PORT, tls://, redis://, rediss://, redis-sentinel:// or redis-cluster://", f.shownURL())
	}
	if err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	return b, nil
}

// isOnNATS says that the broker is NATS.
func (f brokerFlags) isOnNATS() bool {
	scheme, _, found := strings.Cut(f.BrokerURL, "://")
	return found && slices.Contains(natsSchemes, scheme)
}

// brokerTLS is how TLS is spoken with the broker, nil if no flag is about that.
func (f brokerFlags) brokerTLS() (*tls.Config, error) {
	if f.BrokerCA == "" && f.BrokerCert == "" && f.BrokerKey == "" {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.BrokerCA != "" {
		text, err := readKeyFile(f.BrokerCA)
		if err != nil {
			return nil, fmt.Errorf("--broker-ca: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--broker-ca: %s has no certificate in PEM", f.BrokerCA)
		}
	}
	if f.BrokerCert == "" && f.BrokerKey == "" {
		return settings, nil
	}
	if f.BrokerCert == "" || f.BrokerKey == "" {
		return nil, errors.New("--broker-cert and --broker-key: one does not do without the other")
	}
	pair, err := tls.LoadX509KeyPair(f.BrokerCert, f.BrokerKey)
	if err != nil {
		return nil, fmt.Errorf("--broker-cert: %w", err)
	}
	settings.Certificates = []tls.Certificate{pair}
	return settings, nil
}

// checkBroker rejects flags that can't work, without a broker being asked.
func (f brokerFlags) checkBroker() (mistakes []error) {
	if f.BrokerURL == "" {
		for _, flag := range []struct{ name, value string }{{"broker-ca", f.BrokerCA}, {"broker-cert", f.BrokerCert}, {"broker-key", f.BrokerKey}, {"node", f.Node}} {
			if flag.value != "" {
				mistakes = append(mistakes, fmt.Errorf("--%s: there is no --broker", flag.name))
			}
		}
		return mistakes
	}
	if _, err := f.broker(slog.New(slog.DiscardHandler)); err != nil {
		mistakes = append(mistakes, err)
	}
	return mistakes
}
