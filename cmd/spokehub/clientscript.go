package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"

	"github.com/spokehub/spokehub/js"
)

// clientPath is where the hub serves the JavaScript client, for pages that import it.
const clientPath = "/client.js"

// clientScript is the JavaScript client, ready to be sent.
type clientScript struct {
	plain, zipped []byte
	tag           string
}

func newClientScript() clientScript {
	var zipped bytes.Buffer
	compress, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	compress.Write(js.Client)
	compress.Close()
	return clientScript{plain: js.Client, zipped: zipped.Bytes(), tag: fmt.Sprintf(`"%x"`, sha256.Sum256(js.Client))}
}

// ServeHTTP lets pages of any origin import the client: it has nothing of anybody's. Browsers ask each time whether theirs is the one of this hub.
func (c clientScript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", c.tag)
	header.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), c.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "text/javascript; charset=utf-8")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		w.Write(c.zipped)
		return
	}
	w.Write(c.plain)
}
