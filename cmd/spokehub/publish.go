package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/spokehub/spokehub/event"
)

const (
	// maxPublishErrors is the number of errors that a response lists.
	maxPublishErrors = 100
	// publishReadTimeout bounds the time for each read of a body.
	publishReadTimeout = 30 * time.Second
)

// publisher answers POST /publish. The body holds one event per line or, with
// Content-Type application/json, one event that may span lines. Every valid line
// is dispatched as soon as it is read, so a body of any length costs the memory
// of one line.
type publisher struct {
	dispatch func(event.Event) bool
	maxLine  int
	maxBody  int64
}

// publishReport is the response.
type publishReport struct {
	Accepted      int            `json:"accepted"`
	Rejected      int            `json:"rejected"`
	Errors        []publishError `json:"errors,omitempty"`
	ErrorsOmitted int            `json:"errors_omitted,omitempty"`
}

// publishError says what is wrong with a line. Lines count from 1.
type publishError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

func (r *publishReport) reject(line int, err error) {
	r.Rejected++
	if len(r.Errors) == maxPublishErrors {
		r.ErrorsOmitted++
		return
	}
	r.Errors = append(r.Errors, publishError{line, err.Error()})
}

// ServeHTTP answers 200 if an event was accepted, 400 if none was or the body broke
// off, and 413 if the body is too long. Events read before such an end stay
// published; a body whose Content-Length is too long is rejected unread. The
// response always has the counts.
func (p publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > p.maxBody {
		var report publishReport
		report.reject(1, fmt.Errorf("the body has %d bytes, more than %s: nothing was published, see --publish-limit", r.ContentLength, byteSize(p.maxBody)))
		writeReport(w, http.StatusRequestEntityTooLarge, report)
		return
	}
	body := &stallLimitedReader{http.MaxBytesReader(w, r.Body, p.maxBody), http.NewResponseController(w)}
	var report publishReport
	var err error
	if isJSON(r.Header.Get("Content-Type")) {
		err = p.publishOne(body, &report)
	} else {
		err = p.publishLines(body, &report)
	}
	status := http.StatusOK
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case err != nil || report.Accepted == 0:
		status = http.StatusBadRequest
	}
	writeReport(w, status, report)
}

func writeReport(w http.ResponseWriter, status int, report publishReport) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(report)
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}

// publishOne reads a body that is one event.
func (p publisher) publishOne(body io.Reader, report *publishReport) error {
	envelope, err := io.ReadAll(io.LimitReader(body, int64(p.maxLine)+1))
	switch {
	case err != nil:
		report.reject(1, fmt.Errorf("read the body: %w", err))
	case len(envelope) > p.maxLine:
		report.reject(1, errLineTooLong(p.maxLine))
	default:
		p.publish(1, envelope, report)
	}
	return err
}

// publishLines reads a body with one event per line and skips empty lines.
func (p publisher) publishLines(body io.Reader, report *publishReport) error {
	lines := bufio.NewReaderSize(body, p.maxLine+len("\r\n"))
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			report.reject(number, errLineTooLong(p.maxLine))
			err = skipLine(lines)
			line = nil
		}
		if err != nil && err != io.EOF {
			report.reject(number, fmt.Errorf("read the body: %w", err))
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			p.publish(number, line, report)
		}
		if err == io.EOF {
			return nil
		}
	}
}

func skipLine(lines *bufio.Reader) error {
	for {
		if _, err := lines.ReadSlice('\n'); err != bufio.ErrBufferFull {
			return err
		}
	}
}

func errLineTooLong(limit int) error {
	return fmt.Errorf("longer than %s, see --max-message and --queue-limit", byteSize(limit))
}

func (p publisher) publish(number int, envelope []byte, report *publishReport) {
	e, err := event.Parse(envelope)
	if err != nil {
		report.reject(number, err)
		return
	}
	p.dispatch(e)
	report.Accepted++
}

// stallLimitedReader reads a body for as long as it keeps coming: it bounds the time
// of every read, not that of the body.
type stallLimitedReader struct {
	body     io.Reader
	deadline *http.ResponseController
}

func (r *stallLimitedReader) Read(p []byte) (int, error) {
	if err := r.deadline.SetReadDeadline(time.Now().Add(publishReadTimeout)); err != nil {
		return 0, fmt.Errorf("set the read deadline: %w", err)
	}
	return r.body.Read(p)
}
