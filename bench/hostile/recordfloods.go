//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// trafficSecret labels the secret of what a client sends over TLS 1.3, masterSecret that of TLS 1.2.
const (
	trafficSecret = "CLIENT_TRAFFIC_SECRET_0"
	masterSecret  = "CLIENT_RANDOM"
)

// keyLog keeps the secret of what the client will send.
type keyLog struct {
	label  []byte
	random []byte
	secret []byte
}

// Write implements io.Writer: a line is a label, the client's random bytes and a secret.
func (k *keyLog) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) == 3 && bytes.Equal(fields[0], k.label) {
		k.random, _ = hex.DecodeString(string(fields[1]))
		k.secret, _ = hex.DecodeString(string(fields[2]))
	}
	return len(line), nil
}

// withRecords plays with a connection that has shaken hands twice, and with what makes its records.
func withRecords(play func(*attacker, *server.Conn, *records) string) func(*attacker) string {
	return func(a *attacker) string {
		c, leave, end := a.dialTCP()
		if end != "" {
			return end
		}
		defer leave()
		config, err := a.server.TLSConfig()
		if err != nil {
			return err.Error()
		}
		secrets := &keyLog{label: []byte(trafficSecret)}
		config.KeyLogWriter = secrets
		if err := c.StartTLS(config); err != nil {
			return a.upgradeEnd(err)
		}
		r, err := newRecords(secrets.secret)
		if err != nil {
			return err.Error()
		}
		c.TCPConn.Write(r.append(nil, recordApplication, a.server.Request()))
		if err := c.ReadUpgrade(); err != nil {
			return a.upgradeEnd(err)
		}
		return play(a, c, r)
	}
}

// floodRecords sends what fill makes, again and again, and never reads.
func (a *attacker) floodRecords(c *server.Conn, fill func(dst []byte) ([]byte, error)) string {
	var view []byte
	for {
		view = view[:0]
		for len(view) < floodBytes {
			var err error
			if view, err = fill(view); err != nil {
				return err.Error()
			}
		}
		n, err := c.TCPConn.Write(view)
		a.sent.Add(int64(n))
		switch {
		case err == nil:
		case a.ctx.Err() != nil:
			return endOpen
		default:
			c.SetReadDeadline(time.Now().Add(lastLook))
			return lookForClose(c, errorEnd(err))
		}
	}
}

func keyUpdates(a *attacker, c *server.Conn, r *records) string {
	return a.floodRecords(c, r.appendKeyUpdate)
}

func keyUpdatesBetween(a *attacker, c *server.Conn, r *records) string {
	ping := server.Frame(ws.NewPingFrame(nil))
	return a.floodRecords(c, func(dst []byte) ([]byte, error) {
		return r.appendKeyUpdate(r.append(dst, recordApplication, ping))
	})
}

func oneByteRecords(a *attacker, c *server.Conn, r *records) string {
	event := server.Text(`{"type":"x"}`)
	return a.floodRecords(c, func(dst []byte) ([]byte, error) {
		for i := range event {
			dst = r.append(dst, recordApplication, event[i:i+1])
		}
		return dst, nil
	})
}

func emptyRecords(a *attacker, c *server.Conn, r *records) string {
	return a.floodRecords(c, func(dst []byte) ([]byte, error) { return r.append(dst, recordApplication, nil), nil })
}

func warnings(a *attacker, c *server.Conn, r *records) string {
	return a.floodRecords(c, func(dst []byte) ([]byte, error) {
		return r.append(dst, recordAlert, []byte{alertWarning, alertUserCanceled}), nil
	})
}
