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
			if q.File, err = readFile(p, limit); err != nil {
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

func readFile(p *multipart.Part, limit int64) (*File, error) {
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(p, limit+1))
	if err != nil {
		return nil, uploadError(err)
	}
	if n > limit {
		return nil, text.New("page.file_too_large", "max", fmt.Sprintf("%d MB", limit>>20))
	}
	name := p.FileName()
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return &File{Name: name, Body: b.Bytes()}, nil
}

func uploadError(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return text.New("page.too_large")
	}
	return text.Wrap(err, "page.bad_form")
}
