package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"shangu/schema/text"
)

// readUpload reads a form with a file into memory: a roster in a folder for
// temporary files would lie there unsealed. The token comes before the file, or
// nothing of the file is read.
func readUpload(w http.ResponseWriter, q *Request, limit int64) error {
	q.Body = http.MaxBytesReader(w, q.Body, limit+maxForm)
	parts, err := q.MultipartReader()
	if err != nil {
		return text.Wrap(err, "page.bad_form")
	}
	values, known, room := url.Values{}, false, int64(maxForm)
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return uploadError(err)
		}
		if p.FileName() != "" {
			if !known {
				return text.New("page.stale")
			}
			allowTime(w, limit)
			if q.File, err = readFile(p, limit, q.ContentLength); err != nil {
				return err
			}
			continue
		}
		b, err := io.ReadAll(io.LimitReader(p, room+1))
		if err != nil {
			return uploadError(err)
		}
		if room -= int64(len(b)); room < 0 {
			return text.New("page.too_large")
		}
		values.Add(p.FormName(), string(b))
		if p.FormName() == "token" {
			if err := q.checkToken(string(b)); err != nil {
				return err
			}
			known = true
		}
	}
	if !known {
		return text.New("page.stale")
	}
	q.PostForm, q.Form = values, values
	return nil
}

// Who is signed in and sends a file may take as long as a poor wireless network needs
// for it, in bytes a second, and some time to be answered.
const (
	slowest = 256 << 10
	grace   = time.Minute
)

// allowTime puts off the server's deadlines for a request with a large file.
func allowTime(w http.ResponseWriter, size int64) {
	by := time.Now().Add(time.Duration(size/slowest)*time.Second + grace)
	// A writer that knows no deadlines has none.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(by)
	_ = c.SetWriteDeadline(by.Add(grace))
}

// readFile reads a file of at most limit bytes; expected bounds what is to come, -1
// where the browser has not said.
func readFile(p *multipart.Part, limit, expected int64) (*File, error) {
	var b bytes.Buffer
	b.Grow(int(min(limit, max(0, expected)))) // a large file is not copied about
	n, err := io.Copy(&b, io.LimitReader(p, limit+1))
	_, large := errors.AsType[*http.MaxBytesError](err)
	if err != nil && !large {
		return nil, uploadError(err)
	}
	if large || n > limit {
		return nil, text.New("page.file_too_large", "max", amount(limit))
	}
	name := p.FileName()
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return &File{Name: name, Body: b.Bytes()}, nil
}

// amount is how people say a number of bytes.
func amount(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d MB", n>>20)
}

func uploadError(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return text.New("page.too_large")
	}
	return text.Wrap(err, "page.bad_form")
}
