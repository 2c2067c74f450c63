package peer

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets a child of another user ask for a page.
func TestMain(m *testing.M) {
	if url := os.Getenv("PEER_ASK"); url != "" {
		resp, err := http.Get(url)
		if err != nil {
			io.WriteString(os.Stdout, err.Error())
			os.Exit(1)
		}
		io.WriteString(os.Stdout, resp.Status)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// askAs asks for a page as another user, with a copy of this test's program
// where that user may run it.
func askAs(t *testing.T, uid uint32, url string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root, and CI runs as root")
		}
		t.Skip("needs root")
	}
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "ask")
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = dir, []string{"PEER_ASK=" + url}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

const nobody = 65534

// Another user of the machine is not shown the page, unless named; the user who
// runs the service is, by either family of addresses.
func TestOtherUsersAreKeptOut(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, c := range []struct {
			users []string
			want  string
		}{{nil, "403"}, {[]string{"someone"}, "403"}, {[]string{"nobody"}, "200"}, {[]string{"65534"}, "200"}, {[]string{Everyone}, "200"}} {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Logf("no %s here: %v", address, err)
				continue
			}
			var told []string
			s := &httptest.Server{Listener: l, Config: &http.Server{Handler: Policy{c.users}.Guard(page, func(who string, _ error) { told = append(told, who) })}}
			s.Start()
			if resp, err := http.Get(s.URL); err != nil || resp.StatusCode != 200 {
				t.Errorf("the service's own user: %v, %v", resp, err)
			} else {
				resp.Body.Close()
			}
			if got := askAs(t, nobody, s.URL); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s, users %v: %s, want %s", address, c.users, got, c.want)
			}
			if c.want == "403" && !slices.Equal(told, []string{"nobody"}) {
				t.Errorf("told of %v", told)
			}
			s.Close()
		}
	}
}

func TestWhoSitsThere(t *testing.T) {
	dir := t.TempDir()
	for name, s := range map[string]string{
		"2":     "UID=1000\nUSER=li\nACTIVE=1\nSEAT=seat0\n",
		"3":     "UID=1001\nUSER=wang\nACTIVE=0\nSEAT=seat0\n",
		"c4":    "UID=1002\nUSER=far\nACTIVE=1\nREMOTE=1\n",
		"torn":  "UID=",
		"2.ref": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := seated(dir); !slices.Equal(got, []int{1000}) {
		t.Errorf("seated: %v", got)
	}
	passwd := filepath.Join(dir, "passwd")
	text := "root:x:0:0::/root:/bin/sh\nd:x:1:1::/:/usr/sbin/nologin\nli:x:1000:1000::/home/li:/bin/bash\nsvc:x:1500:1500::/:/bin/false\nnobody:x:65534:65534::/:/bin/sh\n"
	if err := os.WriteFile(passwd, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := humansIn(passwd); err != nil || !slices.Equal(got, []int{1000}) {
		t.Errorf("humans: %v, %v", got, err)
	}
}
