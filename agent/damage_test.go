package main

import (
	crand "crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"shangu/agent/service"
	"shangu/agent/store/storetest"
	"shangu/sync/identity"
	"shangu/sync/seal"
)

// drillSeed is the seed that a drill asked for, 1 otherwise.
func drillSeed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SHANGU_DRILL_SEED"), 10, 64); err == nil {
		return n
	}
	return 1
}

// openWithin is how soon the page must be there after a start, on an idle
// machine; tests run beside others.
const (
	openWithin = 5 * time.Second
	slack      = 4
)

// Badger's files are cut short, garbled, zeroed or deleted in the directory of
// a program that has five years of records, after an orderly end or a crash. The
// program opens by itself, says on its page and in its status what it did, and
// holds what it held.
func TestDamagedDocumentsAreRebuilt(t *testing.T) {
	trials, days := 6, 200
	if os.Getenv("SHANGU_DRILL_SEED") != "" {
		days = 1000
	}
	if os.Getenv("SHANGU_DRILL_LONG") != "" {
		trials = 300
	}
	if testing.Short() {
		t.Skip("fills a store")
	}
	bin, dir := builtAgent(t), filepath.Join(t.TempDir(), "a")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := identity.OpenKey(filepath.Join(dir, "device.key"), crand.Reader, seal.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Fill(t.Context(), filepath.Join(dir, "data"), key.Device(), storetest.Years{Days: days, Confirm: true}); err != nil {
		t.Fatal(err)
	}
	ask := func(v any, args ...string) {
		t.Helper()
		out, err := exec.Command(bin, append(args, "--json", "--dir", dir)...).Output()
		if err == nil {
			err = json.Unmarshal(out, v)
		}
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	var want, got map[string]map[string]string
	ask(&want, "digest")
	seed := drillSeed()
	rnd := rand.New(rand.NewPCG(seed, 0xda4a))
	var slowest, soundest time.Duration
	lost, rebuilt := 0, 0
	for trial := range trials {
		harm := damageDocs(t, rnd, filepath.Join(dir, "data", "docs"))
		r := startAgent(t, bin, dir)
		var st service.Status
		ask(&st, "status")
		if st.Rebuilt != "" {
			rebuilt++
			slowest = max(slowest, r.first)
			if page := fetch(t, r.page); !strings.Contains(page, "自动重建") && !strings.Contains(page, "were rebuilt") {
				t.Errorf("seed %d, trial %d, %s: the page does not say that the records were rebuilt", seed, trial, harm)
			}
		} else {
			soundest = max(soundest, r.first)
		}
		if r.first > slack*openWithin {
			t.Errorf("seed %d, trial %d, %s: the page was there after %v", seed, trial, harm, r.first)
		}
		var v service.Verified
		ask(&v, "verify")
		got = nil
		if ask(&got, "digest"); len(v.Problems) > 0 || !maps.EqualFunc(got, want, maps.Equal) {
			lost++
			t.Errorf("seed %d, trial %d, %s: %v, or digests differ", seed, trial, harm, v.Problems)
		}
		if rnd.IntN(2) == 0 {
			r.stop(t)
			continue
		}
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for range r.log {
		}
		r.cmd.Wait() // a killed process reports an error, which is what was wanted
	}
	t.Logf("drill: trials=%d lost=%d saw=%d days: rebuilt %d times, page after %d ms at most; not needed, %d ms",
		trials, lost, days, rebuilt, slowest.Milliseconds(), soundest.Milliseconds())
	if rebuilt == 0 {
		t.Fatal("the damage is too kind: nothing had to be rebuilt")
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// damageDocs harms one to three of Badger's files, as chance has it, and says how.
func damageDocs(t *testing.T, rnd *rand.Rand, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	slices.Sort(files)
	var said []string
	for range 1 + rnd.IntN(3) {
		name := files[rnd.IntN(len(files))]
		b, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // deleted in the round before
		}
		if err != nil {
			t.Fatal(err)
		}
		how := []string{"cut short", "garbled", "zeroed", "zeroed at its end", "deleted"}[rnd.IntN(5)]
		at := rnd.IntN(len(b) + 1)
		switch how {
		case "cut short":
			b = b[:at]
		case "garbled":
			for range 1 + rnd.IntN(50) {
				if len(b) > 0 {
					b[rnd.IntN(len(b))] ^= byte(1 + rnd.IntN(255))
				}
			}
		case "zeroed":
			clear(b)
		case "zeroed at its end":
			clear(b[at:])
		default:
			b = nil
		}
		if how == "deleted" {
			err = os.Remove(name)
		} else {
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, filepath.Base(name)+" "+how)
	}
	return strings.Join(said, ", ")
}
