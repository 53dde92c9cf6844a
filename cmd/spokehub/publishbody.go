package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// firstValue is the room for an event at first, and the size of the read buffer.
	firstValue = 4 << 10
	// gzipMemory is what decompression needs.
	gzipMemory = 48 << 10
	// lineEnd is room for what surrounds an event that is as long as it may be.
	lineEnd = 64
)

// publishBody is the body of a request: decompressed, without a byte order mark, in UTF-8. It also holds the value that is
// being read. What it holds is reserved in the hub's budget. It belongs to the handler.
//
// I1: value is at most limit and lineEnd bytes long; what is longer is dropped as it is read.
type publishBody struct {
	*bufio.Reader
	hub      publishTarget
	reserved int64
	limit    int
	value    []byte
	// tooLong says that the value exceeds the limit.
	tooLong bool
}

// open prepares the body of a request. It reads the first bytes of it.
func (p *publisher) open(w http.ResponseWriter, r *http.Request, encoded bool) (*publishBody, error) {
	b := &publishBody{hub: p.hub, limit: p.maxLine}
	if !b.reserve(2 * firstValue) {
		return nil, errNoMemory
	}
	b.value = make([]byte, 0, firstValue)
	var source io.Reader = &stallLimitedReader{
		body: http.MaxBytesReader(w, r.Body, p.maxBody), deadline: http.NewResponseController(w),
		each: p.patience.read, left: p.patience.body,
	}
	if encoded {
		if !b.reserve(gzipMemory) {
			b.close()
			return nil, errNoMemory
		}
		plain, err := gzip.NewReader(source)
		if err != nil {
			b.close()
			return nil, bodyError(fmt.Errorf("Content-Encoding: gzip: %w", err))
		}
		source = &lengthLimitedReader{body: plain, left: p.maxBody, limit: p.maxBody}
	}
	b.Reader = bufio.NewReaderSize(source, firstValue)
	if err := b.skipByteOrderMark(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

var errNoMemory = fmt.Errorf("the hub's memory budget is used up, so this event and what follows was not published: %w", errNoRoom)

// bodyError says that the body broke off.
func bodyError(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the body: %w", err)
}

func (b *publishBody) skipByteOrderMark() error {
	first, err := b.Peek(3)
	switch {
	case bytes.HasPrefix(first, []byte{0xEF, 0xBB, 0xBF}):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(first, []byte{0xFE, 0xFF}), bytes.HasPrefix(first, []byte{0xFF, 0xFE}):
		return errors.New("the body is in UTF-16: send UTF-8")
	case bytes.HasPrefix(first, []byte{0x1F, 0x8B}):
		return errors.New("the body is compressed: send Content-Encoding: gzip with it")
	case err != nil && err != io.EOF:
		return bodyError(err)
	}
	return nil
}

// reserve counts bytes that the body is about to hold.
func (b *publishBody) reserve(size int64) bool {
	if !b.hub.Reserve(size) {
		return false
	}
	b.reserved += size
	return true
}

// close gives back what is reserved.
func (b *publishBody) close() {
	b.hub.Unreserve(b.reserved)
	b.reserved = 0
}

// begin forgets the value.
func (b *publishBody) begin() { b.value, b.tooLong = b.value[:0], false }

// add appends a part to the value, unless it is too long. The error is errNoMemory.
func (b *publishBody) add(view []byte) error {
	size := len(b.value) + len(view)
	if b.tooLong || size > b.limit+lineEnd {
		b.tooLong = true
		return nil
	}
	if room := cap(b.value); size > room {
		larger := min(max(2*room, size), b.limit+lineEnd)
		if !b.reserve(int64(larger)) {
			return errNoMemory
		}
		b.value = append(make([]byte, 0, larger), b.value...)
		b.hub.Unreserve(int64(room))
		b.reserved -= int64(room)
	}
	b.value = append(b.value, view...)
	return nil
}

// event is the value without the blanks around it, or an error if it is too long.
func (b *publishBody) event() ([]byte, error) {
	envelope := bytes.TrimSpace(b.value)
	if b.tooLong || len(envelope) > b.limit {
		return nil, fmt.Errorf("longer than %s, see --max-event and --queue-limit", byteSize(b.limit))
	}
	return envelope, nil
}

// stallLimitedReader reads a body for as long as it keeps coming: it bounds the time of every read, and of all reads
// together. Time that the hub takes for the events is not the sender's.
type stallLimitedReader struct {
	body     io.Reader
	deadline *http.ResponseController
	// each is the time for a read, left what is left for all.
	each time.Duration
	left time.Duration
}

func (r *stallLimitedReader) Read(p []byte) (int, error) {
	begin := time.Now()
	if err := r.deadline.SetReadDeadline(begin.Add(min(r.each, max(r.left, 0)))); err != nil {
		return 0, fmt.Errorf("set the read deadline: %w", err)
	}
	n, err := r.body.Read(p)
	r.left -= time.Since(begin)
	return n, err
}

// lengthLimitedReader fails behind so many bytes, as http.MaxBytesReader does. A decompressed body needs it, whatever its length
// on the wire.
type lengthLimitedReader struct {
	body  io.Reader
	left  int64
	limit int64
}

func (r *lengthLimitedReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p[:min(int64(len(p)), r.left+1)])
	if int64(n) > r.left {
		n = int(r.left)
		r.left = 0
		return n, &http.MaxBytesError{Limit: r.limit}
	}
	r.left -= int64(n)
	return n, err
}
