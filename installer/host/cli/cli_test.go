package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"shangu/schema/text"
)

// tree is a small binary of our own, with ids that the catalogue has.
func tree() *cobra.Command {
	root := New("agent", "host.cmd_help")
	work := &cobra.Command{
		Use: "work FILE", Short: "host.cmd_help", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := Dir(cmd)
			if err != nil {
				return err
			}
			switch args[0] {
			case "fail":
				return fmt.Errorf("do work: %w", text.New("host.not_installed", "name", "two\nlines"))
			case "plain":
				return errors.New("no words for this")
			case "said":
				return ErrSaid
			case "misuse":
				return Usage("host.no_args")
			}
			return Print(cmd, map[string]string{"dir": dir, "file": args[0]}, func(w io.Writer) { fmt.Fprintln(w, dir, args[0]) })
		},
	}
	work.Flags().Int("limit", 1, "host.flag_json")
	work.Flags().String("from", "", "host.flag_dir")
	work.Flags().String("to", "", "host.flag_dir")
	work.MarkFlagsRequiredTogether("from", "to")
	must := &cobra.Command{
		Use: "must", Short: "host.cmd_help", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	must.Flags().String("id", "", "host.flag_dir")
	if err := must.MarkFlagRequired("id"); err != nil {
		panic(err)
	}
	node := &cobra.Command{Use: "node", Short: "host.cmd_help"}
	node.AddCommand(must)
	root.AddCommand(work, node)
	return root
}

func run(args ...string) (code int, out, err string) {
	root := tree()
	var o, e bytes.Buffer
	root.SetOut(&o)
	root.SetErr(&e)
	code = Run(root.Context(), root, args)
	return code, o.String(), e.String()
}

func TestExitCodesAndWords(t *testing.T) {
	t.Cleanup(func() { text.SetDefault(text.FromEnvironment(func(string) string { return "" })) })
	dir := t.TempDir()
	for _, c := range []struct {
		args     string
		code     int
		out, err string // "" for nothing at all, else what it contains
	}{
		{"work x --dir " + dir, 0, dir + " x", ""},
		{"--dir " + dir + " work x", 0, dir + " x", ""},
		{"work --json --dir " + dir + " x", 0, `"file": "x"`, ""},
		{"work --dir sub x", 0, string(filepath.Separator) + "sub x", ""},
		{"work fail --lang en", 1, "", "the service two; lines is not installed\n"},
		{"work fail --lang zh", 1, "", "服务 two; lines 没有安装\n"},
		{"--lang=en work plain", 1, "", "no words for this\n"},
		{"work said", 1, "", ""},
		{"work misuse --lang en", 2, "", "takes no arguments"},
		{"work --lang en", 2, "", "Usage: agent work FILE"},
		{"work a b --lang en", 2, "", "Usage: agent work FILE"},
		{"work x --nope --lang en", 2, "", "agent work has no flag --nope"},
		{"work x -n --lang en", 2, "", "agent work has no flag -n"},
		{"work x --limit many --lang en", 2, "", "many is no value for --limit"},
		{"work x --lang en --limit", 2, "", "--limit needs a value"},
		{"work x --nope --lang zh", 2, "", "没有选项 --nope"},
		{"work x --lang fr", 2, "", "fr"},
		{"nothing --lang en", 2, "", "agent has no command nothing"},
		{"node nothing --lang en", 2, "", "agent node has no command nothing"},
		{"node --lang en", 2, "", "Commands:"},
		{"node must --lang en", 2, "", "agent node must needs --id"},
		{"node must --id=1", 0, "", ""},
		{"work x --from=1 --lang en", 2, "", "to"},
		{"work x --dir= --lang en", 2, "", "--dir"},
		{"--help --lang en", 0, "Commands:", ""},
		{"help work --lang zh", 0, "用法：\n  agent work FILE", ""},
		{"work --help --lang zh", 0, "--limit", ""},
		{"--version", 0, Version(), ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, err := run(strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			for _, s := range []struct{ name, got, want string }{{"stdout", out, c.out}, {"stderr", err, c.err}} {
				if s.want == "" && s.got != "" || !strings.Contains(s.got, s.want) {
					t.Errorf("%s is %q, want %q", s.name, s.got, s.want)
				}
			}
			if code != 0 && !strings.Contains(c.err, "Commands") && strings.Count(err, "\n") > 1 {
				t.Errorf("more than a line: %q", err)
			}
		})
	}
}

func TestHelpSpeaksOneLanguage(t *testing.T) {
	_, zh, _ := run("work", "--help", "--lang", "zh")
	for _, w := range []string{"数据目录", "显示帮助", "某个命令的帮助", "所有命令通用的选项"} {
		if !strings.Contains(zh, w) {
			t.Errorf("no %q in %s", w, zh)
		}
	}
	_, en, _ := run("work", "--help", "--lang", "en")
	for _, r := range en {
		if r >= 0x2e80 {
			t.Fatalf("Chinese in %s", en)
		}
	}
	if strings.Contains(zh+en, "host.") {
		t.Errorf("an id was left: %s", zh+en)
	}
}

func TestCheckFindsWhatHasNoWords(t *testing.T) {
	if err := Check(tree()); err != nil {
		t.Errorf("a tree with words: %v", err)
	}
	root := tree()
	root.AddCommand(&cobra.Command{Use: "bad", Short: "Plain English"})
	root.PersistentFlags().Bool("worse", false, "host.there_is_no_such_id")
	err := Check(root)
	if err == nil || !strings.Contains(err.Error(), "Plain English") || !strings.Contains(err.Error(), "there_is_no_such_id") {
		t.Errorf("got %v", err)
	}
}
