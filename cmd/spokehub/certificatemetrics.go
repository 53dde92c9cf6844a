package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	daysLeftDesc = prometheus.NewDesc("spokehub_tls_certificate_days_left",
		"Days until a certificate, or one of its chain, expires; negative once it has. By address and first name; of several with the same, the first to expire.", []string{"listen", "name"}, nil)
	tlsReloadsDesc = prometheus.NewDesc("spokehub_tls_reloads_total",
		"Times that other certificates, keys or authorities were read while the hub runs, by result: ok, or error where something was wrong and those from before stayed.", []string{"result"}, nil)
	tlsGoodDesc = prometheus.NewDesc("spokehub_tls_files_good",
		"1, or 0 while something is wrong with what stands in the files, so that certificates from before are in use.", nil, nil)
)

// Describe is for prometheus.Collector.
func (c *certificates) Describe(descs chan<- *prometheus.Desc) {
	descs <- daysLeftDesc
	descs <- tlsReloadsDesc
	descs <- tlsGoodDesc
}

// Collect is for prometheus.Collector.
func (c *certificates) Collect(metrics chan<- prometheus.Metric) {
	if !c.isOn() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	good := 1.0
	for _, s := range c.stores {
		if s.watch.IsBad() {
			good = 0
		}
	}
	metrics <- prometheus.MustNewConstMetric(tlsReloadsDesc, prometheus.CounterValue, float64(c.good.Load()), "ok")
	metrics <- prometheus.MustNewConstMetric(tlsReloadsDesc, prometheus.CounterValue, float64(c.bad.Load()), "error")
	metrics <- prometheus.MustNewConstMetric(tlsGoodDesc, prometheus.GaugeValue, good)
	left := map[[2]string]time.Duration{}
	for _, t := range c.terminators {
		for _, certificate := range c.stores[t.settings.key()].set.Certificates {
			labels, until := [2]string{t.text, certificate.Name()}, time.Until(certificate.Expires())
			if shortest, found := left[labels]; !found || until < shortest {
				left[labels] = until
			}
		}
	}
	for labels, until := range left {
		metrics <- prometheus.MustNewConstMetric(daysLeftDesc, prometheus.GaugeValue, until.Hours()/24, labels[:]...)
	}
}
