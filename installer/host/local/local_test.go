package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"shangu/schema/text"
)

// When the test binary is started with this variable it serves or locks the
// named directory as another process would, until it is killed.
const actAs = "SHANGU_TEST_LOCAL"

func TestMain(m *testing.M) {
	if role, dir, ok := strings.Cut(os.Getenv(actAs), ":"); ok {
		if err := act(role, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func act(role, dir string) error {
	held, err := Lock(dir)
	if err != nil {
		return err
	}
	defer held.Release()
	if role == "lock" {
		fmt.Println("ready")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	l, err := Listen(dir)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return ServeOn(context.Background(), l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.Getpid())
	}))
}

// tempDir is t.TempDir but for Wine, where Go's RemoveAll does not work and
// would fail the test.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "local-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// another starts this binary in a role on dir and waits until it is at it.
func another(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), actAs+"="+role+":"+dir)
	cmd.Stderr = os.Stderr
	// It lives until its input ends or it is killed.
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	return cmd
}

func get(t *testing.T, c *http.Client) string {
	t.Helper()
	r, err := c.Get(Origin + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLockKeepsASecondProcessOut(t *testing.T) {
	dir := tempDir(t)
	cmd := another(t, "lock", dir)
	_, err := Lock(dir)
	if !errors.Is(err, ErrHeld) {
		t.Fatalf("Lock while another process holds it: %v", err)
	}
	if want := fmt.Sprint(cmd.Process.Pid); !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
		t.Errorf("message %q names neither process %s nor the directory", err, want)
	}
	cmd.Process.Kill()
	cmd.Wait()
	held, err := Lock(dir)
	if err != nil {
		t.Fatalf("Lock after the holder was killed: %v", err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrHeld) {
		t.Fatalf("second Lock in one process: %v", err)
	}
	held.Release()
	held.Release()
	again, err := Lock(dir)
	if err != nil {
		t.Fatalf("Lock after Release: %v", err)
	}
	again.Release()
}

func TestLockOfAMissingDirectory(t *testing.T) {
	if _, err := Lock(filepath.Join(tempDir(t), "none")); text.Of(err) == nil || text.Of(err).ID() != "host.no_such_dir" {
		t.Fatalf("got %v", err)
	}
}

func TestServeAnswersUntilTheContextEnds(t *testing.T) {
	dir := tempDir(t)
	if _, ok := Client(dir); ok {
		t.Fatal("a client of nobody")
	}
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- ServeOn(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(entered)
				<-leave
			}
			fmt.Fprint(w, "here")
		}))
	}()
	c, ok := Client(dir)
	if !ok {
		t.Fatal("nobody answers")
	}
	if got := get(t, c); got != "here" {
		t.Fatalf("answer %q", got)
	}
	if _, err := Listen(dir); !errors.Is(err, ErrServing) {
		t.Fatalf("second Listen: %v", err)
	}
	answer := make(chan string, 1)
	go func() {
		r, err := c.Get(Origin + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		answer <- string(b)
	}()
	<-entered
	cancel()
	close(leave)
	if got := <-answer; got != "here" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if _, ok := Client(dir); ok {
		t.Error("somebody still answers")
	}
	for _, name := range []string{socketName, addressName} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s was left behind: %v", name, err)
		}
	}
}

func TestAKilledServiceLeavesNothingInTheWay(t *testing.T) {
	dir := tempDir(t)
	cmd := another(t, "serve", dir)
	c, ok := Client(dir)
	if !ok {
		t.Fatal("the other process does not answer")
	}
	if got, want := get(t, c), fmt.Sprint(cmd.Process.Pid); got != want {
		t.Fatalf("process %s answered, want %s", got, want)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, ok := Client(dir); ok {
		t.Fatal("a killed service answers")
	}
	next := another(t, "serve", dir)
	c, ok = Client(dir)
	if !ok {
		t.Fatal("its successor does not answer")
	}
	if got, want := get(t, c), fmt.Sprint(next.Process.Pid); got != want {
		t.Fatalf("process %s answered, want %s", got, want)
	}
}

func TestALongPath(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("only Linux and Windows reach a socket in a directory with a long path")
	}
	dir := filepath.Join(tempDir(t), strings.Repeat("山谷中心小学/", 8))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := another(t, "serve", dir)
	c, ok := Client(dir)
	if !ok {
		t.Fatal("nobody answers")
	}
	if got, want := get(t, c), fmt.Sprint(cmd.Process.Pid); got != want {
		t.Fatalf("answer %q, want %q", got, want)
	}
}

func TestReach(t *testing.T) {
	dir := tempDir(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, held, err := Reach(ctx, dir)
	if err != nil || c != nil || held == nil {
		t.Fatalf("with nobody there: %v %v %v", c, held, err)
	}
	short, end := context.WithTimeout(ctx, 200*time.Millisecond)
	defer end()
	if _, _, err := Reach(short, dir); !errors.Is(err, ErrHeld) {
		t.Fatalf("while it is held: %v", err)
	}

	// A service that comes up while a command waits.
	type reached struct {
		c    *http.Client
		held *Held
		err  error
	}
	got := make(chan reached, 1)
	go func() {
		c, h, err := Reach(ctx, dir)
		got <- reached{c, h, err}
	}()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	go ServeOn(ctx, l, http.NotFoundHandler())
	if r := <-got; r.err != nil || r.c == nil || r.held != nil {
		t.Fatalf("while a service comes up: %+v", r)
	}
	held.Release()
}

// The loopback door is the one of Windows; its handshake is the same anywhere.
func TestLoopbackHandshake(t *testing.T) {
	dir := tempDir(t)
	write := func(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }
	l, err := listenLoopback(dir, write)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- ServeOn(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "here") }))
	}()
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialLoopback(ctx, dir)
	}}}
	if got := get(t, c); got != "here" {
		t.Fatalf("answer %q", got)
	}

	t.Run("a stranger gets no HTTP", func(t *testing.T) {
		// Long enough to be taken for a nonce and a proof.
		request := "GET /x HTTP/1.1\r\nHost: shangu\r\nX-Padding: " + strings.Repeat("x", 200) + "\r\n\r\n"
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, request)
		answer, _ := io.ReadAll(conn)
		if strings.Contains(string(answer), "HTTP/") || strings.Contains(string(answer), "here") {
			t.Fatalf("answered %q", answer)
		}
	})
	t.Run("a wrong key is refused", func(t *testing.T) {
		other := tempDir(t)
		if err := write(filepath.Join(other, addressName), fmt.Appendf(nil, "%s %064x\n", l.Addr(), 7)); err != nil {
			t.Fatal(err)
		}
		if _, err := dialLoopback(ctx, other); !errors.Is(err, errKey) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("a program on the port of a dead service learns nothing", func(t *testing.T) {
		squat, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer squat.Close()
		heard := make(chan []byte, 1)
		go func() {
			conn, err := squat.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			b := make([]byte, nonceSize)
			io.ReadFull(conn, b)
			conn.Write(make([]byte, 2*nonceSize))
			rest, _ := io.ReadAll(conn)
			heard <- rest
		}()
		stale := tempDir(t)
		if err := write(filepath.Join(stale, addressName), fmt.Appendf(nil, "%s %064x\n", squat.Addr(), 7)); err != nil {
			t.Fatal(err)
		}
		if _, err := dialLoopback(ctx, stale); !errors.Is(err, errKey) {
			t.Fatalf("got %v", err)
		}
		if rest := <-heard; len(rest) != 0 {
			t.Fatalf("it was sent %q", rest)
		}
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, addressName)); !os.IsNotExist(err) {
		t.Errorf("the address was left behind: %v", err)
	}
}

func TestParseAddress(t *testing.T) {
	key := strings.Repeat("ab", nonceSize)
	for in, ok := range map[string]bool{
		"127.0.0.1:80 " + key:        true,
		"127.0.0.1:80 " + key + "\n": true,
		"10.0.0.1:80 " + key:         false,
		"127.0.0.1:80 " + key[2:]:    false,
		"127.0.0.1:80":               false,
		"127.0.0.1 " + key:           false,
		"":                           false,
	} {
		if _, _, err := parseAddress(in); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}
