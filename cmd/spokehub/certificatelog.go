package main

import (
	"strings"
	"time"

	"github.com/spokehub/spokehub/internal/certs"
)

// expiryNotice is how long ahead one is warned of a certificate that expires.
const expiryNotice = 14 * 24 * time.Hour

// logAll logs all certificates and what is to be known about them.
func (c *certificates) logAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sortedLocked() {
		c.logLocked(s)
	}
}

// logLocked logs the certificates of a store, and warns.
func (c *certificates) logLocked(s *store) {
	for _, certificate := range s.set.Certificates {
		c.logger.Info("TLS certificate", "listen", c.addressesLocked(s), "names", certificate.Names(), "expires", certificate.Expires().Format(time.RFC3339), "file", certificate.File)
	}
	for _, warning := range s.set.Warnings() {
		c.logger.Warn(warning)
	}
	c.remindLocked(s)
}

// remind warns of certificates that have expired, or are about to.
func (c *certificates) remind() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sortedLocked() {
		c.remindLocked(s)
	}
}

func (c *certificates) remindLocked(s *store) {
	for _, due := range s.set.Due(time.Now(), expiryNotice) {
		if due.IsExpired {
			c.logger.Error(due.Text, "listen", c.addressesLocked(s))
			continue
		}
		c.logger.Warn(due.Text, "listen", c.addressesLocked(s))
	}
}

// certificateWarnings are what config check says about certificates that are good.
func certificateWarnings(set *certs.Set) (found []contradiction) {
	for _, warning := range set.Warnings() {
		found = append(found, contradiction{message: warning})
	}
	for _, due := range set.Due(time.Now(), expiryNotice) {
		found = append(found, contradiction{message: due.Text})
	}
	return found
}

// linesOf are the lines of an error.
func linesOf(err error) []string { return strings.Split(err.Error(), "\n") }
