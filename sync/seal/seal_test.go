package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func key(t *testing.T) Key {
	t.Helper()
	k, err := NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFilesKeepTheirContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.json")
	f, other := Files{key(t)}, Files{key(t)}
	secret := []byte("张小山")
	if err := f.Write(path, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, secret) {
		t.Fatalf("the name lies on the disk: %v", err)
	}
	if got, err := f.Read(path); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("%q, %v", got, err)
	}
	for name, g := range map[string]Files{"another key": other, "no key": {}} {
		if _, err := g.Read(path); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Under another name, cut or altered it is not what was sealed.
	for i := range raw {
		b := bytes.Clone(raw)
		b[i] ^= 1
		if got, err := f.Key.OpenFile("names.json", b); err == nil && bytes.Equal(got, secret) {
			t.Errorf("byte %d does not matter", i)
		}
		if Sealed(raw[:i]) {
			if _, err := f.Key.OpenFile("names.json", raw[:i]); !errors.Is(err, ErrForged) {
				t.Errorf("cut at %d: %v", i, err)
			}
		}
	}
	if _, err := f.Key.OpenFile("school.json", raw); !errors.Is(err, ErrForged) {
		t.Errorf("as another file: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, raw) {
		t.Errorf("a wrong key changed the file: %v", err)
	}
}

// A file of before there was a key is read, and sealed on the way.
func TestPlainFilesAreSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	if err := (Files{}).Write(path, []byte("plain"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := Files{key(t)}
	for range 2 {
		if got, err := f.Read(path); err != nil || string(got) != "plain" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if raw, err := os.ReadFile(path); err != nil || !Sealed(raw) {
		t.Errorf("it is still plain: %v", err)
	}
}

func TestStreamSize(t *testing.T) {
	k, other := key(t), key(t)
	for _, n := range []int{0, 1, streamChunk - 1, streamChunk, streamChunk + 1, 3*streamChunk + 77} {
		var file bytes.Buffer
		w, err := k.Writer(&file)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat([]byte{7}, n)
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !IsStream(file.Bytes()) {
			t.Error("a stream is not known for one")
		}
		r, size, err := k.Reader(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil || size != int64(n) {
			t.Fatalf("%d bytes: said to be %d, %v", n, size, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, %v", n, len(got), err)
		}
		if _, _, err := other.Reader(bytes.NewReader(file.Bytes()), int64(file.Len())); !errors.Is(err, ErrKey) {
			t.Errorf("another key: %v", err)
		}
		if r, _, err = k.Reader(bytes.NewReader(file.Bytes()[:file.Len()-1]), int64(file.Len())); err == nil {
			if _, err = io.ReadAll(r); err == nil {
				t.Error("a stream that was cut reads as whole")
			}
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := key(t)
	for _, form := range []string{"%v", "%+v", "%s", "%#v"} {
		if said := fmt.Sprintf(form, k); strings.Contains(said, fmt.Sprintf("%x", k[:4])) || len(said) > 30 {
			t.Errorf("%s prints %s", form, said)
		}
	}
	if k.Derive("a") == k.Derive("b") || k.Derive("a") == k || !(Key{}).Derive("a").IsZero() {
		t.Error("derived keys are not keys of their own")
	}
}
